//! Changed headers, faults and mirrors, as a route of a sidecar and as one of a gateway.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tulle_model::extras::{
    Abort, AbortAnswer, Delay, Fault, HeaderEdits, Mirror, RouteExtras, Share,
};
use tulle_model::linked::{Destination, GatewayRoute};
use tulle_model::policy::Protocol;
use tulle_proto::core::HeaderValueOption;
use tulle_proto::listener::Listener;
use tulle_proto::pb::envoy::extensions::filters::http::fault::v3::HttpFault;

use super::*;
use crate::fixture::{cluster_of, destination, gateway_route};
use crate::listener::INBOUND_CAPTURE_PORT;

fn edits(set: &[(&str, &str)], add: &[(&str, &str)], remove: &[&str]) -> HeaderEdits {
    let pairs = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    };
    HeaderEdits {
        set: pairs(set),
        add: pairs(add),
        remove: remove.iter().map(|name| (*name).into()).collect(),
    }
}

fn with(extras: RouteExtras<Destination>) -> LinkedRoute {
    let mut route = route("r", prefix("/"), &[("blue", 1)]);
    route.extras = extras;
    route
}

fn millionths(number: u32) -> Share {
    Share::of_millionths(number).unwrap()
}

/// `name=value`, and the number of the action: 0 adds, 2 sets.
fn told(options: &[HeaderValueOption]) -> Vec<String> {
    let told = |option: &HeaderValueOption| {
        let header = option.header.as_ref().unwrap();
        format!("{}={} {}", header.key, header.value, option.append_action)
    };
    options.iter().map(told).collect()
}

#[test]
fn headers_are_set_added_and_taken_away() {
    let compiled = compiled(with(RouteExtras {
        request_headers: edits(&[("a", "1")], &[("b", "2"), ("b", "3")], &["c"]),
        response_headers: edits(&[("d", "4")], &[], &["e", "f"]),
        ..RouteExtras::default()
    }))
    .unwrap();
    assert_eq!(
        told(&compiled.request_headers_to_add),
        ["a=1 2", "b=2 0", "b=3 0"]
    );
    assert_eq!(compiled.request_headers_to_remove, ["c"]);
    assert_eq!(told(&compiled.response_headers_to_add), ["d=4 2"]);
    assert_eq!(compiled.response_headers_to_remove, ["e", "f"]);
}

fn fault() -> Fault {
    Fault {
        delay: Some(Delay {
            share: millionths(500_000),
            duration: Duration::from_millis(1500),
        }),
        abort: Some(Abort {
            share: millionths(1),
            answer: AbortAnswer::Grpc(14),
        }),
    }
}

#[test]
fn a_fault_is_its_routes() {
    let compiled = compiled(with(RouteExtras {
        fault: Some(fault()),
        ..RouteExtras::default()
    }))
    .unwrap();
    let config = &compiled.typed_per_filter_config[crate::fault::FILTER];
    let config = HttpFault::decode(&*config.value).unwrap();
    let delay = config.delay.unwrap();
    assert_eq!(delay.percentage.unwrap().numerator, 500_000);
    assert_eq!(config.abort.unwrap().percentage.unwrap().numerator, 1);
    assert!(
        super::compiled(with(RouteExtras::default()))
            .unwrap()
            .typed_per_filter_config
            .is_empty()
    );
}

/// How many filters of faults are in the listeners of a view.
fn filters(view: &ProxyView) -> usize {
    let plan = plan(view, "transparent".parse().unwrap(), &Settings::default());
    let listeners = plan
        .resources
        .iter()
        .filter(|r| r.type_url == type_url::LISTENER);
    let bytes: Vec<u8> = listeners
        .inspect(|listener| {
            assert!(
                !listener.name.contains(&INBOUND_CAPTURE_PORT.to_string()) || {
                    let listener = Listener::decode(&*listener.compile().bytes).unwrap();
                    !format!("{listener:?}").contains("http.fault")
                }
            )
        })
        .flat_map(|listener| listener.compile().bytes)
        .collect();
    let name = crate::fault::FILTER.as_bytes();
    bytes
        .windows(name.len())
        .filter(|part| *part == name)
        .count()
}

#[test]
fn the_filter_is_only_where_a_route_has_a_fault() {
    let mut view = sidecar(EgressPolicy::DropAll);
    assert_eq!(filters(&view), 0);
    let Role::Sidecar(part) = &mut view.role else {
        panic!("no sidecar");
    };
    let service = &mut Arc::make_mut(&mut part.outbound[0]).http[0];
    Arc::make_mut(&mut service.routes).routes[0].extras.fault = Some(fault());
    assert_eq!(filters(&view), 1);
    let mut view = gateway();
    assert_eq!(filters(&view), 0);
    let Role::Gateway(part) = &mut view.role else {
        panic!("no gateway");
    };
    let route = Arc::make_mut(&mut part.listeners[0].routes[0]);
    let service = Arc::make_mut(route.service.as_mut().unwrap());
    service.routes[0].extras.fault = Some(fault());
    assert_eq!(filters(&view), 1);
}

#[test]
fn a_mirror_gets_its_share_and_is_required() {
    let mirror = |name: &str, share| Mirror {
        to: destination(name, Protocol::Http, 8080),
        share,
    };
    let extras = RouteExtras {
        mirrors: vec![mirror("green", Share::ALL), mirror("red", millionths(2500))],
        ..RouteExtras::default()
    };
    let route = compiled(with(extras.clone())).unwrap();
    let policies: Vec<_> = forward(&route)
        .request_mirror_policies
        .iter()
        .map(|policy| {
            let fraction = policy.runtime_fraction.as_ref().unwrap();
            (
                policy.cluster.as_str(),
                fraction.default_value.unwrap().numerator,
            )
        })
        .collect();
    assert_eq!(
        policies,
        [
            ("cds_egress_shop_green_shop_http_8080", 1_000_000),
            ("cds_egress_shop_red_shop_http_8080", 2500)
        ]
    );
    // Nobody is asked, so nobody gets a copy.
    let mut nobody = with(extras);
    nobody.targets[0].weight = 0;
    assert_eq!(answer(&compiled(nobody).unwrap()), 503);
}

#[test]
fn a_mirrors_cluster_is_named_and_required_as_a_targets() {
    let mut view = sidecar(EgressPolicy::DropAll);
    let to = destination("red", Protocol::Http, 8080);
    let Role::Sidecar(part) = &mut view.role else {
        panic!("no sidecar");
    };
    let service = &mut Arc::make_mut(&mut part.outbound[0]).http[0];
    let policy = service.policy.clone();
    let mut route = with(RouteExtras::default());
    route.extras.mirrors = vec![Mirror {
        to: to.clone(),
        share: Share::ALL,
    }];
    Arc::make_mut(&mut service.routes).routes = vec![route];
    let mut clusters = view.clusters.iter();
    let nth = clusters.position(|cluster| cluster.to == to && cluster.policy == policy);
    cluster_of(&mut view, nth.unwrap()).suffix = Some("_x".into());
    let (compiled, _) = configuration(&view, "transparent", "rds_egress_http_80");
    let expected = Str::from("cds_egress_shop_red_shop_http_8080_x");
    assert!(
        compiled.requires.iter().any(|(_, name)| *name == expected),
        "{:?}",
        compiled.requires
    );
}

/// The routes that a gateway makes of this route.
fn at_gateway(route: GatewayRoute) -> Vec<Route> {
    let mut view = gateway();
    let Role::Gateway(part) = &mut view.role else {
        panic!("no gateway");
    };
    part.listeners.truncate(1);
    part.listeners[0].routes = vec![Arc::new(route)];
    let (_, mut configuration) = configuration(&view, "transparent", "rds_ingress_http_8088");
    configuration.virtual_hosts.remove(0).routes
}

fn both(
    request: [HeaderEdits; 2],
    response: [HeaderEdits; 2],
    weight: u32,
) -> (Route, Option<Route>) {
    let mut route = gateway_route("g", HostMatch::Any, prefix("/"));
    let mut service = colour();
    service.routes = vec![with(RouteExtras::default())];
    service.routes[0].targets[0].weight = weight;
    let extras = &mut service.routes[0].extras;
    [route.request_headers, extras.request_headers] = request;
    [extras.response_headers, route.response_headers] = response;
    route.service = Some(Arc::new(service));
    let mut routes = at_gateway(route).into_iter();
    (routes.next().unwrap(), routes.next())
}

#[test]
fn a_gateway_makes_one_change_of_two() {
    let (route, _) = both(
        [
            edits(&[("a", "1"), ("b", "1")], &[], &["c"]),
            edits(&[("b", "2")], &[("c", "3")], &["a"]),
        ],
        [edits(&[("d", "1")], &[], &[]), edits(&[], &[], &["d"])],
        1,
    );
    assert_eq!(told(&route.request_headers_to_add), ["b=2 2", "c=3 0"]);
    assert_eq!(route.request_headers_to_remove, ["a", "c"]);
    assert!(route.response_headers_to_add.is_empty());
    assert_eq!(route.response_headers_to_remove, ["d"]);
    assert!(matches!(
        forward(&route).cluster_specifier,
        Some(ClusterSpecifier::Cluster(_))
    ));
}

#[test]
fn operators_are_left_to_a_step_of_their_own() {
    let request = [
        edits(&[("a", "1")], &[], &[]),
        edits(&[("b", "%REQ(a)%")], &[], &[]),
    ];
    let response = [edits(&[], &[("d", "1")], &[]), edits(&[], &[], &["e"])];
    let (route, _) = both(request.clone(), response.clone(), 1);
    let Some(ClusterSpecifier::WeightedClusters(weighted)) = &forward(&route).cluster_specifier
    else {
        panic!("{route:?}");
    };
    let first = &weighted.clusters[0];
    assert_eq!(told(&first.request_headers_to_add), ["a=1 2"]);
    assert_eq!(told(&route.request_headers_to_add), ["b=%REQ(a)% 2"]);
    // One step is enough here.
    assert_eq!(told(&first.response_headers_to_add), ["d=1 0"]);
    assert_eq!(first.response_headers_to_remove, ["e"]);
    assert!(route.response_headers_to_remove.is_empty());
    // An answer of Envoy's own has one step for all.
    let (route, _) = both(request, response, 0);
    assert_eq!(answer(&route), 503);
    assert_eq!(
        told(&route.request_headers_to_add),
        ["a=1 2", "b=%REQ(a)% 2"]
    );
    assert_eq!(told(&route.response_headers_to_add), ["d=1 0"]);
}

#[test]
fn what_no_route_of_the_service_takes_is_answered_with_the_gateways_headers() {
    let mut route = gateway_route("g", HostMatch::Any, prefix("/"));
    route.response_headers = edits(&[("d", "1")], &[], &[]);
    let mut service = colour();
    service.routes = vec![with(RouteExtras::default())];
    service.routes[0].matches = prefix("/x");
    route.service = Some(Arc::new(service));
    let routes = at_gateway(route);
    let last = routes.last().unwrap();
    assert_eq!(answer(last), 404);
    assert_eq!(told(&last.response_headers_to_add), ["d=1 2"]);
}
