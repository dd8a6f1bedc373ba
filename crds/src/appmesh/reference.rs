//! References from one App Mesh object to another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A reference to an object of a namespaced kind.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Name of the object.
    pub name: String,
    /// Namespace of the object; where absent, that of the object that holds the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// The mesh that an object belongs to. The admission webhook writes it, never the user.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct MeshRef {
    /// Name of the Mesh.
    pub name: String,
    /// UID of the Mesh, so that a Mesh made anew does not adopt the members of the old one.
    pub uid: String,
}

/// The gateway that a GatewayRoute belongs to. The admission webhook writes it, never the user.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct VirtualGatewayRef {
    /// Name of the VirtualGateway.
    pub name: String,
    /// Namespace of the VirtualGateway; where absent, that of the GatewayRoute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// UID of the VirtualGateway, checked together with the name.
    pub uid: String,
}
