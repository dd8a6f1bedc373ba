//! Routers: which routes on which port, in which order, to which targets.

use std::time::Duration;

use tulle_model::fragment::{Router, Target};
use tulle_model::linked::Route;
use tulle_model::matching::{HeaderMatch, PathMatch};
use tulle_model::policy::{Limits, Protocol, Timeouts};

use super::world::*;

/// A client of `shop/colour`, which the router `shop/paint` answers for, before `blue` and `red`.
fn world(router: Router) -> World {
    let mut world = World::new();
    world.put(workload("shop/blue", vec![listener(8080, Protocol::Http)]));
    world.put(workload("shop/red", vec![listener(8080, Protocol::Http)]));
    world.put(service("shop/colour", of_router("shop/paint")));
    world.put(client("shop/front", &["shop/colour"]));
    world.put(router);
    world
}

fn http(listeners: &[u16], routes: Vec<tulle_model::fragment::Route>) -> Router {
    let listeners = listeners.iter().map(|port| listener(*port, Protocol::Http));
    router("shop/paint", listeners.collect(), routes)
}

fn targets(route: &Route) -> Vec<String> {
    let targets = route.targets.iter();
    let told = |own: &tulle_model::linked::WeightedDestination| {
        format!("{}:{} {}", own.to.alias, own.to.port, own.weight)
    };
    targets.map(told).collect()
}

#[test]
fn routes_are_tried_by_priority_path_conditions_and_name() {
    let header = |name: &str| HeaderMatch {
        name: name.into(),
        invert: false,
        value: None,
    };
    let with = |text: &str, matches, priority| {
        let mut route = route(text, Protocol::Http, &[("shop/blue", 1)]);
        route.matches = matches;
        route.priority = priority;
        route
    };
    let mut one = prefix("/long");
    one.headers = vec![header("x")];
    let mut two = prefix("/long");
    two.headers = vec![header("x"), header("y")];
    let routes = vec![
        with("last", prefix("/"), None),
        with("b-same", prefix("/long"), None),
        with("a-same", prefix("/long"), None),
        with("one-header", one, None),
        with("two-headers", two, None),
        with("longer", prefix("/longer"), None),
        with("regex", path(PathMatch::Regex("/.*".into())), None),
        with("exact", path(PathMatch::Exact("/x".into())), None),
        with("first", prefix("/"), Some(0)),
        with("late", path(PathMatch::Exact("/y".into())), Some(1000)),
    ];
    let world = world(http(&[80], routes));
    let names: Vec<_> = world
        .routes("shop/front", 80)
        .iter()
        .map(|route| route.name.to_string())
        .collect();
    assert_eq!(
        names,
        [
            "first",
            "late",
            "exact",
            "regex",
            "longer",
            "two-headers",
            "one-header",
            "a-same",
            "b-same",
            "last"
        ]
    );
}

#[test]
fn a_route_serves_listeners_of_its_protocol_and_port() {
    let on = |text: &str, protocol, port| {
        let mut route = route(text, protocol, &[("shop/blue", 1)]);
        route.port = port;
        route
    };
    let router = router(
        "shop/paint",
        vec![
            listener(81, Protocol::Http),
            listener(80, Protocol::Http),
            listener(90, Protocol::Grpc),
        ],
        vec![
            on("both", Protocol::Http, None),
            on("one", Protocol::Http, Some(80)),
            on("wrong-kind", Protocol::Http2, Some(80)),
            on("no-kind", Protocol::Http2, None),
            on("no-port", Protocol::Http, Some(99)),
        ],
    );
    let world = world(router);
    let names = |port| -> Vec<String> {
        let routes = world.routes("shop/front", port);
        routes.iter().map(|route| route.name.to_string()).collect()
    };
    assert_eq!(names(80), ["both", "one"]);
    assert_eq!(names(81), ["both"]);
    assert!(names(90).is_empty());
    assert_eq!(
        world.findings(),
        [
            "info route-without-port VirtualRouter shop/paint spec.routes[0]",
            "error no-such-port VirtualRouter shop/paint spec.routes[4]",
            "error protocol-mismatch VirtualRouter shop/paint spec.routes[2]",
            "error protocol-mismatch VirtualRouter shop/paint spec.routes[3]",
        ]
    );
}

#[test]
fn a_target_is_its_named_listener_its_only_one_or_the_routers_port() {
    let mut split = route(
        "split",
        Protocol::Http,
        &[
            ("shop/blue", 1),
            ("shop/two", 2),
            ("shop/two", 3),
            ("shop/far", 4),
            ("shop/two", 5),
            ("shop/none", 6),
            ("shop/mute", 7),
            ("shop/lost", 8),
            ("shop/blue", 9),
        ],
    );
    split.targets[2].port = Some(81);
    split.targets[4].port = Some(99);
    let mut world = world(http(&[80], vec![split]));
    let two = |ports: [u16; 2]| ports.map(|port| listener(port, Protocol::Http)).to_vec();
    world.put(workload("shop/two", two([80, 81])));
    world.put(workload("shop/far", two([8080, 8081])));
    world.put(workload("shop/mute", vec![]));
    let mut lost = workload("shop/lost", two([80, 81]));
    lost.discovery = None;
    world.put(lost);
    assert_eq!(
        targets(&world.routes("shop/front", 80)[0]),
        ["blue_shop:8080 10", "two_shop:80 2", "two_shop:81 3"]
    );
    let field = "VirtualRouter shop/paint spec.routes[0]";
    assert_eq!(
        world.findings(),
        [
            format!("error ambiguous-port {field}"),
            format!("error dangling-reference {field}"),
            format!("error no-listener {field}"),
            format!("error no-listener {field}"),
            format!("error no-such-port {field}"),
        ]
    );
}

#[test]
fn zero_weights_and_empty_routes_stay() {
    let nobody = route("nobody", Protocol::Http, &[("shop/none", 1)]);
    let zero = route("zero", Protocol::Http, &[("shop/blue", 0)]);
    let world = world(http(&[80], vec![nobody, zero]));
    let routes = world.routes("shop/front", 80);
    assert!(targets(&routes[0]).is_empty());
    assert_eq!(targets(&routes[1]), ["blue_shop:8080 0"]);
    assert_eq!(world.clusters("virtualnode/shop/front").len(), 1);
}

#[test]
fn routers_without_routes_or_listeners_serve_what_they_can() {
    let mut world = world(http(&[80], vec![]));
    assert!(world.routes("shop/front", 80).is_empty());
    assert!(world.findings().is_empty());
    world.put(http(&[], vec![]));
    assert!(world.calls("shop/front").is_empty());
    assert_eq!(
        world.findings(),
        ["warning no-listener VirtualRouter shop/paint spec.listeners"]
    );
    world.put(service("shop/colour", None));
    world.put(http(&[80], vec![]));
    assert!(world.calls("shop/front").is_empty());
    assert_eq!(
        world.findings(),
        ["warning no-provider VirtualService shop/colour spec.provider"]
    );
}

#[test]
fn a_tcp_port_has_one_route() {
    let routes = vec![
        route("z", Protocol::Tcp, &[("shop/red", 1)]),
        route("a", Protocol::Tcp, &[("shop/blue", 0), ("shop/red", 1)]),
    ];
    let router = router("shop/paint", vec![listener(80, Protocol::Tcp)], routes);
    let world = world(router);
    let outbound = world.outbound("shop/front");
    assert_eq!(outbound[0].tcp[0].targets.len(), 2);
    assert_eq!(
        world.findings(),
        [
            "warning protocol-mismatch VirtualRouter shop/paint spec.routes[1]",
            "warning protocol-mismatch VirtualRouter shop/paint spec.routes[1]",
            "error shadowed-route VirtualRouter shop/paint spec.routes[0]",
        ]
    );
}

#[test]
fn limits_have_defaults_and_both_ends_are_compared() {
    let with = |request: Option<u64>| {
        let mut route = route("slow", Protocol::Http, &[("shop/blue", 1)]);
        route.timeouts.request = request.map(Duration::from_secs);
        http(&[80], vec![route])
    };
    let blue = |request: Option<u64>| {
        let mut listener = listener(8080, Protocol::Http);
        listener.timeouts.request = request.map(Duration::from_secs);
        workload("shop/blue", vec![listener])
    };
    let default = Limits {
        request: seconds(15),
        idle: seconds(300),
    };
    let mut world = world(with(None));
    assert_eq!(world.routes("shop/front", 80)[0].limits, default);
    for (route, listener, warned) in [
        (None, None, false),
        (Some(15), Some(1), false),
        (Some(16), None, true),
        (Some(16), Some(16), false),
        (Some(60), Some(0), false),
        (Some(0), Some(60), true),
        (Some(0), Some(0), false),
        (Some(10), Some(5), false),
    ] {
        world.put(with(route));
        world.put(blue(listener));
        let expected: &[&str] = match warned {
            true => &["warning timeout-cut-short VirtualRouter shop/paint spec.routes[0]"],
            false => &[],
        };
        assert_eq!(world.findings(), expected, "{route:?} {listener:?}");
    }
}

#[test]
fn a_workload_that_answers_by_itself_has_a_route_a_listener() {
    let mut world = world(http(&[], vec![]));
    let mut slow = listener(81, Protocol::Grpc);
    slow.timeouts = Timeouts {
        request: seconds(60),
        idle: seconds(0),
    };
    world.put(workload(
        "shop/blue",
        vec![slow, listener(80, Protocol::Http)],
    ));
    world.put(service("shop/colour", of_workload("shop/blue")));
    let routes = world.routes("shop/front", 81);
    assert_eq!(routes.len(), 1);
    assert_eq!(targets(&routes[0]), ["blue_shop:81 1"]);
    assert_eq!(
        routes[0].limits,
        Limits {
            request: seconds(60),
            idle: None
        }
    );
    assert_eq!(routes[0].retry.as_ref().unwrap().max_retries, 2);
    world.set(|settings| settings.implicit_retry = false);
    assert_eq!(world.routes("shop/front", 80)[0].retry, None);

    world.put(workload("shop/blue", vec![]));
    assert_eq!(
        world.findings(),
        [
            "warning no-listener VirtualRouter shop/paint spec.listeners",
            "error no-listener VirtualService shop/colour spec.provider",
        ]
    );
}

#[test]
fn a_weight_edit_changes_the_views_that_use_it_alone() {
    let with = |weight| {
        let mut split = route("split", Protocol::Http, &[("shop/blue", 1)]);
        split.targets.push(Target {
            workload: by_name("shop/red"),
            port: None,
            weight,
        });
        http(&[80], vec![split])
    };
    let mut world = world(with(1));
    world.put(client("shop/other", &[]));
    let delta = world.put(with(2));
    let expected = (vec!["virtualnode/shop/front".to_owned()], 0, false);
    assert_eq!(changed(&delta), expected);
    assert!(world.put(with(2)).is_empty());
}
