//! The fields of the App Mesh kinds, as their definitions have them.

use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray,
};
use tulle_crds::crd::appmesh_crds;

/// How many nodes the seven specs have: each spec itself, and each property in it at any depth. Entries of lists
/// and values of maps are part of the property that holds them.
pub const NODES: usize = 570;

/// A property of a spec.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The kind.
    pub kind: String,
    /// Its place in the spec, such as `listeners[].portMapping.port`; empty for the spec.
    pub path: String,
    /// What a user writes there.
    pub form: String,
    /// Whether it holds no further properties.
    pub is_leaf: bool,
    /// Whether what holds it has to have it.
    pub is_required: bool,
    /// What may stand there.
    pub schema: JSONSchemaProps,
}

/// The kinds, in the order of the document.
pub const KINDS: [&str; 7] = [
    "Mesh",
    "VirtualNode",
    "VirtualService",
    "VirtualRouter",
    "VirtualGateway",
    "GatewayRoute",
    "BackendGroup",
];

/// Every node, by kind, then in the order of the definitions.
pub fn nodes() -> &'static [Node] {
    static NODES: LazyLock<Vec<Node>> = LazyLock::new(read);
    &NODES
}

fn read() -> Vec<Node> {
    let crds = appmesh_crds();
    let mut nodes = Vec::new();
    for kind in KINDS {
        let crd = crds.iter().find(|crd| crd.spec.names.kind == kind);
        let version = &crd.expect("the kind is defined").spec.versions[0];
        let root = version
            .schema
            .as_ref()
            .and_then(|schema| schema.open_api_v3_schema.as_ref());
        let spec = root
            .and_then(|root| root.properties.as_ref()?.get("spec"))
            .expect("it has a spec");
        walk(kind, String::new(), (spec, false), &mut nodes);
    }
    nodes
}

fn element(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(element)) => Some(element),
        _ => None,
    }
}

fn walk(
    kind: &str,
    path: String,
    (schema, is_required): (&JSONSchemaProps, bool),
    nodes: &mut Vec<Node>,
) {
    let (inner, step) = match element(schema) {
        Some(element) => (element, "[]"),
        None => (schema, ""),
    };
    let properties = inner.properties.iter().flatten();
    nodes.push(Node {
        kind: kind.to_owned(),
        path: path.clone(),
        form: form(schema),
        is_leaf: inner.properties.is_none(),
        is_required,
        schema: schema.clone(),
    });
    for (name, property) in properties {
        let below = match path.as_str() {
            "" => name.clone(),
            path => format!("{path}{step}.{name}"),
        };
        let is_required = inner.required.iter().flatten().any(|known| known == name);
        walk(kind, below, (property, is_required), nodes);
    }
}

fn form(schema: &JSONSchemaProps) -> String {
    if let Some(element) = element(schema) {
        return format!("list of {}", form(element));
    }
    if let Some(allowed) = &schema.enum_ {
        let allowed: Vec<&str> = allowed
            .iter()
            .filter_map(|value| value.0.as_str())
            .collect();
        return allowed.join(", ");
    }
    match schema.type_.as_deref() {
        Some("object") if schema.additional_properties.is_some() => "map",
        Some("object") => "object",
        Some("integer") => "number",
        Some("boolean") => "true, false",
        _ => "text",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specs_have_as_many_nodes_as_app_mesh_s() {
        let nodes = nodes();
        let of = |kind: &str| nodes.iter().filter(|node| node.kind == kind).count();
        let counts = KINDS.map(of);
        assert_eq!(counts, [13, 158, 16, 158, 95, 123, 7]);
        assert_eq!(nodes.len(), NODES);
    }
}
