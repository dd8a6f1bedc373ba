//! Kubernetes' side of a mesh: namespaces, Services and their EndpointSlices.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{map, namespace, sometimes};

/// Both namespaces.
pub(super) fn namespaces() -> Vec<Value> {
    ["one", "two"]
        .iter()
        .map(
            |name| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }),
        )
        .collect()
}

fn ports() -> BoxedStrategy<Value> {
    prop::sample::subsequence(&[80, 8080, 9090, 1, 65535][..], 1..5)
        .prop_map(|ports| {
            ports
                .into_iter()
                .map(|port| json!({ "name": format!("p{port}"), "port": port, "protocol": "TCP" }))
                .collect()
        })
        .boxed()
}

/// The Service of the node of that number.
pub(super) fn service(number: usize) -> BoxedStrategy<Value> {
    let address =
        prop::sample::select(&["None", "10.96.0.1", "10.96.0.2", "fd00::1", "nonsense"][..])
            .prop_map(Value::from);
    (ports(), sometimes(80, address))
        .prop_map(move |(ports, address)| {
            json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": { "name": format!("n{number}"), "namespace": namespace(number) },
                "spec": map([("clusterIP", address), ("ports", Some(ports))]),
            })
        })
        .boxed()
}

/// An EndpointSlice of the same.
pub(super) fn slices(number: usize) -> BoxedStrategy<Value> {
    let family = prop_oneof![
        4 => (Just("IPv4"), prop::collection::vec(prop::sample::select(&["10.0.0.1", "10.0.0.2", "127.0.0.1", "0.0.0.0", "255.255.255.255", "nonsense", "::1"][..]), 0..4)),
        2 => (Just("IPv6"), prop::collection::vec(prop::sample::select(&["2001:db8::1", "::1", "fe80::1", "::ffff:10.0.0.1", "fe80::1%eth0", "10.0.0.1"][..]), 0..4)),
        1 => (Just("FQDN"), prop::collection::vec(prop::sample::select(&["db.example.com", "x"][..]), 0..2)),
    ];
    let zone = prop_oneof![Just("a"), Just("B é"), Just(""), Just("z\n")].prop_map(Value::from);
    (family, ports(), prop::collection::vec((sometimes(50, zone), any::<bool>(), any::<bool>()), 4))
        .prop_map(move |((family, addresses), ports, marks)| {
            let endpoints: Vec<Value> = addresses
                .into_iter()
                .zip(marks)
                .map(|(address, (zone, ready, serving))| {
                    map([
                        ("addresses", Some(json!([address]))),
                        ("zone", zone),
                        ("conditions", Some(json!({ "ready": ready, "serving": serving, "terminating": !ready }))),
                    ])
                })
                .collect();
            json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
                "metadata": {
                    "name": format!("n{number}-1"), "namespace": namespace(number),
                    "labels": { "kubernetes.io/service-name": format!("n{number}") },
                },
                "ports": ports, "endpoints": endpoints,
            })
        })
        .boxed()
}
