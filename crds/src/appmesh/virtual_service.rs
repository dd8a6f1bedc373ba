//! VirtualService: a name that applications call, and what stands behind it.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::optional_spec::optional_spec;
use super::reference::{MeshRef, ObjectRef};
use super::status::Condition;

/// What a virtual service is.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", remote = "VirtualServiceSpec")]
#[kube(
    group = "appmesh.k8s.aws",
    version = "v1beta2",
    kind = "VirtualService",
    plural = "virtualservices",
    namespaced,
    category = "all",
    status = "VirtualServiceStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A name that applications call, and the node or router behind it.",
    printcolumn(
        name = "ARN",
        type_ = "string",
        json_path = ".status.virtualServiceARN"
    ),
    printcolumn(
        name = "AGE",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
pub struct VirtualServiceSpec {
    /// The hostname that applications call; `NAME.NAMESPACE` where absent. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_name: Option<String>,
    /// The mesh, written by the webhook. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_ref: Option<MeshRef>,
    /// What stands behind the name; nothing where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<VirtualServiceProvider>,
}

optional_spec!(VirtualServiceSpec);

/// What stands behind a virtual service: at most one of the members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualServiceProvider {
    /// A node that all traffic goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_node: Option<VirtualNodeServiceProvider>,
    /// A router that picks a node for each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_router: Option<VirtualRouterServiceProvider>,
}

/// A node behind a virtual service, by reference or ARN; the ARN wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNodeServiceProvider {
    /// ARN of the node.
    #[serde(
        rename = "virtualNodeARN",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub virtual_node_arn: Option<String>,
    /// Reference to the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_node_ref: Option<ObjectRef>,
}

/// A router behind a virtual service, by reference or ARN; the ARN wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualRouterServiceProvider {
    /// ARN of the router.
    #[serde(
        rename = "virtualRouterARN",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub virtual_router_arn: Option<String>,
    /// Reference to the router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_router_ref: Option<ObjectRef>,
}

/// What was observed of a virtual service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualServiceStatus {
    /// One condition, VirtualServiceActive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Generation that the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// ARN of the mesh, then `/virtualService/NAME`.
    #[serde(
        rename = "virtualServiceARN",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub virtual_service_arn: Option<String>,
}
