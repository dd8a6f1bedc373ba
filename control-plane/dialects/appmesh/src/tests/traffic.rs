//! Pools, outlier detection and health checks of VirtualNodes.

use std::time::Duration;

use tulle_model::fragment::Listener;
use tulle_model::policy::Protocol;
use tulle_model::traffic::{HealthCheck, OutlierDetection, Pool};

use super::*;

fn spec(protocol: &str, key: &str, value: Value) -> Value {
    json!({
        "listeners": [{"portMapping": {"port": 80, "protocol": protocol}, key: value}],
        "serviceDiscovery": {"dns": {"hostname": "color"}},
    })
}

fn listener(fragment: Fragment) -> Listener {
    match fragment {
        Fragment::Workload(mut workload) => workload.listeners.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pools_are_of_the_listeners_protocol() {
    let limits = |connections, pending_requests, requests| {
        Some(Pool {
            connections,
            pending_requests,
            requests,
        })
    };
    let cases = [
        (
            "http",
            json!({"http": {"maxConnections": 5, "maxPendingRequests": 6}}),
            limits(Some(5), Some(6), None),
        ),
        (
            "http",
            json!({"http": {"maxConnections": 4_294_967_295_i64}}),
            limits(Some(u32::MAX), None, None),
        ),
        (
            "http2",
            json!({"http2": {"maxRequests": 7}}),
            limits(None, None, Some(7)),
        ),
        (
            "grpc",
            json!({"grpc": {"maxRequests": 8}}),
            limits(None, None, Some(8)),
        ),
        (
            "tcp",
            json!({"tcp": {"maxConnections": 9}}),
            limits(Some(9), None, None),
        ),
        ("tcp", json!({}), None),
    ];
    for (protocol, given, expected) in cases {
        let fragment = clean("VirtualNode", spec(protocol, "connectionPool", given));
        assert_eq!(listener(fragment).pool, expected);
    }
    let fragment = one_finding(
        "VirtualNode",
        spec(
            "http",
            "connectionPool",
            json!({"grpc": {"maxRequests": 8}}),
        ),
        Severity::Error,
        "spec.listeners[0].connectionPool.grpc",
        "the listener speaks http",
    );
    assert_eq!(listener(fragment.unwrap()).pool, None);
}

#[test]
fn limits_that_cannot_be_counted_are_left_out() {
    for given in [0, -1, 4_294_967_296_i64, i64::MAX, i64::MIN] {
        let pool = json!({"http": {"maxConnections": 3, "maxPendingRequests": given}});
        let fragment = one_finding(
            "VirtualNode",
            spec("http", "connectionPool", pool),
            Severity::Error,
            "spec.listeners[0].connectionPool.http.maxPendingRequests",
            "out of range",
        );
        let pool = listener(fragment.unwrap()).pool.unwrap();
        assert_eq!((pool.connections, pool.pending_requests), (Some(3), None));
    }
}

fn outlier() -> Value {
    json!({
        "maxServerErrors": 5, "maxEjectionPercent": 50,
        "interval": {"unit": "s", "value": 10}, "baseEjectionDuration": {"unit": "ms", "value": 1500},
    })
}

#[test]
fn outlier_detection_is_kept_or_left_out_as_a_whole() {
    let fragment = clean("VirtualNode", spec("http", "outlierDetection", outlier()));
    let expected = OutlierDetection {
        consecutive_errors: 5,
        interval: Duration::from_secs(10),
        base_ejection: Duration::from_millis(1500),
        max_ejection_percent: 50,
    };
    assert_eq!(listener(fragment).outlier_detection, Some(expected));
    for (pointer, value) in [
        ("/maxServerErrors", 0_i64),
        ("/maxServerErrors", 4_294_967_296),
        ("/maxEjectionPercent", 101),
        ("/maxEjectionPercent", -1),
        ("/interval/value", 0),
        ("/interval/value", -5),
        ("/baseEjectionDuration/value", 0),
    ] {
        let mut given = outlier();
        *given.pointer_mut(pointer).unwrap() = value.into();
        let field = format!(
            "spec.listeners[0].outlierDetection{}",
            pointer.replace('/', ".")
        );
        let fragment = one_finding(
            "VirtualNode",
            spec("http", "outlierDetection", given),
            Severity::Error,
            &field,
            "",
        );
        assert_eq!(listener(fragment.unwrap()).outlier_detection, None);
    }
}

fn check(protocol: &str) -> Value {
    json!({
        "protocol": protocol, "healthyThreshold": 2, "unhealthyThreshold": 3,
        "intervalMillis": 5000, "timeoutMillis": 2000,
    })
}

#[test]
fn health_checks_are_kept() {
    for (listens, asks) in [
        ("http", "http"),
        ("http", "http2"),
        ("http", "tcp"),
        ("http2", "grpc"),
        ("grpc", "grpc"),
        ("grpc", "http"),
        ("tcp", "tcp"),
        ("tcp", "http"),
    ] {
        let fragment = clean("VirtualNode", spec(listens, "healthCheck", check(asks)));
        let expected = HealthCheck {
            protocol: match asks {
                "http" => Protocol::Http,
                "http2" => Protocol::Http2,
                "grpc" => Protocol::Grpc,
                _ => Protocol::Tcp,
            },
            path: str("/"),
            port: None,
            healthy_threshold: 2,
            unhealthy_threshold: 3,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
        };
        assert_eq!(listener(fragment).health_check, Some(expected));
    }
}

#[test]
fn grpc_is_asked_over_http2_alone() {
    for listens in ["http", "tcp"] {
        let fragment = one_finding(
            "VirtualNode",
            spec(listens, "healthCheck", check("grpc")),
            Severity::Error,
            "spec.listeners[0].healthCheck.protocol",
            "HTTP/2",
        );
        assert_eq!(listener(fragment.unwrap()).health_check, None);
    }
}

#[test]
fn paths_are_for_http() {
    for (protocol, path, kept, severity) in [
        ("http", "/ping", Some("/ping"), None),
        ("http2", "/a?b=c%20d", Some("/a?b=c%20d"), None),
        ("http", "ping", None, Some(Severity::Error)),
        ("http", "", None, Some(Severity::Error)),
        ("http", "/a b", None, Some(Severity::Error)),
        ("http", "/a\r\nX: y", None, Some(Severity::Error)),
        ("http", "/\u{e9}", None, Some(Severity::Error)),
        ("tcp", "/ping", Some("/"), Some(Severity::Warning)),
        ("grpc", "/ping", Some("/"), Some(Severity::Warning)),
    ] {
        let mut given = check(protocol);
        given["path"] = path.into();
        let listens = if protocol == "grpc" { "grpc" } else { "http" };
        let translated = translated("VirtualNode", spec(listens, "healthCheck", given));
        let told = translated.findings.first().map(|finding| finding.severity);
        assert_eq!(told, severity, "{path:?} {:?}", translated.findings);
        let check = listener(translated.fragments[0].clone()).health_check;
        assert_eq!(check.map(|check| check.path), kept.map(str), "{path:?}");
    }
}

#[test]
fn ranges_are_the_schemas() {
    for (key, values) in [
        ("healthyThreshold", [1, 11]),
        ("unhealthyThreshold", [1, 11]),
        ("intervalMillis", [4999, 300_001]),
        ("timeoutMillis", [1999, 60_001]),
        ("port", [0, 65_536]),
    ] {
        for value in values {
            let mut given = check("http");
            given[key] = value.into();
            let fragment = one_finding(
                "VirtualNode",
                spec("http", "healthCheck", given),
                Severity::Error,
                &format!("spec.listeners[0].healthCheck.{key}"),
                "",
            );
            assert_eq!(listener(fragment.unwrap()).health_check, None);
        }
    }
}

#[test]
fn another_port_is_that_of_a_listener() {
    let mut given = check("http");
    given["port"] = 81.into();
    let mut with_both = spec("http", "healthCheck", given.clone());
    let second = json!({"portMapping": {"port": 81, "protocol": "http"}});
    with_both["listeners"].as_array_mut().unwrap().push(second);
    let fragment = clean("VirtualNode", with_both);
    assert_eq!(listener(fragment).health_check.unwrap().port, Some(81));
    let fragment = one_finding(
        "VirtualNode",
        spec("http", "healthCheck", given),
        Severity::Warning,
        "spec.listeners[0].healthCheck.port",
        "no listener on port 81",
    );
    let check = listener(fragment.unwrap()).health_check;
    assert_eq!(check.unwrap().port, Some(81));
}
