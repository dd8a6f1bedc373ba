//! Gateways and their routes.

use std::sync::Arc;

use tulle_model::fragment::{Gateway, GatewayRoute};
use tulle_model::linked::{self, Role};
use tulle_model::matching::{HostMatch, PathMatch};
use tulle_model::policy::Protocol;

use super::world::*;

/// A gateway before `shop/web` (http on 8080) and `shop/two` (http on 8080 and 8081).
fn world() -> World {
    let mut world = World::new();
    let ports = |ports: &[u16]| {
        ports
            .iter()
            .map(|port| listener(*port, Protocol::Http))
            .collect()
    };
    world.put(workload("shop/web", ports(&[8080])));
    world.put(workload("shop/two", ports(&[8080, 8081])));
    world.put(service("shop/web", of_workload("shop/web")));
    world.put(service("shop/two", of_workload("shop/two")));
    world.put(edge());
    world
}

fn edge() -> Gateway {
    gateway("edge/in", vec![listener(80, Protocol::Http)])
}

fn routes(world: &World, port: u16) -> Vec<Arc<linked::GatewayRoute>> {
    match &world.view("virtualgateway/edge/in").role {
        Role::Gateway(gateway) => {
            let mut listeners = gateway.listeners.iter();
            listeners
                .find(|own| own.port == port)
                .unwrap()
                .routes
                .clone()
        }
        Role::Sidecar(_) => panic!("a sidecar"),
    }
}

fn names(world: &World, port: u16) -> Vec<String> {
    let told = |own: &Arc<linked::GatewayRoute>| match &own.service {
        Some(service) => format!("{} {}:{}", own.name, service.host, service.port),
        None => format!("{} 404", own.name),
    };
    routes(world, port).iter().map(told).collect()
}

#[test]
fn a_gateway_has_what_its_routes_lead_to() {
    let mut world = world();
    let mut edge = edge();
    edge.default_policy = policy("tls");
    world.put(edge);
    world.put(gateway_route("shop/r", "shop/web"));
    assert_eq!(names(&world, 80), ["r_shop web.shop:8080"]);
    let clusters = world.clusters("virtualgateway/edge/in");
    assert_eq!(clusters.len(), 1);
    assert_eq!(clusters[0].policy.as_deref(), policy("tls").as_ref());
    assert_eq!(clusters[0].suffix, None);
    assert!(world.findings().is_empty());
}

#[test]
fn the_host_becomes_the_services_name_as_written() {
    let mut world = world();
    let mut web = service("shop/web", of_workload("shop/web"));
    web.alias = "Web.Shop".into();
    world.put(web);
    let mut route = gateway_route("shop/r", "shop/web");
    world.put(route.clone());
    assert_eq!(
        routes(&world, 80)[0].host_rewrite.as_deref(),
        Some("Web.Shop")
    );
    route.rewrite_host = false;
    world.put(route);
    assert_eq!(routes(&world, 80)[0].host_rewrite, None);
}

#[test]
fn exactly_one_gateway_must_select_the_route() {
    let mut world = world();
    let mut picky = edge();
    picky.namespaces = Some(labelled("team", "shop"));
    picky.routes = labelled("gateway", "in");
    world.put(picky);
    let mut route = gateway_route("shop/r", "shop/web");
    world.put(route.clone());
    let none =
        "failed to find matching virtualGateway for gatewayRoute: r, expecting 1 but found 0";
    assert_eq!(world.message("no-gateway"), none);
    world.put(namespace("shop", &[("team", "shop")]));
    assert_eq!(world.message("no-gateway"), none);
    route.labels = labels(&[("gateway", "in")]);
    let delta = world.put(route.clone());
    assert_eq!(
        changed(&delta),
        (vec!["virtualgateway/edge/in".to_owned()], 0, true)
    );
    assert!(world.findings().is_empty());

    world.put(gateway("other/in", vec![]));
    assert_eq!(
        world.message("several-gateways"),
        "found multiple matching virtualGateways for gatewayRoute: r, expecting 1 but found 2: edge/in,other/in"
    );
    assert!(names(&world, 80).is_empty());
    route.gateway = Some(name("edge/in"));
    world.put(route.clone());
    assert_eq!(names(&world, 80).len(), 1);

    route.gateway = Some(name("edge/none"));
    world.put(route);
    assert_eq!(
        world.findings(),
        ["error dangling-reference GatewayRoute shop/r spec.virtualGatewayRef"]
    );
}

#[test]
fn the_gateway_is_of_the_routes_mesh() {
    let mut world = world();
    world.put(mesh("other", None));
    let mut foreign = edge();
    foreign.mesh = Some(name("other"));
    world.put(foreign);
    world.put(gateway_route("shop/r", "shop/web"));
    assert_eq!(
        world.findings(),
        ["error foreign-mesh GatewayRoute shop/r spec.virtualGatewayRef"]
    );
    assert!(names(&world, 80).is_empty());
}

#[test]
fn routes_are_tried_by_priority_path_conditions_host_and_name() {
    let mut world = world();
    let with = |text: &str, change: &dyn Fn(&mut GatewayRoute)| {
        let mut route = gateway_route(&format!("shop/{text}"), "shop/web");
        change(&mut route);
        route
    };
    for route in [
        with("any", &|_| {}),
        with("another", &|_| {}),
        with("suffix", &|own| {
            own.host = HostMatch::Suffix(".example".into())
        }),
        with("longer-suffix", &|own| {
            own.host = HostMatch::Suffix(".shop.example".into())
        }),
        with("exact-host", &|own| {
            own.host = HostMatch::Exact("a.example".into())
        }),
        with("long", &|own| own.matches = prefix("/long")),
        with("regex", &|own| {
            own.matches = path(PathMatch::Regex("/.*".into()))
        }),
        with("exact", &|own| {
            own.matches = path(PathMatch::Exact("/x".into()))
        }),
        with("first", &|own| own.priority = 0),
    ] {
        world.put(route);
    }
    let order: Vec<String> = routes(&world, 80)
        .iter()
        .map(|own| own.name.to_string())
        .collect();
    assert_eq!(
        order,
        [
            "first_shop",
            "exact_shop",
            "regex_shop",
            "long_shop",
            "exact-host_shop",
            "longer-suffix_shop",
            "suffix_shop",
            "another_shop",
            "any_shop"
        ]
    );
}

#[test]
fn a_route_serves_listeners_of_its_protocol_and_port() {
    let mut world = world();
    let listeners = vec![
        listener(80, Protocol::Http),
        listener(81, Protocol::Http),
        listener(90, Protocol::Grpc),
    ];
    world.put(gateway("edge/in", listeners));
    world.put(gateway_route("shop/all", "shop/web"));
    let mut one = gateway_route("shop/one", "shop/web");
    one.port = Some(81);
    world.put(one);
    let mut none = gateway_route("shop/none", "shop/web");
    none.protocol = Protocol::Http2;
    world.put(none);
    assert_eq!(names(&world, 80), ["all_shop web.shop:8080"]);
    assert_eq!(names(&world, 81).len(), 2);
    assert!(names(&world, 90).is_empty());
    assert_eq!(
        world.findings(),
        ["error route-without-listener GatewayRoute shop/none spec.httpRoute"]
    );
}

#[test]
fn the_targets_port_is_named_the_only_one_or_the_gateways_own() {
    let mut world = world();
    world.put(gateway(
        "edge/in",
        vec![listener(80, Protocol::Http), listener(8081, Protocol::Http)],
    ));
    let mut route = gateway_route("shop/r", "shop/two");
    world.put(route.clone());
    assert_eq!(names(&world, 80), ["r_shop 404"]);
    assert_eq!(names(&world, 8081), ["r_shop two.shop:8081"]);
    assert_eq!(
        world.findings(),
        ["error ambiguous-port GatewayRoute shop/r spec.httpRoute"]
    );
    route.target_port = Some(8080);
    world.put(route.clone());
    assert_eq!(names(&world, 80), ["r_shop two.shop:8080"]);
    assert!(world.findings().is_empty());
    route.target_port = Some(9);
    world.put(route);
    assert_eq!(names(&world, 80), ["r_shop 404"]);
    assert_eq!(
        world.findings(),
        ["error no-such-port GatewayRoute shop/r spec.httpRoute"]
    );
}

#[test]
fn a_route_without_a_service_goes_on_to_match_and_answers_404() {
    let mut world = world();
    world.put(gateway_route("shop/r", "shop/none"));
    assert_eq!(names(&world, 80), ["r_shop 404"]);
    assert_eq!(
        world.findings(),
        ["error dangling-reference GatewayRoute shop/r spec.httpRoute"]
    );
    world.put(workload("shop/db", vec![listener(5432, Protocol::Tcp)]));
    world.put(service("shop/none", of_workload("shop/db")));
    assert_eq!(names(&world, 80), ["r_shop 404"]);
    assert_eq!(
        world.findings(),
        ["error protocol-mismatch GatewayRoute shop/r spec.httpRoute"]
    );
    assert!(world.clusters("virtualgateway/edge/in").is_empty());
}

#[test]
fn findings_for_a_gateway_are_those_on_what_it_depends_on() {
    let mut world = world();
    world.put(gateway_route("shop/r", "shop/web"));
    world.put(client("shop/front", &["shop/none"]));
    let of = |world: &World, proxy: &str| {
        let findings = world.index.findings_for(&proxy.parse().unwrap());
        let told = findings
            .iter()
            .map(|own| format!("{} {}", own.code, own.object));
        told.collect::<Vec<_>>()
    };
    assert!(of(&world, "virtualgateway/edge/in").is_empty());
    assert_eq!(
        of(&world, "virtualnode/shop/front"),
        ["dangling-reference VirtualNode shop/front"]
    );
    world.put(service("shop/web", of_workload("shop/nobody")));
    assert_eq!(
        of(&world, "virtualgateway/edge/in"),
        [
            "no-listener GatewayRoute shop/r",
            "dangling-reference VirtualService shop/web",
        ]
    );
}

#[test]
fn pools_limit_what_a_gateway_calls() {
    use tulle_model::traffic::Pool;

    let http = |connections| {
        Some(Pool {
            connections: Some(connections),
            pending_requests: Some(2 * connections),
            requests: None,
        })
    };
    let listens = |port, pool| fragment_listener(port, pool);
    let pools = |world: &World| -> Vec<(String, Option<Pool>)> {
        let view = world.view("virtualgateway/edge/in");
        let clusters = view.clusters.iter();
        clusters
            .map(|own| (own.to.workload.name.to_string(), own.pool))
            .collect()
    };
    let mut world = World::new();
    world.put(workload("shop/web", vec![listener(8080, Protocol::Http)]));
    world.put(workload("shop/two", vec![listener(8080, Protocol::Http2)]));
    world.put(service("shop/web", of_workload("shop/web")));
    world.put(service("shop/two", of_workload("shop/two")));
    let mut of_80 = gateway_route("shop/web", "shop/web");
    of_80.port = Some(80);
    world.put(of_80);
    let mut of_both = gateway_route("shop/two", "shop/two");
    of_both.target_port = Some(8080);
    world.put(of_both);
    // one listener limits both, and HTTP/2 is counted by requests
    world.put(gateway("edge/in", vec![listens(80, http(5))]));
    let by_requests = |requests| {
        Some(Pool {
            connections: None,
            pending_requests: Some(2 * requests),
            requests: Some(requests),
        })
    };
    assert_eq!(
        pools(&world),
        [
            ("two".to_owned(), by_requests(5)),
            ("web".to_owned(), http(5))
        ]
    );
    // two listeners send the sum of their pools to what both call
    world.put(gateway(
        "edge/in",
        vec![listens(80, http(5)), listens(81, http(10))],
    ));
    assert_eq!(
        pools(&world),
        [
            ("two".to_owned(), by_requests(15)),
            ("web".to_owned(), http(5))
        ]
    );
    // a listener without a pool sends as much as comes
    world.put(gateway(
        "edge/in",
        vec![listens(80, http(5)), listens(81, None)],
    ));
    assert_eq!(
        pools(&world),
        [("two".to_owned(), None), ("web".to_owned(), http(5))]
    );
}

fn fragment_listener(
    port: u16,
    pool: Option<tulle_model::traffic::Pool>,
) -> tulle_model::fragment::Listener {
    tulle_model::fragment::Listener {
        pool,
        ..listener(port, Protocol::Http)
    }
}
