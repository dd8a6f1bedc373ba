//! Gateways and their routes.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::values::{exact_path, grpc_name, name, port, priority, service_host};
use super::{GATEWAYS, SERVICES, document, map, matches, reference, sometimes};

/// A gateway.
pub(super) fn gateway(number: usize) -> BoxedStrategy<Value> {
    let protocol = prop::sample::select(&["http", "http", "http2", "grpc"][..]);
    let listener = (port(), protocol).prop_map(
        |(port, protocol)| json!({ "portMapping": { "port": port, "protocol": protocol } }),
    );
    (sometimes(15, name()), prop::collection::vec(listener, 1..4))
        .prop_map(move |(alias, listeners)| {
            let spec = map([
                ("awsName", alias),
                ("namespaceSelector", Some(json!({}))),
                ("podSelector", Some(json!({}))),
                ("listeners", Some(listeners.into())),
            ]);
            document("VirtualGateway", "g", number, spec)
        })
        .boxed()
}

fn hostname() -> BoxedStrategy<Value> {
    let suffix = prop::sample::select(
        &[
            ".example",
            "example",
            ".Example.com",
            ".",
            "*.x",
            ".a b",
            ".é",
            "m",
            ".com:80",
            ".x\n",
        ][..],
    );
    prop_oneof![
        service_host().prop_map(|host| json!({ "exact": host })),
        suffix.prop_map(|suffix| json!({ "suffix": suffix })),
    ]
    .boxed()
}

fn switch() -> BoxedStrategy<Value> {
    prop::sample::select(&["ENABLED", "DISABLED"][..])
        .prop_map(Value::from)
        .boxed()
}

fn host_rewrite() -> impl Strategy<Value = Value> {
    switch().prop_map(|switch| json!({ "defaultTargetHostname": switch }))
}

fn rewrite() -> BoxedStrategy<Value> {
    let of_prefix = prop_oneof![
        switch().prop_map(|switch| json!({ "defaultPrefix": switch })),
        exact_path().prop_map(|prefix| json!({ "value": prefix })),
    ];
    let of_path = exact_path().prop_map(|path| json!({ "exact": path }));
    (
        sometimes(40, host_rewrite()),
        sometimes(40, of_prefix),
        sometimes(25, of_path),
    )
        .prop_map(|(host, prefix, path)| {
            map([("hostname", host), ("prefix", prefix), ("path", path)])
        })
        .boxed()
}

fn target() -> BoxedStrategy<Value> {
    (reference("s", SERVICES), sometimes(20, port()))
        .prop_map(|(service, port)| {
            map([
                (
                    "virtualService",
                    Some(json!({ "virtualServiceRef": service })),
                ),
                ("port", port),
            ])
        })
        .boxed()
}

/// A route of such a match and such a rewrite.
fn with_match(
    matching: impl Strategy<Value = Value> + 'static,
    rewrite: impl Strategy<Value = Option<Value>> + 'static,
) -> BoxedStrategy<Value> {
    (matching, target(), rewrite)
        .prop_map(|(matching, target, rewrite)| {
            let action = map([("target", Some(target)), ("rewrite", rewrite)]);
            json!({ "match": matching, "action": action })
        })
        .boxed()
}

fn http() -> BoxedStrategy<Value> {
    let matching = (
        matches::path(),
        sometimes(30, hostname()),
        sometimes(25, matches::headers()),
        sometimes(20, matches::method()),
        sometimes(20, matches::queries()),
        sometimes(15, port()),
    )
        .prop_map(
            |((prefix, path), hostname, headers, method, queries, port)| {
                map([
                    ("prefix", prefix),
                    ("path", path),
                    ("hostname", hostname),
                    ("headers", headers),
                    ("method", method),
                    ("queryParameters", queries),
                    ("port", port),
                ])
            },
        );
    with_match(matching, sometimes(50, rewrite()))
}

fn grpc() -> BoxedStrategy<Value> {
    let matching = (
        sometimes(60, grpc_name()),
        sometimes(30, hostname()),
        sometimes(25, matches::headers()),
        sometimes(15, port()),
    )
        .prop_map(|(service, hostname, metadata, port)| {
            map([
                ("serviceName", service),
                ("hostname", hostname),
                ("metadata", metadata),
                ("port", port),
            ])
        });
    let rewrite = host_rewrite().prop_map(|host| json!({ "hostname": host }));
    with_match(matching, sometimes(30, rewrite))
}

/// A gateway's route.
pub(super) fn route(number: usize) -> BoxedStrategy<Value> {
    let kind = prop_oneof![
        4 => http().prop_map(|route| ("httpRoute", route)),
        2 => http().prop_map(|route| ("http2Route", route)),
        2 => grpc().prop_map(|route| ("grpcRoute", route)),
    ];
    (
        kind,
        sometimes(40, priority()),
        reference("g", GATEWAYS),
        sometimes(15, name()),
    )
        .prop_map(move |((kind, route), priority, mut gateway, alias)| {
            gateway["uid"] = "".into();
            let spec = map([
                (kind, Some(route)),
                ("priority", priority),
                ("virtualGatewayRef", Some(gateway)),
                ("awsName", alias),
            ]);
            document("GatewayRoute", "x", number, spec)
        })
        .boxed()
}
