//! The seven kinds of `appmesh.k8s.aws/v1beta2`, one file a kind; shapes that several kinds share
//! have a file of their own.

mod optional_spec;

mod backend_group;
mod duration;
mod gateway_route;
mod listener;
mod logging;
mod matching;
mod mesh;
mod reference;
mod retry;
mod selector;
mod status;
mod tls;
mod virtual_gateway;
mod virtual_node;
mod virtual_router;
mod virtual_service;

pub use backend_group::*;
pub use duration::*;
pub use gateway_route::*;
pub use listener::*;
pub use logging::*;
pub use matching::*;
pub use mesh::*;
pub use reference::*;
pub use retry::*;
pub use selector::*;
pub use status::*;
pub use tls::*;
pub use virtual_gateway::*;
pub use virtual_node::*;
pub use virtual_router::*;
pub use virtual_service::*;

/// API group of all kinds here.
pub const GROUP: &str = "appmesh.k8s.aws";

/// The one version of that group.
pub const VERSION: &str = "v1beta2";

/// `apiVersion` of a manifest of this group.
pub const API_VERSION: &str = "appmesh.k8s.aws/v1beta2";

#[cfg(test)]
mod tests;
