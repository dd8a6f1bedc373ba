//! Valid meshes: every field of every kind, each with a value that App Mesh took, every reference resolved.
//! A number makes a mesh, always the same one.

mod annotations;
mod dice;
mod gateways;
mod kubernetes;
mod matches;
mod nodes;
mod routers;
mod tls;
mod values;

use serde_json::{Map, Value, json};

pub(crate) use dice::Dice;

/// A listener.
#[derive(Debug, Clone, Copy)]
struct Listener {
    port: u16,
    protocol: &'static str,
}

/// A node.
#[derive(Debug, Clone)]
struct Node {
    name: String,
    namespace: &'static str,
    alias: String,
    listeners: Vec<Listener>,
}

/// A router.
#[derive(Debug, Clone)]
struct Router {
    name: String,
    namespace: &'static str,
    alias: String,
    listeners: Vec<Listener>,
}

/// Who provides a service.
#[derive(Debug, Clone, Copy)]
enum Provider {
    Node(usize),
    Router(usize),
}

/// A service.
#[derive(Debug, Clone)]
struct Service {
    name: String,
    namespace: &'static str,
    host: String,
    provider: Provider,
}

/// What refers to what.
#[derive(Debug, Default)]
struct Plan {
    nodes: Vec<Node>,
    routers: Vec<Router>,
    services: Vec<Service>,
}

const NAMESPACES: [&str; 2] = ["one", "two"];
const PROTOCOLS: [&str; 4] = ["http", "http2", "grpc", "tcp"];
const MESH: &str = "mesh";

impl Plan {
    fn new(dice: &mut Dice) -> Self {
        let mut plan = Self::default();
        for number in 0..dice.from(2, 5) {
            let namespace = dice.pick(&NAMESPACES);
            let name = format!("n{number}");
            plan.nodes.push(Node {
                alias: dice.alias(&format!("{name}_{namespace}"), number),
                name,
                namespace,
                listeners: listeners(dice, &PROTOCOLS, &[8080, 9090, 80, 443, 7000]),
            });
        }
        for number in 0..dice.from(1, 3) {
            let namespace = dice.pick(&NAMESPACES);
            let name = format!("r{number}");
            let spoken: Vec<&'static str> = PROTOCOLS
                .into_iter()
                .filter(|protocol| plan.speaking(protocol).next().is_some())
                .collect();
            plan.routers.push(Router {
                alias: dice.alias(&format!("{name}_{namespace}"), number),
                name,
                namespace,
                listeners: listeners(dice, &spoken, &[8080, 80, 9090, 6379]),
            });
        }
        for number in 0..dice.from(2, 6) {
            let namespace = dice.pick(&NAMESPACES);
            let name = format!("s{number}");
            let provider = match dice.below(3) {
                0 => Provider::Node(dice.below(plan.nodes.len())),
                _ => Provider::Router(dice.below(plan.routers.len())),
            };
            let host = match dice.below(4) {
                0 => format!("{name}.{namespace}"),
                1 if plan.offered(provider).iter().all(|l| l.protocol != "tcp") => {
                    format!(
                        "{name}.{}",
                        dice.pick(&["example.com", "pvt.aws.local", "Example.NET"])
                    )
                }
                _ => format!("{name}.{namespace}.svc.cluster.local"),
            };
            plan.services.push(Service {
                name,
                namespace,
                host,
                provider,
            });
        }
        plan
    }

    /// The nodes and ports that speak a protocol.
    fn speaking<'a>(
        &'a self,
        protocol: &'a str,
    ) -> impl Iterator<Item = (&'a Node, Listener)> + 'a {
        self.nodes.iter().flat_map(move |node| {
            let listeners = node.listeners.iter();
            listeners
                .filter(move |listener| listener.protocol == protocol)
                .map(move |listener| (node, *listener))
        })
    }

    /// Where a provider listens.
    fn offered(&self, provider: Provider) -> &[Listener] {
        match provider {
            Provider::Node(number) => &self.nodes[number].listeners,
            Provider::Router(number) => &self.routers[number].listeners,
        }
    }
}

fn listeners(dice: &mut Dice, protocols: &[&'static str], ports: &[u16]) -> Vec<Listener> {
    let mut listeners: Vec<Listener> = Vec::new();
    for _ in 0..dice.from(1, 3) {
        let port = dice.pick(ports);
        if listeners.iter().all(|known| known.port != port) {
            listeners.push(Listener {
                port,
                protocol: dice.pick(protocols),
            });
        }
    }
    listeners
}

/// A map of those fields that are there.
fn map<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let fields = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn document(kind: &str, namespace: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "appmesh.k8s.aws/v1beta2",
        "kind": kind,
        "metadata": { "name": name, "namespace": namespace },
        "spec": spec,
    })
}

/// A reference in one of its two spellings, from an object of a namespace.
fn reference(
    dice: &mut Dice,
    kind: &str,
    from: &str,
    (namespace, name, alias): (&str, &str, &str),
) -> Map<String, Value> {
    let mut fields = Map::new();
    if dice.chance(25) {
        let arn = format!("arn:aws:appmesh:eu-central-1:123456789012:mesh/{MESH}/{kind}/{alias}");
        fields.insert(format!("{kind}ARN"), arn.into());
        return fields;
    }
    let there = (from != namespace || dice.chance(30)).then(|| namespace.into());
    let to = map([("name", Some(name.into())), ("namespace", there)]);
    fields.insert(format!("{kind}Ref"), to);
    fields
}

fn mesh(dice: &mut Dice) -> Value {
    let egress = dice.maybe(
        70,
        |dice| json!({ "type": dice.pick(&["ALLOW_ALL", "DROP_ALL"]) }),
    );
    let discovery = dice.maybe(
        40,
        |dice| json!({ "ipPreference": dice.pick(&["IPv4_ONLY", "IPv6_ONLY"]) }),
    );
    let selector = match dice.below(3) {
        0 => json!({}),
        1 => json!({ "matchLabels": { "mesh": "mine" } }),
        _ => json!({ "matchExpressions": [
            { "key": "mesh", "operator": "In", "values": ["mine", "yours"] },
            { "key": "legacy", "operator": "DoesNotExist" },
        ] }),
    };
    let alias = dice.maybe(30, |_| "mesh-in-aws".into());
    let spec = map([
        ("awsName", alias),
        ("egressFilter", egress),
        ("meshServiceDiscovery", discovery),
        ("namespaceSelector", Some(selector)),
    ]);
    json!({ "apiVersion": "appmesh.k8s.aws/v1beta2", "kind": "Mesh", "metadata": { "name": MESH }, "spec": spec })
}

/// The manifests of the mesh of a number.
pub(crate) fn valid(seed: u64) -> Vec<Value> {
    let dice = &mut Dice::new(seed);
    let plan = Plan::new(dice);
    let mut documents = kubernetes::namespaces();
    documents.push(mesh(dice));
    documents.extend(nodes::nodes(dice, &plan));
    documents.extend(nodes::services(dice, &plan));
    documents.extend(nodes::groups(dice, &plan));
    documents.extend(routers::routers(dice, &plan));
    documents.extend(gateways::gateways(dice, &plan));
    documents.extend(kubernetes::services(dice, &plan));
    documents
}
