//! Nodes, services and groups of them.

use serde_json::{Value, json};

use super::values::{duration, http_timeout, limit, logging, timeout};
use super::{
    Dice, Listener, Node, Plan, Provider, Service, annotations, document, map, reference, tls,
};

fn check(dice: &mut Dice, listener: Listener) -> Value {
    let port = dice.maybe(40, |_| listener.port.into());
    let path = dice
        .maybe(60, |dice| dice.pick(&["/ping", "/", "/a?b=c"]).into())
        .filter(|_| listener.protocol.starts_with("http"));
    map([
        ("protocol", Some(listener.protocol.into())),
        ("port", port),
        ("path", path),
        ("healthyThreshold", Some(dice.from(2, 10).into())),
        ("unhealthyThreshold", Some(dice.from(2, 10).into())),
        ("intervalMillis", Some(dice.pick(&[5000, 300_000]).into())),
        ("timeoutMillis", Some(dice.pick(&[2000, 60_000]).into())),
    ])
}

fn pool(dice: &mut Dice, protocol: &str) -> Value {
    let limits = match protocol {
        "http" => {
            let pending = dice.maybe(50, limit);
            map([
                ("maxConnections", Some(limit(dice))),
                ("maxPendingRequests", pending),
            ])
        }
        "tcp" => json!({ "maxConnections": limit(dice) }),
        _ => json!({ "maxRequests": limit(dice) }),
    };
    json!({ protocol: limits })
}

fn listener(dice: &mut Dice, own: Listener) -> Value {
    let protocol = own.protocol;
    let times = dice.maybe(50, |dice| match protocol {
        "tcp" => {
            let idle = dice.maybe(80, timeout);
            json!({ "tcp": map([("idle", idle)]) })
        }
        protocol => json!({ protocol: http_timeout(dice) }),
    });
    let outlier = dice.maybe(35, |dice| {
        json!({
            "baseEjectionDuration": duration(dice),
            "interval": duration(dice),
            "maxEjectionPercent": dice.pick(&[0, 1, 50, 100]),
            "maxServerErrors": dice.pick(&[1, 5, 1000]),
        })
    });
    let check = dice.maybe(35, |dice| check(dice, own));
    let pool = dice.maybe(35, |dice| pool(dice, protocol));
    let tls = dice.maybe(40, tls::listener);
    map([
        (
            "portMapping",
            Some(json!({ "port": own.port, "protocol": protocol })),
        ),
        ("timeout", times),
        ("outlierDetection", outlier),
        ("healthCheck", check),
        ("connectionPool", pool),
        ("tls", tls),
    ])
}

fn discovery(dice: &mut Dice, node: &Node) -> Value {
    if dice.chance(25) {
        let attributes = dice.maybe(50, |dice| {
            let attributes =
                dice.some(&[("app", "any"), ("version", "v 1/ü"), ("k8s.io/pod", "p")]);
            let attributes = attributes.into_iter();
            attributes
                .map(|(key, value)| json!({ "key": key, "value": value }))
                .collect()
        });
        return json!({ "awsCloudMap": map([
            ("namespaceName", Some(dice.pick(&["pvt.aws.local", "Registry"]).into())),
            ("serviceName", Some(format!("{}-{}", node.name, node.namespace).into())),
            ("attributes", attributes),
        ]) });
    }
    let hostname = match dice.below(3) {
        0 => dice
            .pick(&[
                "db.example.com",
                "DB.example.com.",
                "192.0.2.7",
                "2001:db8::1",
            ])
            .to_owned(),
        _ => format!("{}.{}.svc.cluster.local", node.name, node.namespace),
    };
    let response = dice.maybe(50, |dice| dice.pick(&["LOADBALANCER", "ENDPOINTS"]).into());
    json!({ "dns": map([("hostname", Some(hostname.into())), ("responseType", response)]) })
}

fn pods(dice: &mut Dice, name: &str) -> Value {
    let expressions = dice.maybe(30, |dice| {
        let expressions = dice.some(&[
            json!({ "key": "tier", "operator": "In", "values": ["back", "front"] }),
            json!({ "key": "example.com/legacy", "operator": "DoesNotExist" }),
            json!({ "key": "app", "operator": "Exists" }),
            json!({ "key": "tier", "operator": "NotIn", "values": ["test"] }),
        ]);
        expressions.into()
    });
    map([
        ("matchLabels", Some(json!({ "app": name }))),
        ("matchExpressions", expressions),
    ])
}

fn backends(dice: &mut Dice, plan: &Plan, from: &Node) -> Value {
    let mut backends = Vec::new();
    for service in &plan.services {
        if dice.chance(60) {
            let to = (service.namespace, &*service.name, &*service.host);
            let mut backend = reference(dice, "virtualService", from.namespace, to);
            if let Some(policy) = dice.maybe(30, tls::client_policy) {
                backend.insert("clientPolicy".to_owned(), policy);
            }
            backends.push(json!({ "virtualService": backend }));
        }
    }
    backends.into()
}

/// Every node.
pub(super) fn nodes(dice: &mut Dice, plan: &Plan) -> Vec<Value> {
    plan.nodes
        .iter()
        .map(|node| {
            let alias = Some(node.alias.as_str())
                .filter(|alias| !alias.starts_with('n') || dice.chance(20));
            let listeners: Vec<Value> = node
                .listeners
                .iter()
                .map(|own| listener(dice, *own))
                .collect();
            let groups = dice.maybe(30, |dice| match dice.below(2) {
                0 => json!([{ "name": "*" }]),
                _ => json!([{ "name": "group", "namespace": "one" }]),
            });
            let defaults = dice.maybe(
                30,
                |dice| json!({ "clientPolicy": tls::client_policy(dice) }),
            );
            let mesh = dice.maybe(20, |_| json!({ "name": super::MESH, "uid": "" }));
            let spec = map([
                ("awsName", alias.map(Value::from)),
                ("meshRef", mesh),
                ("podSelector", Some(pods(dice, &node.name))),
                ("listeners", Some(listeners.into())),
                ("backends", Some(backends(dice, plan, node))),
                ("backendGroups", groups),
                ("backendDefaults", defaults),
                ("serviceDiscovery", Some(discovery(dice, node))),
                ("logging", dice.maybe(40, logging)),
            ]);
            let limits = annotations::rate_limit(dice, &node.listeners);
            let document = document("VirtualNode", node.namespace, &node.name, spec);
            annotations::annotated(document, "tulle.dev/rate-limit", limits)
        })
        .collect()
}

fn provider(dice: &mut Dice, plan: &Plan, service: &Service) -> Value {
    let (kind, to) = match service.provider {
        Provider::Node(number) => {
            let node = &plan.nodes[number];
            ("virtualNode", (node.namespace, &*node.name, &*node.alias))
        }
        Provider::Router(number) => {
            let router = &plan.routers[number];
            (
                "virtualRouter",
                (router.namespace, &*router.name, &*router.alias),
            )
        }
    };
    json!({ kind: reference(dice, kind, service.namespace, to) })
}

/// Every service.
pub(super) fn services(dice: &mut Dice, plan: &Plan) -> Vec<Value> {
    plan.services
        .iter()
        .map(|service| {
            let is_default = service.host == format!("{}.{}", service.name, service.namespace);
            let spec = map([
                (
                    "awsName",
                    (!is_default).then(|| service.host.as_str().into()),
                ),
                ("provider", Some(provider(dice, plan, service))),
            ]);
            let aliases = annotations::host_aliases(dice, service);
            let document = document("VirtualService", service.namespace, &service.name, spec);
            annotations::annotated(document, "tulle.dev/host-aliases", aliases)
        })
        .collect()
}

/// The group that nodes may name.
pub(super) fn groups(dice: &mut Dice, plan: &Plan) -> Vec<Value> {
    let services: Vec<Value> = plan
        .services
        .iter()
        .filter(|_| dice.chance(50))
        .map(|service| json!({ "name": service.name, "namespace": service.namespace }))
        .collect();
    let spec = json!({ "virtualservices": services });
    vec![document("BackendGroup", "one", "group", spec)]
}
