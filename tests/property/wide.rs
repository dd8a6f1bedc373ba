//! Wide meshes: every App Mesh kind and every field that reaches Envoy, with values at and past their
//! limits. Most references resolve and most values are sound, so that most of it is compiled.

mod gateways;
mod kubernetes;
mod matches;
mod nodes;
mod routers;
mod values;

use proptest::prelude::*;
use serde_json::{Value, json};

/// Objects of each kind there may be; references choose among these numbers.
const NODES: usize = 5;
const SERVICES: usize = 6;
const ROUTERS: usize = 4;
const GATEWAYS: usize = 2;
const GROUPS: usize = 2;

/// The manifests of a mesh.
#[derive(Debug, Clone)]
pub(crate) struct Mesh(Vec<Value>);

impl Mesh {
    /// As YAML; every document is written as JSON, whose escapes carry any character.
    pub(crate) fn yaml(&self) -> String {
        self.0
            .iter()
            .map(|document| format!("---\n{}\n", printable(&document.to_string())))
            .collect()
    }
}

/// YAML takes fewer characters as they are than JSON does.
fn printable(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_control() || character == '\u{feff}' {
            text.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            text.push(character);
        }
    }
    text
}

/// Every third object lives in another namespace than its fellows.
fn namespace(number: usize) -> &'static str {
    if number % 3 == 2 { "two" } else { "one" }
}

fn document(kind: &str, letter: &str, number: usize, spec: Value) -> Value {
    json!({
        "apiVersion": "appmesh.k8s.aws/v1beta2",
        "kind": kind,
        "metadata": { "name": format!("{letter}{number}"), "namespace": namespace(number) },
        "spec": spec,
    })
}

/// A map of those fields that are there.
fn map<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// A field that is there in so many of a hundred cases.
fn sometimes(
    percent: u32,
    value: impl Strategy<Value = Value>,
) -> impl Strategy<Value = Option<Value>> {
    // What comes first is what a failure shrinks to.
    prop_oneof![100 - percent => Just(None), percent => value.prop_map(Some)]
}

/// A reference by name to one of `count` objects, rarely to one that is not there.
fn reference(letter: &'static str, count: usize) -> impl Strategy<Value = Value> {
    let number = prop_oneof![60 => 0..count, 1 => Just(count)];
    number.prop_map(move |number| json!({ "name": format!("{letter}{number}"), "namespace": namespace(number) }))
}

fn mesh() -> impl Strategy<Value = Value> {
    let preference = prop::sample::select(&["IPv4_ONLY", "IPv6_ONLY"][..]);
    (
        any::<bool>(),
        sometimes(40, preference.prop_map(|preference| json!({ "ipPreference": preference }))),
        sometimes(15, values::name()),
    )
        .prop_map(|(open, discovery, alias)| {
            let egress = if open { "ALLOW_ALL" } else { "DROP_ALL" };
            let spec = map([
                ("awsName", alias),
                ("egressFilter", Some(json!({ "type": egress }))),
                ("meshServiceDiscovery", discovery),
                ("namespaceSelector", Some(json!({}))),
            ]);
            json!({ "apiVersion": "appmesh.k8s.aws/v1beta2", "kind": "Mesh", "metadata": { "name": "wide" }, "spec": spec })
        })
}

/// `count` objects at most, numbered; the first is always there.
fn numbered<S>(count: usize, one: impl Fn(usize) -> S) -> impl Strategy<Value = Vec<Value>>
where
    S: Strategy<Value = Value> + 'static,
{
    let all: Vec<BoxedStrategy<Option<Value>>> = (0..count)
        .map(|number| {
            let one = one(number);
            if number == 0 {
                one.prop_map(Some).boxed()
            } else {
                sometimes(80, one).boxed()
            }
        })
        .collect();
    all.prop_map(|objects| objects.into_iter().flatten().collect())
}

/// A whole mesh.
pub(crate) fn wide() -> impl Strategy<Value = Mesh> {
    let services = numbered(SERVICES, nodes::service);
    (
        mesh(),
        numbered(NODES, nodes::node),
        services,
        numbered(ROUTERS, routers::router),
        numbered(GROUPS, nodes::group),
        numbered(GATEWAYS, gateways::gateway),
        numbered(7, gateways::route),
        numbered(NODES, kubernetes::service),
        numbered(NODES, kubernetes::slices),
    )
        .prop_map(
            |(mesh, nodes, services, routers, groups, gateways, routes, kube, slices)| {
                let mut documents = kubernetes::namespaces();
                documents.push(mesh);
                documents.extend(
                    [
                        nodes, services, routers, groups, gateways, routes, kube, slices,
                    ]
                    .concat(),
                );
                Mesh(documents)
            },
        )
}
