//! CustomResourceDefinitions generated from the Rust types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_json::Value;

use crate::appmesh::{
    BackendGroup, GatewayRoute, Mesh, VirtualGateway, VirtualNode, VirtualRouter, VirtualService,
};
use crate::kind::Kind;

/// The definitions of all seven App Mesh kinds, in the order of their plural names.
pub fn appmesh_crds() -> Vec<CustomResourceDefinition> {
    let mut crds: Vec<_> = [
        BackendGroup::crd(),
        GatewayRoute::crd(),
        Mesh::crd(),
        VirtualGateway::crd(),
        VirtualNode::crd(),
        VirtualRouter::crd(),
        VirtualService::crd(),
    ]
    .into_iter()
    .map(as_upstream)
    .collect();
    crds.sort_by(|a, b| a.spec.names.plural.cmp(&b.spec.names.plural));
    crds
}

/// Name of the file under `crds/yaml` that holds a definition: `GROUP_PLURAL.yaml`.
pub fn file_name(crd: &CustomResourceDefinition) -> String {
    format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural)
}

/// A definition as YAML, with keys in alphabetical order.
///
/// # Errors
/// Only if the definition cannot be written as JSON or YAML, which no definition of
/// [`appmesh_crds`] does.
pub fn to_yaml(crd: &CustomResourceDefinition) -> Result<String, CrdYamlError> {
    let mut value = serde_json::to_value(crd)?;
    value.sort_all_objects();
    whole_numbers_as_integers(&mut value);
    Ok(serde_saphyr::to_string(&value)?)
}

/// A definition could not be written as YAML.
#[derive(Debug, thiserror::Error)]
pub enum CrdYamlError {
    /// It could not be written as JSON.
    #[error("CustomResourceDefinition as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The JSON could not be written as YAML.
    #[error("CustomResourceDefinition as YAML: {0}")]
    Yaml(#[from] serde_saphyr::SerializeError),
}

/// The schema of an App Mesh kind's root object; `None` for Kubernetes' own kinds.
pub(crate) fn root_schema(kind: Kind) -> Option<JSONSchemaProps> {
    let crd = match kind {
        Kind::Mesh => Mesh::crd(),
        Kind::VirtualNode => VirtualNode::crd(),
        Kind::VirtualService => VirtualService::crd(),
        Kind::VirtualRouter => VirtualRouter::crd(),
        Kind::VirtualGateway => VirtualGateway::crd(),
        Kind::GatewayRoute => GatewayRoute::crd(),
        Kind::BackendGroup => BackendGroup::crd(),
        Kind::Namespace | Kind::Service | Kind::EndpointSlice | Kind::Pod | Kind::Node => {
            return None;
        }
    };
    as_upstream(crd)
        .spec
        .versions
        .into_iter()
        .find_map(|version| version.schema?.open_api_v3_schema)
}

/// Turns what the derive makes into what App Mesh's own controller installs: no field has a
/// default or takes null, no kind requires `spec`, the root keeps fields that it does not know.
fn as_upstream(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    crd.spec.names.list_kind = Some(format!("{}List", crd.spec.names.kind));
    for version in &mut crd.spec.versions {
        if let Some(root) = version
            .schema
            .as_mut()
            .and_then(|s| s.open_api_v3_schema.as_mut())
        {
            without_defaults(root);
            root.required = None;
            root.title = None;
            root.x_kubernetes_preserve_unknown_fields = Some(true);
        }
    }
    crd
}

fn without_defaults(schema: &mut JSONSchemaProps) {
    schema.default = None;
    schema.nullable = None;
    for property in schema.properties.iter_mut().flat_map(|p| p.values_mut()) {
        without_defaults(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => without_defaults(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(without_defaults),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        without_defaults(values);
    }
}

/// Bounds are floating-point numbers in Kubernetes' types; `1` reads better than `1.0`.
fn whole_numbers_as_integers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(integer) = crate::schema_check::as_whole_number(number) {
                *value = integer.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers_as_integers),
        Value::Object(members) => members.values_mut().for_each(whole_numbers_as_integers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
