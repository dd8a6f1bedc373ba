//! Routers and their routes.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::values::{duration, grpc_name, name, port, priority, protocol, retries, weight};
use super::{NODES, document, map, matches, reference, sometimes};

fn action() -> BoxedStrategy<Value> {
    let target = (reference("n", NODES), weight(), sometimes(10, port()))
        .prop_map(|(node, weight, port)| {
            map([
                ("virtualNodeRef", Some(node)),
                ("weight", Some(weight)),
                ("port", port),
            ])
        })
        .boxed();
    prop_oneof![12 => prop::collection::vec(target.clone(), 1..4), 1 => prop::collection::vec(target, 10)]
        .prop_map(|targets| json!({ "weightedTargets": targets }))
        .boxed()
}

fn events(of: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop::collection::vec(prop::sample::select(of), 1..=of.len()).prop_map(Value::from)
}

fn retry(grpc: bool) -> BoxedStrategy<Value> {
    let http = events(&[
        "server-error",
        "gateway-error",
        "client-error",
        "stream-error",
    ]);
    let of_grpc = events(&[
        "cancelled",
        "deadline-exceeded",
        "internal",
        "resource-exhausted",
        "unavailable",
    ]);
    (
        sometimes(70, http),
        sometimes(40, events(&["connection-error"])),
        sometimes(80, of_grpc),
        retries(),
        duration(),
    )
        .prop_map(move |(http, tcp, of_grpc, retries, timeout)| {
            map([
                ("httpRetryEvents", http),
                ("tcpRetryEvents", tcp),
                ("grpcRetryEvents", of_grpc.filter(|_| grpc)),
                ("maxRetries", Some(retries)),
                ("perRetryTimeout", Some(timeout)),
            ])
        })
        .boxed()
}

fn timeout() -> BoxedStrategy<Value> {
    (sometimes(60, duration()), sometimes(60, duration()))
        .prop_map(|(request, idle)| map([("perRequest", request), ("idle", idle)]))
        .boxed()
}

/// A route whose match is such a one.
fn with_match(
    matching: impl Strategy<Value = Value> + 'static,
    grpc: bool,
) -> BoxedStrategy<Value> {
    (
        matching,
        action(),
        sometimes(40, retry(grpc)),
        sometimes(40, timeout()),
    )
        .prop_map(|(matching, action, retry, timeout)| {
            map([
                ("match", Some(matching)),
                ("action", Some(action)),
                ("retryPolicy", retry),
                ("timeout", timeout),
            ])
        })
        .boxed()
}

fn http() -> BoxedStrategy<Value> {
    with_match(matches::http(), false)
}

fn grpc() -> BoxedStrategy<Value> {
    let matching = (
        sometimes(60, grpc_name()),
        sometimes(30, grpc_name()),
        sometimes(30, matches::headers()),
        sometimes(15, port()),
    )
        .prop_map(|(service, method, metadata, port)| {
            map([
                ("serviceName", service),
                ("methodName", method),
                ("metadata", metadata),
                ("port", port),
            ])
        });
    with_match(matching, true)
}

fn tcp() -> BoxedStrategy<Value> {
    let timeout = sometimes(60, duration()).prop_map(|idle| map([("idle", idle)]));
    (
        sometimes(20, port().prop_map(|port| json!({ "port": port }))),
        action(),
        sometimes(40, timeout),
    )
        .prop_map(|(matching, action, timeout)| {
            map([
                ("match", matching),
                ("action", Some(action)),
                ("timeout", timeout),
            ])
        })
        .boxed()
}

fn route() -> BoxedStrategy<(&'static str, Value, Option<Value>)> {
    let kind = prop_oneof![
        5 => http().prop_map(|route| ("httpRoute", route)),
        2 => http().prop_map(|route| ("http2Route", route)),
        2 => grpc().prop_map(|route| ("grpcRoute", route)),
        1 => tcp().prop_map(|route| ("tcpRoute", route)),
    ];
    (kind, sometimes(40, priority()))
        .prop_map(|((kind, route), priority)| (kind, route, priority))
        .boxed()
}

/// A router.
pub(super) fn router(number: usize) -> BoxedStrategy<Value> {
    let listener = (port(), protocol()).prop_map(
        |(port, protocol)| json!({ "portMapping": { "port": port, "protocol": protocol } }),
    );
    (
        sometimes(15, name()),
        prop::collection::vec(listener, 1..5),
        prop::collection::vec(route(), 2..10),
    )
        .prop_map(move |(alias, listeners, routes)| {
            let routes: Vec<Value> = routes
                .into_iter()
                .enumerate()
                .map(|(n, (kind, route, priority))| {
                    map([
                        ("name", Some(format!("route-{n}").into())),
                        (kind, Some(route)),
                        ("priority", priority),
                    ])
                })
                .collect();
            let spec = map([
                ("awsName", alias),
                ("listeners", Some(listeners.into())),
                ("routes", Some(routes.into())),
            ]);
            document("VirtualRouter", "r", number, spec)
        })
        .boxed()
}
