use std::time::Duration;

use serde_json::json;
use tulle_model::extras::RouteExtras;
use tulle_model::fragment::{Fragment, Ref, Route, Router, Target};
use tulle_model::matching::{HttpMatch, PathMatch};
use tulle_model::policy::{Protocol, Timeouts};

use super::*;
use crate::names::name;

mod conditions;
mod retry;

fn router(fragment: Fragment) -> Router {
    match fragment {
        Fragment::Router(router) => *router,
        other => panic!("{other:?}"),
    }
}

fn targets() -> Value {
    json!({"weightedTargets": [{"virtualNodeRef": {"name": "blue"}, "weight": 1}]})
}

fn spec(protocol: &str, routes: Value) -> Value {
    json!({"listeners": [{"portMapping": {"port": 80, "protocol": protocol}}], "routes": routes})
}

/// A router with one route of the type: `body` is its `match`.
fn matching(kind: &str, body: Value) -> Value {
    let protocol = kind.trim_end_matches("Route");
    spec(
        protocol,
        json!([{"name": "r", kind: {"match": body, "action": targets()}}]),
    )
}

fn http(body: Value) -> HttpMatch {
    only_route(clean("VirtualRouter", matching("httpRoute", body))).matches
}

fn only_route(fragment: Fragment) -> Route {
    let mut routes = router(fragment).routes;
    assert_eq!(routes.len(), 1);
    routes.remove(0)
}

/// The route is left out, for this reason; another route stays.
#[track_caller]
fn refused(kind: &str, route: Value, field: &str, message: &str) {
    let good = json!({"name": "good", kind: {"match": {"prefix": "/"}, "action": targets()}});
    let mut bad = json!({"name": "bad"});
    bad[kind] = route;
    let protocol = kind.trim_end_matches("Route");
    let fragment = one_finding(
        "VirtualRouter",
        spec(protocol, json!([bad, good])),
        Severity::Error,
        &format!("spec.routes[0]{field}"),
        message,
    );
    assert_eq!(&*only_route(fragment.unwrap()).name, "good");
}

#[track_caller]
fn refused_match(body: Value, field: &str, message: &str) {
    let route = json!({"match": body, "action": targets()});
    refused(
        "httpRoute",
        route.clone(),
        &format!(".httpRoute.match{field}"),
        message,
    );
    refused(
        "http2Route",
        route,
        &format!(".http2Route.match{field}"),
        message,
    );
}

#[test]
fn a_whole_http_route() {
    let route = json!({
        "name": "r", "priority": 0,
        "http2Route": {
            "match": {"prefix": "/", "port": 80, "method": "POST", "scheme": "https"},
            "action": {"weightedTargets": [
                {"virtualNodeRef": {"name": "blue"}, "weight": 0, "port": 8080},
                {"virtualNodeARN": "arn:aws:appmesh:r:1:mesh/m/virtualNode/green_x", "weight": 100},
            ]},
            "timeout": {"perRequest": {"unit": "ms", "value": 250}, "idle": {"unit": "s", "value": 0}},
        },
    });
    let router = router(clean("VirtualRouter", spec("http2", json!([route]))));
    assert_eq!(
        (router.listeners[0].port, router.listeners[0].protocol),
        (80, Protocol::Http2)
    );
    let expected = Route {
        name: "r".into(),
        field: "spec.routes[0]".into(),
        protocol: Protocol::Http2,
        priority: Some(0),
        port: Some(80),
        matches: HttpMatch {
            path: PathMatch::Prefix("/".into()),
            method: Some("POST".into()),
            scheme: Some("https".into()),
            ..HttpMatch::default()
        },
        targets: vec![
            Target {
                workload: Ref::Name(name("shop", "blue")),
                port: Some(8080),
                weight: 0,
            },
            Target {
                workload: Ref::Alias("green_x".into()),
                port: None,
                weight: 100,
            },
        ],
        timeouts: Timeouts {
            request: Some(Duration::from_millis(250)),
            idle: Some(Duration::ZERO),
        },
        retry: None,
        extras: RouteExtras::default(),
    };
    assert_eq!(router.routes, [expected]);
}

#[test]
fn tcp_routes() {
    let route = json!({"name": "r", "tcpRoute": {
        "action": targets(), "match": {"port": 80}, "timeout": {"idle": {"unit": "s", "value": 5}},
    }});
    let route = only_route(clean("VirtualRouter", spec("tcp", json!([route]))));
    assert_eq!((route.protocol, route.port), (Protocol::Tcp, Some(80)));
    assert_eq!(
        route.timeouts,
        Timeouts {
            request: None,
            idle: Some(Duration::from_secs(5))
        }
    );
    let bare = json!([{"name": "r", "tcpRoute": {"action": targets()}}]);
    assert_eq!(
        only_route(clean("VirtualRouter", spec("tcp", bare))).port,
        None
    );
}

#[test]
fn a_route_has_one_type() {
    let route = json!({"match": {"prefix": "/"}, "action": targets()});
    for (given, message) in [
        (json!({"name": "r"}), "no type"),
        (
            json!({"name": "r", "httpRoute": route, "http2Route": route}),
            "several types",
        ),
        (
            json!({"name": "r", "httpRoute": route, "tcpRoute": {"action": targets()}}),
            "several types",
        ),
    ] {
        let spec = spec("http", json!([given]));
        let fragment = one_finding(
            "VirtualRouter",
            spec,
            Severity::Error,
            "spec.routes[0]",
            message,
        );
        assert!(router(fragment.unwrap()).routes.is_empty());
    }
}

#[test]
fn route_names() {
    let route = |name: &str, prefix: &str| json!({"name": name, "httpRoute": {"match": {"prefix": prefix}, "action": targets()}});
    let fragment = one_finding(
        "VirtualRouter",
        spec("http", json!([route("a", "/1"), route("a", "/2")])),
        Severity::Error,
        "spec.routes[1].name",
        "VirtualRouter-one has duplicate route entries for a",
    );
    assert_eq!(
        only_route(fragment.unwrap()).matches.path,
        PathMatch::Prefix("/1".into())
    );
    let fragment = one_finding(
        "VirtualRouter",
        spec("http", json!([route("", "/1"), route("a", "/2")])),
        Severity::Error,
        "spec.routes[0].name",
        "no name",
    );
    assert_eq!(&*only_route(fragment.unwrap()).name, "a");
}

#[test]
fn a_priority_out_of_bounds_counts_as_none() {
    for bad in [-1, 1001, i64::MAX] {
        let route = json!({"name": "r", "priority": bad, "httpRoute": {"match": {"prefix": "/"}, "action": targets()}});
        let fragment = one_finding(
            "VirtualRouter",
            spec("http", json!([route])),
            Severity::Error,
            "spec.routes[0].priority",
            "comes last",
        );
        assert_eq!(only_route(fragment.unwrap()).priority, None);
    }
}

#[test]
fn one_bad_target_is_left_out() {
    for (bad, field) in [
        (json!({"weight": 1}), ""),
        (
            json!({"weight": -1, "virtualNodeRef": {"name": "a"}}),
            ".weight",
        ),
        (
            json!({"weight": 101, "virtualNodeRef": {"name": "a"}}),
            ".weight",
        ),
        (
            json!({"weight": 1, "port": 0, "virtualNodeRef": {"name": "a"}}),
            ".port",
        ),
        (
            json!({"weight": 1, "port": 70000, "virtualNodeRef": {"name": "a"}}),
            ".port",
        ),
    ] {
        let good = json!({"virtualNodeRef": {"name": "blue"}, "weight": 3});
        let field = format!("spec.routes[0].httpRoute.action.weightedTargets[0]{field}");
        let route = |targets: Value| json!([{"name": "r", "httpRoute": {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}}]);
        let both = spec("http", route(json!([bad, good])));
        let fragment = one_finding("VirtualRouter", both, Severity::Error, &field, "");
        let kept = only_route(fragment.unwrap()).targets;
        assert_eq!(
            kept,
            [Target {
                workload: Ref::Name(name("shop", "blue")),
                port: None,
                weight: 3
            }]
        );
        let alone = spec("http", route(json!([bad])));
        let fragment = one_finding("VirtualRouter", alone, Severity::Error, &field, "");
        assert!(router(fragment.unwrap()).routes.is_empty());
    }
    refused(
        "httpRoute",
        json!({"match": {"prefix": "/"}, "action": {"weightedTargets": []}}),
        ".httpRoute.action.weightedTargets",
        "no target",
    );
}

#[test]
fn listeners() {
    let error = |spec: Value, field: &str, message: &str| {
        router(one_finding("VirtualRouter", spec, Severity::Error, field, message).unwrap())
    };
    assert!(
        error(json!({}), "spec.listeners", "cannot be called")
            .listeners
            .is_empty()
    );
    let two = json!({"listeners": [
        {"portMapping": {"port": 80, "protocol": "http"}}, {"portMapping": {"port": 80, "protocol": "tcp"}},
    ]});
    let kept = error(
        two,
        "spec.listeners[1].portMapping.port",
        "has a listener already",
    )
    .listeners;
    assert_eq!((kept.len(), kept[0].protocol), (1, Protocol::Http));
}

#[test]
fn routes_that_serve_no_listener_or_many() {
    let route = |port: Option<i64>| {
        let mut wanted = json!({"prefix": "/"});
        if let Some(port) = port {
            wanted["port"] = port.into();
        }
        json!([{"name": "r", "httpRoute": {"match": wanted, "action": targets()}}])
    };
    let listeners = |protocols: [&str; 2]| {
        let of = |port: i64, protocol: &str| json!({"portMapping": {"port": port, "protocol": protocol}});
        json!([of(80, protocols[0]), of(81, protocols[1])])
    };
    for (port, protocols, message) in [
        (
            None,
            ["http2", "grpc"],
            "no http listener, so route r serves nothing",
        ),
        (Some(82), ["http", "http"], "no http listener on port 82"),
        (Some(81), ["http", "http2"], "no http listener on port 81"),
        (None, ["http", "http"], "serves 2 listeners"),
    ] {
        let spec = json!({"listeners": listeners(protocols), "routes": route(port)});
        let field = "spec.routes[0]";
        let fragment = one_finding("VirtualRouter", spec, Severity::Warning, field, message);
        assert_eq!(only_route(fragment.unwrap()).port.map(i64::from), port);
    }
    for (port, protocols) in [(None, ["http", "http2"]), (Some(81), ["http", "http"])] {
        clean(
            "VirtualRouter",
            json!({"listeners": listeners(protocols), "routes": route(port)}),
        );
    }
    refused_match(json!({"prefix": "/", "port": 0}), ".port", "0 is no port");
}
