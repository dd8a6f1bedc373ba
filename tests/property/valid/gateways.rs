//! Gateways and their routes.

use serde_json::{Map, Value, json};

use super::values::{limit, logging};
use super::{Dice, Listener, Plan, annotations, document, listeners, map, matches, reference, tls};

const NAMES: [&str; 2] = ["g0", "g1"];

fn pool(dice: &mut Dice, protocol: &str) -> Value {
    match protocol {
        "http" => {
            let pending = dice.maybe(50, limit);
            json!({ "http": map([("maxConnections", Some(limit(dice))), ("maxPendingRequests", pending)]) })
        }
        protocol => json!({ protocol: { "maxRequests": limit(dice) } }),
    }
}

fn check(dice: &mut Dice, own: Listener) -> Value {
    let healthy = dice.maybe(80, |dice| dice.from(2, 10).into());
    map([
        ("protocol", Some(own.protocol.into())),
        ("port", dice.maybe(30, |_| own.port.into())),
        (
            "path",
            dice.maybe(50, |_| "/ping".into())
                .filter(|_| own.protocol != "grpc"),
        ),
        ("healthyThreshold", healthy),
        ("unhealthyThreshold", Some(dice.from(2, 10).into())),
        ("intervalMillis", Some(5000.into())),
        ("timeoutMillis", Some(2000.into())),
    ])
}

fn listener(dice: &mut Dice, own: Listener) -> Value {
    map([
        (
            "portMapping",
            Some(json!({ "port": own.port, "protocol": own.protocol })),
        ),
        (
            "connectionPool",
            dice.maybe(40, |dice| pool(dice, own.protocol)),
        ),
        ("healthCheck", dice.maybe(20, |dice| check(dice, own))),
        ("tls", dice.maybe(40, tls::listener)),
    ])
}

fn hostname(dice: &mut Dice) -> Value {
    match dice.below(2) {
        0 => {
            json!({ "exact": dice.pick(&["www.example.com", "API.example.com", "xn--mnchen-3ya.example"]) })
        }
        _ => json!({ "suffix": dice.pick(&[".example.com", ".example.org", ".com"]) }),
    }
}

fn switch(dice: &mut Dice) -> Value {
    dice.pick(&["ENABLED", "DISABLED"]).into()
}

fn host_rewrite(dice: &mut Dice) -> Value {
    json!({ "defaultTargetHostname": switch(dice) })
}

fn target(dice: &mut Dice, plan: &Plan, from: &str, protocol: &str) -> Option<Value> {
    let able: Vec<_> = plan
        .services
        .iter()
        .filter_map(|service| {
            let offered = plan.offered(service.provider);
            let port = offered
                .iter()
                .find(|listener| listener.protocol == protocol)?
                .port;
            Some((service, port, offered.len()))
        })
        .collect();
    if able.is_empty() {
        return None;
    }
    let (service, port, offered) = able[dice.below(able.len())];
    let to = (service.namespace, &*service.name, &*service.host);
    let mut target = Map::new();
    let to = reference(dice, "virtualService", from, to);
    target.insert("virtualService".to_owned(), to.into());
    if offered > 1 || dice.chance(30) {
        target.insert("port".to_owned(), port.into());
    }
    Some(target.into())
}

/// A route on a listener; `None` where no service speaks the protocol.
fn route(dice: &mut Dice, plan: &Plan, from: &str, own: Listener, several: bool) -> Option<Value> {
    let target = target(dice, plan, from, own.protocol)?;
    let port = (several || dice.chance(30)).then(|| own.port.into());
    if own.protocol == "grpc" {
        let (service, _) = matches::grpc(dice);
        let host = dice.maybe(40, hostname);
        let service = (host.is_none() || dice.chance(50)).then_some(service);
        let rewrite = dice.maybe(40, |dice| json!({ "hostname": host_rewrite(dice) }));
        return Some(json!({ "grpcRoute": {
            "match": map([
                ("serviceName", service),
                ("hostname", host),
                ("port", port),
                ("metadata", dice.maybe(30, matches::headers)),
            ]),
            "action": map([("target", Some(target)), ("rewrite", rewrite)]),
        } }));
    }
    let host = dice.maybe(40, hostname);
    let of_path = dice.below(if host.is_some() { 3 } else { 2 });
    let (prefix, path) = match of_path {
        0 => (Some(matches::prefix(dice)), None),
        1 => (None, Some(matches::path(dice))),
        _ => (None, None),
    };
    let host_part = dice.maybe(40, host_rewrite);
    let (prefix_part, path_part) = match of_path {
        0 => (
            dice.maybe(50, |dice| match dice.below(2) {
                0 => json!({ "defaultPrefix": switch(dice) }),
                _ => json!({ "value": dice.pick(&["/", "/new/", "/a/b/"]) }),
            }),
            None,
        ),
        1 => (
            None,
            dice.maybe(
                50,
                |dice| json!({ "exact": dice.pick(&["/", "/new", "/a%20b"]) }),
            ),
        ),
        _ => (None, None),
    };
    let rewrite =
        (host_part.is_some() || prefix_part.is_some() || path_part.is_some()).then(|| {
            map([
                ("hostname", host_part),
                ("prefix", prefix_part),
                ("path", path_part),
            ])
        });
    let kind = if own.protocol == "http" {
        "httpRoute"
    } else {
        "http2Route"
    };
    Some(json!({ kind: {
        "match": map([
            ("prefix", prefix),
            ("path", path),
            ("hostname", host),
            ("port", port),
            ("method", dice.maybe(20, matches::method)),
            ("headers", dice.maybe(25, matches::headers)),
            ("queryParameters", dice.maybe(20, matches::queries)),
        ]),
        "action": map([("target", Some(target)), ("rewrite", rewrite)]),
    } }))
}

/// Every gateway with its routes.
pub(super) fn gateways(dice: &mut Dice, plan: &Plan) -> Vec<Value> {
    let mut documents = Vec::new();
    for name in dice.some(&NAMES) {
        let namespace = dice.pick(&super::NAMESPACES);
        let own = listeners(dice, &["http", "http2", "grpc"], &[8088, 8443, 80]);
        let alias = dice.maybe(30, |_| format!("Gateway {name}").into());
        let defaults = dice.maybe(
            30,
            |dice| json!({ "clientPolicy": tls::client_policy(dice) }),
        );
        let routes = dice.maybe(50, |_| json!({ "matchLabels": { "gateway": name } }));
        let spec = map([
            ("awsName", alias),
            ("namespaceSelector", Some(json!({}))),
            ("gatewayRouteSelector", routes),
            (
                "podSelector",
                Some(json!({ "matchLabels": { "app": name } })),
            ),
            (
                "listeners",
                Some(
                    own.iter()
                        .map(|own| listener(dice, *own))
                        .collect::<Vec<_>>()
                        .into(),
                ),
            ),
            ("backendDefaults", defaults),
            ("logging", dice.maybe(40, logging)),
        ]);
        let limits = annotations::rate_limit(dice, &own);
        let gateway = document("VirtualGateway", namespace, name, spec);
        let gateway = annotations::annotated(gateway, "tulle.dev/rate-limit", limits);
        documents.push(gateway);
        for number in 0..dice.from(1, 5) {
            let from = dice.pick(&super::NAMESPACES);
            let listener = dice.pick(&own);
            let Some(mut spec) = route(dice, plan, from, listener, own.len() > 1) else {
                continue;
            };
            if let Some(priority) = dice.maybe(40, |dice| dice.from(0, 1000).into()) {
                spec["priority"] = priority;
            }
            spec["virtualGatewayRef"] = json!({ "name": name, "namespace": namespace, "uid": "" });
            let mut route = document("GatewayRoute", from, &format!("{name}-{number}"), spec);
            route["metadata"]["labels"] = json!({ "gateway": name });
            documents.push(route);
        }
    }
    documents
}
