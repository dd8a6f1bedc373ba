//! Nodes, services and backend groups.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::values::{dns_name, duration, name, port, protocol, service_host};
use super::{GROUPS, NODES, ROUTERS, SERVICES, document, map, reference, sometimes};

fn http_timeout() -> impl Strategy<Value = Value> {
    (sometimes(60, duration()), sometimes(60, duration()))
        .prop_map(|(request, idle)| map([("perRequest", request), ("idle", idle)]))
}

fn listener() -> BoxedStrategy<Value> {
    let limit = || {
        prop::sample::select(vec![
            1_i64,
            100,
            i64::from(u32::MAX),
            i64::from(u32::MAX) + 1,
            i64::MAX,
        ])
    };
    let outlier = (duration(), duration(), 0..=100_i64, limit()).prop_map(|(ejection, interval, percent, errors)| {
        json!({ "baseEjectionDuration": ejection, "interval": interval, "maxEjectionPercent": percent, "maxServerErrors": errors })
    });
    let check =
        (protocol(), sometimes(50, port()), 2..=10_i64).prop_map(|(protocol, port, threshold)| {
            map([
                ("protocol", Some(protocol)),
                ("port", port),
                ("path", Some("/ping".into())),
                ("healthyThreshold", Some(threshold.into())),
                ("unhealthyThreshold", Some(threshold.into())),
                ("intervalMillis", Some(5000.into())),
                ("timeoutMillis", Some(2000.into())),
            ])
        });
    (
        port(),
        protocol(),
        sometimes(40, http_timeout()),
        sometimes(15, outlier),
        sometimes(15, check),
        sometimes(15, limit().prop_map(Value::from)),
    )
        .prop_map(|(port, protocol, timeout, outlier, check, pool)| {
            let kind = protocol.as_str().unwrap_or_default().to_owned();
            let timeout = timeout.map(|mut timeout| {
                if kind == "tcp"
                    && let Some(fields) = timeout.as_object_mut()
                {
                    fields.remove("perRequest");
                }
                json!({ kind.as_str(): timeout })
            });
            let pool = pool.map(|limit| match kind.as_str() {
                "http" => {
                    json!({ "http": { "maxConnections": limit, "maxPendingRequests": limit } })
                }
                "tcp" => json!({ "tcp": { "maxConnections": limit } }),
                kind => json!({ kind: { "maxRequests": limit } }),
            });
            map([
                (
                    "portMapping",
                    Some(json!({ "port": port, "protocol": protocol })),
                ),
                ("timeout", timeout),
                ("outlierDetection", outlier),
                ("healthCheck", check),
                ("connectionPool", pool),
            ])
        })
        .boxed()
}

fn discovery(number: usize) -> BoxedStrategy<Value> {
    let response = prop::sample::select(&["LOADBALANCER", "ENDPOINTS"][..]).prop_map(Value::from);
    prop_oneof![
        6 => (dns_name(number), sometimes(60, response)).prop_map(|(hostname, response)| json!({ "dns": map([("hostname", Some(hostname)), ("responseType", response)]) })),
        1 => Just(json!({ "awsCloudMap": { "namespaceName": "cloud", "serviceName": "Service" } })),
    ]
    .boxed()
}

/// Trust that makes a client policy of its own, so that one node has two clusters.
fn policy() -> BoxedStrategy<Value> {
    (any::<bool>(), prop::collection::vec(prop::sample::select(&[80_i64, 8080][..]), 0..2))
        .prop_map(|(enforce, ports)| {
            let tls = json!({ "enforce": enforce, "ports": ports, "validation": { "trust": { "file": { "certificateChain": "/ca.pem" } } } });
            json!({ "tls": tls })
        })
        .boxed()
}

/// A node.
pub(super) fn node(number: usize) -> BoxedStrategy<Value> {
    let backend = (reference("s", SERVICES), sometimes(15, policy()))
        .prop_map(|(service, policy)| json!({ "virtualService": map([("virtualServiceRef", Some(service)), ("clientPolicy", policy)]) }));
    (
        sometimes(20, name()),
        prop::collection::vec(listener(), 1..5),
        prop::collection::vec(backend, 1..6),
        sometimes(30, reference("b", GROUPS)),
        sometimes(95, discovery(number)),
        sometimes(
            10,
            policy().prop_map(|policy| json!({ "clientPolicy": policy })),
        ),
    )
        .prop_map(
            move |(alias, listeners, backends, group, discovery, defaults)| {
                let spec = map([
                    ("awsName", alias),
                    (
                        "podSelector",
                        Some(json!({ "matchLabels": { "app": format!("n{number}") } })),
                    ),
                    ("listeners", Some(listeners.into())),
                    ("backends", Some(backends.into())),
                    ("backendGroups", group.map(|group| json!([group]))),
                    ("serviceDiscovery", discovery),
                    ("backendDefaults", defaults),
                ]);
                document("VirtualNode", "n", number, spec)
            },
        )
        .boxed()
}

/// A service.
pub(super) fn service(number: usize) -> BoxedStrategy<Value> {
    let provider = prop_oneof![
        3 => reference("r", ROUTERS).prop_map(|router| json!({ "virtualRouter": { "virtualRouterRef": router } })),
        1 => reference("n", NODES).prop_map(|node| json!({ "virtualNode": { "virtualNodeRef": node } })),
    ];
    (sometimes(50, service_host()), sometimes(95, provider))
        .prop_map(move |(host, provider)| {
            document(
                "VirtualService",
                "s",
                number,
                map([("awsName", host), ("provider", provider)]),
            )
        })
        .boxed()
}

/// A backend group.
pub(super) fn group(number: usize) -> BoxedStrategy<Value> {
    prop::collection::vec(reference("s", SERVICES), 0..4)
        .prop_map(move |services| {
            document(
                "BackendGroup",
                "b",
                number,
                json!({ "virtualservices": services }),
            )
        })
        .boxed()
}
