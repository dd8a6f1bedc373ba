use std::time::Duration;

use prost::Message;
use tulle_model::Str;
use tulle_model::linked::{ProxyView, Role, Route as LinkedRoute};
use tulle_model::matching::{HostMatch, HttpMatch, ValueMatch};
use tulle_model::policy::{EgressPolicy, RetryPolicy};
use tulle_model::settings::Settings;
use tulle_proto::route::header_matcher::HeaderMatchSpecifier;
use tulle_proto::route::query_parameter_matcher::QueryParameterMatchSpecifier;
use tulle_proto::route::route::Action;
use tulle_proto::route::route_action::ClusterSpecifier;
use tulle_proto::route::route_match::PathSpecifier;
use tulle_proto::route::{Route, RouteAction, RouteConfiguration, VirtualHost};

mod extras;

use super::{hosts_of, retry};
use crate::fixture::{
    colour, gateway, header, http_port, implicit_retry, prefix, route, sidecar, view,
};
use crate::plan::{Compiled, plan};
use crate::type_url;

fn configuration(view: &ProxyView, capture: &str, name: &str) -> (Compiled, RouteConfiguration) {
    let plan = plan(view, capture.parse().unwrap(), &Settings::default());
    let mut routes = plan
        .resources
        .iter()
        .filter(|r| r.type_url == type_url::ROUTES);
    let compiled = routes.find(|r| &*r.name == name).unwrap().compile();
    let message = RouteConfiguration::decode(&*compiled.bytes).unwrap();
    (compiled, message)
}

fn egress(policy: EgressPolicy, capture: &str) -> RouteConfiguration {
    configuration(&sidecar(policy), capture, "rds_egress_http_80").1
}

fn named<'a>(host: &'a VirtualHost, name: &str) -> &'a Route {
    host.routes.iter().find(|route| route.name == name).unwrap()
}

fn forward(route: &Route) -> &RouteAction {
    match &route.action {
        Some(Action::Route(action)) => action,
        other => panic!("{other:?}"),
    }
}

fn answer(route: &Route) -> u32 {
    match &route.action {
        Some(Action::DirectResponse(answer)) => answer.status,
        other => panic!("{other:?}"),
    }
}

/// The only route of a sidecar whose service has this one.
fn compiled(linked: LinkedRoute) -> Option<Route> {
    let mut service = colour();
    service.routes = vec![linked];
    let mut view = view();
    let Role::Sidecar(part) = &mut view.role else {
        panic!("no sidecar");
    };
    part.outbound = vec![http_port(80, vec![service], Vec::new())];
    let (_, mut configuration) = configuration(&view, "transparent", "rds_egress_http_80");
    configuration.virtual_hosts.remove(0).routes.pop()
}

#[test]
fn a_service_is_called_by_its_host_with_and_without_port() {
    let configuration = egress(EgressPolicy::DropAll, "transparent");
    let hosts = &configuration.virtual_hosts;
    assert_eq!(hosts.len(), 2);
    assert_eq!(hosts[0].name, "colour.shop.svc.cluster.local");
    let domains = [
        "colour.shop.svc.cluster.local",
        "colour.shop.svc.cluster.local:*",
    ];
    assert_eq!(hosts[0].domains, domains);
    assert!(!configuration.validate_clusters.unwrap().value);
}

#[test]
fn routes_keep_their_order_and_limits() {
    let configuration = egress(EgressPolicy::DropAll, "transparent");
    let host = &configuration.virtual_hosts[0];
    let names: Vec<_> = host
        .routes
        .iter()
        .map(|route| route.name.as_str())
        .collect();
    let expected: Vec<_> = colour().routes.iter().map(|r| r.name.to_string()).collect();
    assert_eq!(names, expected);
    let action = forward(named(host, "exact"));
    assert_eq!(action.timeout.as_ref().unwrap().seconds, 15);
    assert_eq!(action.idle_timeout.as_ref().unwrap().seconds, 300);
    let only = ClusterSpecifier::Cluster("cds_egress_shop_blue_shop_http_8080".to_owned());
    assert_eq!(action.cluster_specifier, Some(only));
    // No limit is said, for Envoy's own is 15 seconds.
    let unlimited = forward(&configuration.virtual_hosts[1].routes[0]);
    assert_eq!(unlimited.timeout.as_ref().unwrap().seconds, 0);
    assert_eq!(unlimited.idle_timeout.as_ref().unwrap().seconds, 0);
    assert!(unlimited.retry_policy.is_none());
}

#[test]
fn weights_become_shares_and_none_becomes_503() {
    let configuration = egress(EgressPolicy::DropAll, "transparent");
    let host = &configuration.virtual_hosts[0];
    let Some(ClusterSpecifier::WeightedClusters(split)) =
        &forward(named(host, "split")).cluster_specifier
    else {
        panic!("no shares");
    };
    let shares: Vec<_> = split
        .clusters
        .iter()
        .map(|c| c.weight.unwrap().value)
        .collect();
    assert_eq!(shares, [1, 3]);
    assert_eq!(answer(named(host, "nobody")), 503);
}

#[test]
fn every_cluster_with_a_share_is_required() {
    let view = sidecar(EgressPolicy::AllowAll);
    let (compiled, _) = configuration(&view, "transparent", "rds_egress_http_80");
    let names: Vec<Str> = compiled
        .requires
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    let expected: Vec<Str> = [
        "cds_egress_shop_blue_shop_http_8080",
        "cds_egress_shop_green_shop_http_8080",
        "cds_egress_shop_ledger_shop_grpc_9000",
        "cds_egress_shop_mesh-allow-all",
        "cds_egress_shop_red_shop_http_8080",
    ]
    .map(Str::from)
    .into();
    assert_eq!(names, expected);
}

#[test]
fn undeclared_hosts_are_dropped_or_passed_once() {
    let transparent = egress(EgressPolicy::AllowAll, "transparent");
    let last = transparent.virtual_hosts.last().unwrap();
    assert_eq!(
        (last.name.as_str(), last.domains.as_slice()),
        ("mesh_allow_all", &["*".to_owned()][..])
    );
    assert_eq!(last.routes.len(), 1);
    assert_eq!(
        forward(&last.routes[0]).timeout.as_ref().unwrap().seconds,
        0
    );
    let loopback = egress(EgressPolicy::AllowAll, "loopback=127.80.1.0/29");
    let last = loopback.virtual_hosts.last().unwrap();
    assert_eq!(answer(&last.routes[0]), 508);
    assert_eq!(last.routes[1].request_headers_to_add.len(), 1);
}

#[test]
fn every_kind_of_condition_is_said() {
    let configuration = egress(EgressPolicy::DropAll, "transparent");
    let host = &configuration.virtual_hosts[0];
    let matched = |name| named(host, name).r#match.clone().unwrap();
    assert_eq!(
        matched("exact").path_specifier,
        Some(PathSpecifier::Path("/exact".to_owned()))
    );
    assert!(matches!(
        matched("regex").path_specifier,
        Some(PathSpecifier::SafeRegex(_))
    ));
    let range = matched("range")
        .headers
        .remove(0)
        .header_match_specifier
        .unwrap();
    assert!(matches!(range, HeaderMatchSpecifier::RangeMatch(r) if (r.start, r.end) == (18, 65)));
    assert!(matched("inverted").headers[0].invert_match);
    let present = matched("present").headers.remove(0).header_match_specifier;
    assert_eq!(present, Some(HeaderMatchSpecifier::PresentMatch(true)));
    let query = matched("query-present").query_parameters.remove(0);
    let present = QueryParameterMatchSpecifier::PresentMatch(true);
    assert_eq!(query.query_parameter_match_specifier, Some(present));
    assert_eq!(matched("delete").headers[0].name, ":method");
    assert!(matched("grpc").grpc.is_some());
    assert!(matches!(
        matched("connect").path_specifier,
        Some(PathSpecifier::ConnectMatcher(_))
    ));
    assert_eq!(
        forward(named(host, "connect")).upgrade_configs[0].upgrade_type,
        "CONNECT"
    );
    assert!(forward(named(host, "all")).upgrade_configs.is_empty());
}

#[test]
fn a_condition_that_envoy_refuses_takes_its_route_alone_away() {
    let bad = header("x", Some(ValueMatch::Regex("(".into())), false);
    assert_eq!(compiled(route("bad", bad, &[("blue", 1)])), None);
    assert!(compiled(route("good", prefix("/"), &[("blue", 1)])).is_some());
}

#[test]
fn the_implicit_retry_is_app_meshs() {
    let policy = retry::policy(&implicit_retry());
    let on: Vec<_> = policy.retry_on.split(',').collect();
    let expected = [
        "connect-failure",
        "reset",
        "refused-stream",
        "unavailable",
        "retriable-status-codes",
    ];
    assert_eq!(on, expected);
    assert_eq!(policy.num_retries.unwrap().value, 2);
    assert_eq!(policy.retriable_status_codes, [503]);
    assert_eq!(policy.retry_host_predicate.len(), 1);
    assert_eq!(policy.host_selection_retry_max_attempts, 5);
}

#[test]
fn no_retries_still_limit_the_first_try() {
    let policy = retry::policy(&RetryPolicy {
        max_retries: 0,
        per_try_timeout: Some(Duration::from_millis(2500)),
        on: Default::default(),
        status_codes: Default::default(),
        avoid_previous_hosts: None,
    });
    assert_eq!(policy.num_retries.unwrap().value, 0);
    let limit = policy.per_try_timeout.unwrap();
    assert_eq!((limit.seconds, limit.nanos), (2, 500_000_000));
}

#[test]
fn limits_beyond_reason_stay_within_envoys() {
    let mut endless = route("endless", HttpMatch::default(), &[("blue", 1)]);
    endless.limits.request = Some(Duration::MAX);
    let seconds = forward(&compiled(endless).unwrap())
        .timeout
        .as_ref()
        .unwrap()
        .seconds;
    assert!(seconds > 0 && seconds < 9_223_372_036);
}

#[test]
fn what_comes_in_goes_to_the_application_without_retries() {
    let view = sidecar(EgressPolicy::DropAll);
    let (compiled, configuration) = configuration(&view, "transparent", "rds_ingress_grpc_9000");
    assert_eq!(
        &*compiled.requires[0].1,
        "cds_ingress_shop_front_shop_grpc_9000"
    );
    let host = &configuration.virtual_hosts[0];
    assert_eq!(host.domains, ["*"]);
    let action = forward(&host.routes[0]);
    assert_eq!(action.timeout.as_ref().unwrap().seconds, 15);
    assert!(action.retry_policy.is_none());
}

#[test]
fn a_gateways_hosts_hold_every_route_that_can_serve_them() {
    let exact = |host: &str| HostMatch::Exact(host.into());
    let suffix = |host: &str| HostMatch::Suffix(host.into());
    let conditions = [
        suffix(".example.com"),
        exact("Shop.example.com"),
        HostMatch::Any,
        suffix(".eu.example.com"),
        exact(".eu.example.com"),
    ];
    let hosts = hosts_of(&conditions);
    let seen: Vec<_> = hosts
        .iter()
        .map(|h| (h.domains.join(" "), h.holds.clone()))
        .collect();
    let expected = [
        (".eu.example.com", vec![0, 2, 3, 4]),
        ("shop.example.com", vec![0, 1, 2]),
        ("*.eu.example.com", vec![0, 2, 3]),
        ("*.example.com .example.com", vec![0, 2]),
        ("*", vec![2]),
    ];
    assert_eq!(
        seen,
        expected.map(|(domains, holds)| (domains.to_owned(), holds))
    );
    assert!(hosts_of(&[]).is_empty());
}

#[test]
fn a_gateways_route_changes_path_and_host_on_the_way() {
    let (compiled, configuration) =
        configuration(&gateway(), "transparent", "rds_ingress_http_8088");
    assert!(configuration.ignore_port_in_host_matching);
    let domains: Vec<_> = configuration
        .virtual_hosts
        .iter()
        .flat_map(|h| &h.domains)
        .collect();
    assert_eq!(domains.iter().filter(|domain| **domain == "*").count(), 1);
    let any = configuration
        .virtual_hosts
        .iter()
        .find(|h| h.name == "*")
        .unwrap();
    assert!(
        any.routes
            .iter()
            .any(|route| route.name == "nobody" && answer(route) == 404)
    );
    assert!(
        compiled
            .origins
            .iter()
            .any(|origin| &*origin.kind == "GatewayRoute")
    );
    assert!(
        compiled
            .origins
            .iter()
            .any(|origin| &*origin.kind == "VirtualRouter")
    );
    assert!(!compiled.requires.is_empty());
}

#[test]
fn a_service_s_aliases_are_domains_of_its_virtual_host() {
    let mut view = sidecar(EgressPolicy::DropAll);
    let mut service = colour();
    service.host_aliases = vec!["a*".into(), "colour".into(), "colour.shop".into()];
    if let Role::Sidecar(sidecar) = &mut view.role {
        sidecar.outbound = vec![http_port(80, vec![service], Vec::new())];
    }
    let (_, configuration) = configuration(&view, "transparent", "rds_egress_http_80");
    let [host] = configuration.virtual_hosts.as_slice() else {
        panic!("{configuration:?}");
    };
    let domains = [
        "colour.shop.svc.cluster.local",
        "colour.shop.svc.cluster.local:*",
        "colour",
        "colour:*",
        "colour.shop",
        "colour.shop:*",
    ];
    assert_eq!(host.domains, domains);
    let told = crate::findings(&view, "transparent".parse().unwrap());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].message.starts_with("a* is left out"), "{told:?}");
}
