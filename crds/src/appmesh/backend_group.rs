//! BackendGroup: a list of virtual services that nodes can name as one backend.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::optional_spec::optional_spec;
use super::reference::{MeshRef, ObjectRef};

/// What a backend group is.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", remote = "BackendGroupSpec")]
#[kube(
    group = "appmesh.k8s.aws",
    version = "v1beta2",
    kind = "BackendGroup",
    plural = "backendgroups",
    namespaced,
    category = "all",
    status = "BackendGroupStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A list of virtual services that nodes can name as one backend."
)]
pub struct BackendGroupSpec {
    /// The mesh, written by the webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_ref: Option<MeshRef>,
    /// The virtual services. The key is lower case.
    #[serde(
        rename = "virtualservices",
        default,
        skip_serializing_if = "Vec::is_empty"
    )]
    pub virtual_services: Vec<ObjectRef>,
}

optional_spec!(BackendGroupSpec);

/// What was observed of a backend group: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackendGroupStatus {}
