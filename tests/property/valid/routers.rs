//! Routers.

use serde_json::{Map, Value, json};

use super::values::{duration, http_timeout, timeout};
use super::{Dice, Listener, Plan, Router, document, map, matches, reference};

fn targets(dice: &mut Dice, plan: &Plan, from: &Router, protocol: &str) -> Value {
    let able: Vec<_> = plan.speaking(protocol).collect();
    let mut targets = Vec::new();
    for (number, (node, listener)) in able.iter().enumerate().take(10) {
        if number > 0 && dice.chance(50) {
            continue;
        }
        let to = (node.namespace, &*node.name, &*node.alias);
        let mut target: Map<String, Value> = reference(dice, "virtualNode", from.namespace, to);
        // A route whose weights are all 0 goes nowhere.
        let weight = if number == 0 {
            dice.from(1, 100)
        } else {
            dice.from(0, 100)
        };
        target.insert("weight".to_owned(), weight.into());
        if node.listeners.len() > 1 || dice.chance(30) {
            target.insert("port".to_owned(), listener.port.into());
        }
        targets.push(Value::Object(target));
    }
    json!({ "weightedTargets": targets })
}

fn retry(dice: &mut Dice, is_grpc: bool) -> Value {
    const HTTP: [&str; 4] = [
        "server-error",
        "gateway-error",
        "client-error",
        "stream-error",
    ];
    const GRPC: [&str; 5] = [
        "cancelled",
        "deadline-exceeded",
        "internal",
        "resource-exhausted",
        "unavailable",
    ];
    let http = dice.some(&HTTP);
    let tcp = dice.maybe(50, |_| json!(["connection-error"]));
    let grpc = dice
        .maybe(70, |dice| dice.some(&GRPC).into())
        .filter(|_| is_grpc);
    map([
        ("httpRetryEvents", Some(http.into())),
        ("tcpRetryEvents", tcp),
        ("grpcRetryEvents", grpc),
        ("maxRetries", Some(dice.pick(&[0, 1, 3, 10]).into())),
        ("perRetryTimeout", Some(duration(dice))),
    ])
}

fn http_match(dice: &mut Dice, port: Option<Value>) -> Value {
    let (prefix, path) = match dice.below(3) {
        0 => (None, Some(matches::path(dice))),
        _ => (Some(matches::prefix(dice)), None),
    };
    map([
        ("prefix", prefix),
        ("path", path),
        ("port", port),
        ("method", dice.maybe(25, matches::method)),
        (
            "scheme",
            dice.maybe(15, |dice| dice.pick(&["http", "https"]).into()),
        ),
        ("headers", dice.maybe(35, matches::headers)),
        ("queryParameters", dice.maybe(25, matches::queries)),
    ])
}

fn grpc_match(dice: &mut Dice, port: Option<Value>) -> Value {
    let named = dice.chance(70).then(|| matches::grpc(dice));
    let (service, method) = named.map_or((None, None), |(service, method)| (Some(service), method));
    map([
        ("serviceName", service),
        ("methodName", method),
        ("port", port),
        ("metadata", dice.maybe(35, matches::headers)),
    ])
}

fn route(
    dice: &mut Dice,
    plan: &Plan,
    router: &Router,
    listener: Listener,
    number: usize,
) -> Value {
    let port = (router.listeners.len() > 1 || dice.chance(30)).then(|| listener.port.into());
    let protocol = listener.protocol;
    let matching = match protocol {
        "tcp" => port.map(|port| json!({ "port": port })),
        "grpc" => Some(grpc_match(dice, port)),
        _ => Some(http_match(dice, port)),
    };
    let times = dice.maybe(40, |dice| match protocol {
        "tcp" => json!({ "idle": timeout(dice) }),
        _ => http_timeout(dice),
    });
    let retry = dice
        .maybe(40, |dice| retry(dice, protocol == "grpc"))
        .filter(|_| protocol != "tcp");
    let route = map([
        ("match", matching),
        ("action", Some(targets(dice, plan, router, protocol))),
        ("retryPolicy", retry),
        ("timeout", times),
    ]);
    let kind = match protocol {
        "http" => "httpRoute",
        "http2" => "http2Route",
        "grpc" => "grpcRoute",
        _ => "tcpRoute",
    };
    map([
        ("name", Some(format!("{protocol}-{number}").into())),
        ("priority", dice.maybe(40, |dice| dice.from(0, 1000).into())),
        (kind, Some(route)),
    ])
}

/// Every router.
pub(super) fn routers(dice: &mut Dice, plan: &Plan) -> Vec<Value> {
    plan.routers
        .iter()
        .map(|router| {
            let listeners: Vec<Value> = router
                .listeners
                .iter()
                .map(|own| json!({ "portMapping": { "port": own.port, "protocol": own.protocol } }))
                .collect();
            let mut routes = Vec::new();
            for listener in &router.listeners {
                let most = if listener.protocol == "tcp" { 1 } else { 5 };
                for _ in 0..dice.from(1, most) {
                    routes.push(route(dice, plan, router, *listener, routes.len()));
                }
            }
            let is_default = router.alias == format!("{}_{}", router.name, router.namespace);
            let spec = map([
                (
                    "awsName",
                    (!is_default).then(|| router.alias.as_str().into()),
                ),
                ("listeners", Some(listeners.into())),
                ("routes", Some(routes.into())),
            ]);
            document("VirtualRouter", router.namespace, &router.name, spec)
        })
        .collect()
}
