use serde_json::json;
use tulle_model::fragment::{Fragment, Gateway};
use tulle_model::policy::Protocol;
use tulle_model::selector::{Labels, Selector};

use super::*;
use crate::names::name;

fn gateway(fragment: Fragment) -> Gateway {
    match fragment {
        Fragment::Gateway(gateway) => *gateway,
        other => panic!("{other:?}"),
    }
}

fn listener(port: i64, protocol: &str) -> Value {
    json!({"portMapping": {"port": port, "protocol": protocol}})
}

#[test]
fn a_whole_gateway() {
    let labels = json!({"matchLabels": {"gateway": "one"}});
    let gateway = gateway(clean(
        "VirtualGateway",
        json!({
            "meshRef": {"name": "m", "uid": "1"},
            "namespaceSelector": {}, "podSelector": labels, "gatewayRouteSelector": labels,
            "listeners": [listener(8080, "http"), listener(8081, "http2"), listener(9111, "grpc")],
        }),
    ));
    assert_eq!(gateway.mesh, Some(name("", "m")));
    assert_eq!(gateway.namespaces, Some(Selector::default()));
    assert_eq!(gateway.pods, Some(gateway.routes.clone()));
    let listeners: Vec<_> = gateway
        .listeners
        .iter()
        .map(|l| (l.port, l.protocol))
        .collect();
    assert_eq!(
        listeners,
        [
            (8080, Protocol::Http),
            (8081, Protocol::Http2),
            (9111, Protocol::Grpc)
        ]
    );
}

#[test]
fn absent_selectors_differ() {
    let gateway = gateway(clean("VirtualGateway", json!({})));
    assert_eq!((gateway.namespaces, gateway.pods), (None, None));
    assert!(
        gateway.routes.matches(&Labels::new()),
        "absent selects every route"
    );
}

#[test]
fn a_route_selector_that_cannot_be_evaluated_selects_nothing() {
    let fragment = one_finding(
        "VirtualGateway",
        json!({"gatewayRouteSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}),
        Severity::Error,
        "spec.gatewayRouteSelector.matchExpressions[0].operator",
        "selects nothing",
    );
    let routes = gateway(fragment.unwrap()).routes;
    let labels = Labels::from([(str("a"), str("")), (str(""), str(""))]);
    assert!(!routes.matches(&labels) && !routes.matches(&Labels::new()));
}

#[test]
fn one_bad_listener_is_left_out() {
    for (port, message) in [(0, "is no port"), (8080, "has a listener already")] {
        let fragment = one_finding(
            "VirtualGateway",
            json!({"listeners": [listener(8080, "http"), listener(port, "grpc")]}),
            Severity::Error,
            "spec.listeners[1].portMapping.port",
            message,
        );
        assert_eq!(gateway(fragment.unwrap()).listeners.len(), 1);
    }
}

#[test]
fn a_pool_holds_for_each_destination() {
    let mut first = listener(8080, "http");
    first["connectionPool"] = json!({"http": {"maxConnections": 5, "maxPendingRequests": 6}});
    let fragment = one_finding(
        "VirtualGateway",
        json!({"listeners": [first]}),
        Severity::Info,
        "spec.listeners[0].connectionPool",
        "for each destination that the gateway calls",
    );
    let pool = gateway(fragment.unwrap()).listeners[0].pool.unwrap();
    assert_eq!(
        (pool.connections, pool.pending_requests),
        (Some(5), Some(6))
    );
}

#[test]
fn pools_of_two_kinds_and_health_checks_are_told() {
    let mut first = listener(8080, "http");
    first["connectionPool"] = json!({"http": {"maxConnections": 1}, "grpc": {"maxRequests": 1}});
    first["healthCheck"] = json!({"intervalMillis": 5000, "protocol": "http", "timeoutMillis": 2000, "unhealthyThreshold": 2});
    let translated = translated(
        "VirtualGateway",
        json!({"listeners": [first], "logging": {}}),
    );
    let pool = "spec.listeners[0].connectionPool";
    let grpc = "spec.listeners[0].connectionPool.grpc";
    let check = "spec.listeners[0].healthCheck";
    assert_eq!(
        findings(&translated),
        [
            (Severity::Error, "conflicting-fields", pool),
            (Severity::Error, "conflicting-fields", grpc),
            (Severity::Info, "pool-per-destination", pool),
            (Severity::Warning, "no-effect", check),
        ]
    );
    let message = "Only one type of Virtual Gateway Connection Pool is allowed";
    assert_eq!(&*translated.findings[0].message, message);
    let gateway = gateway(translated.fragments[0].clone());
    assert_eq!(gateway.listeners[0].pool.unwrap().connections, Some(1));
}
