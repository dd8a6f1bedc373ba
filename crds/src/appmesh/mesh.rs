//! Mesh: the boundary that all other App Mesh objects live in. The only cluster-scoped kind.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::optional_spec::optional_spec;
use super::selector::LabelSelector;
use super::status::Condition;
use crate::string_enum::string_enum;

/// What a mesh is.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", remote = "MeshSpec")]
#[kube(
    group = "appmesh.k8s.aws",
    version = "v1beta2",
    kind = "Mesh",
    plural = "meshes",
    status = "MeshStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A service mesh: the boundary within which services talk by name.",
    printcolumn(name = "ARN", type_ = "string", json_path = ".status.meshARN"),
    printcolumn(
        name = "AGE",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
pub struct MeshSpec {
    /// Name of the mesh in AWS; the object's name where absent. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_name: Option<String>,
    /// What happens to traffic for names that are not in the mesh; dropped where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress_filter: Option<EgressFilter>,
    /// AWS account that owns the mesh, where it is shared between accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_owner: Option<String>,
    /// Defaults of service discovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_service_discovery: Option<MeshServiceDiscovery>,
    /// Namespaces whose objects join the mesh: none where absent, all where empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
}

optional_spec!(MeshSpec);

string_enum! {
    /// What happens to traffic that leaves the mesh.
    pub enum EgressFilterType {
        /// It passes.
        AllowAll = "ALLOW_ALL",
        /// It is dropped.
        DropAll = "DROP_ALL",
    }
}

/// What happens to traffic that leaves the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EgressFilter {
    /// Pass or drop.
    #[serde(rename = "type")]
    pub type_: EgressFilterType,
}

string_enum! {
    /// Which addresses of a name are used.
    pub enum IpPreference {
        /// IPv6 only.
        Ipv6Only = "IPv6_ONLY",
        /// IPv4 only.
        Ipv4Only = "IPv4_ONLY",
    }
}

/// Defaults of service discovery in a mesh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeshServiceDiscovery {
    /// Which addresses of a name are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_preference: Option<IpPreference>,
}

/// What was observed of a mesh.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeshStatus {
    /// One condition, MeshActive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// `arn:aws:appmesh:REGION:ACCOUNT:mesh/NAME`.
    #[serde(rename = "meshARN", default, skip_serializing_if = "Option::is_none")]
    pub mesh_arn: Option<String>,
    /// Generation that the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}
