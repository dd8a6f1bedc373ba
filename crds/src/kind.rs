//! The kinds that Tulle understands.

use std::fmt;

use crate::appmesh;

/// A kind of object that Tulle understands, of exactly one version of its API group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1` Namespace.
    Namespace,
    /// `v1` Service.
    Service,
    /// `discovery.k8s.io/v1` EndpointSlice.
    EndpointSlice,
    /// `v1` Pod.
    Pod,
    /// `v1` Node.
    Node,
    /// App Mesh Mesh.
    Mesh,
    /// App Mesh VirtualNode.
    VirtualNode,
    /// App Mesh VirtualService.
    VirtualService,
    /// App Mesh VirtualRouter.
    VirtualRouter,
    /// App Mesh VirtualGateway.
    VirtualGateway,
    /// App Mesh GatewayRoute.
    GatewayRoute,
    /// App Mesh BackendGroup.
    BackendGroup,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Namespace,
        Self::Service,
        Self::EndpointSlice,
        Self::Pod,
        Self::Node,
        Self::Mesh,
        Self::VirtualNode,
        Self::VirtualService,
        Self::VirtualRouter,
        Self::VirtualGateway,
        Self::GatewayRoute,
        Self::BackendGroup,
    ];

    /// The kind that a manifest's `apiVersion` and `kind` name, if it is one of these.
    pub fn from_manifest(api_version: &str, kind: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == kind && known.api_version() == api_version)
    }

    /// The name as written in `kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Pod => "Pod",
            Self::Node => "Node",
            Self::Mesh => "Mesh",
            Self::VirtualNode => "VirtualNode",
            Self::VirtualService => "VirtualService",
            Self::VirtualRouter => "VirtualRouter",
            Self::VirtualGateway => "VirtualGateway",
            Self::GatewayRoute => "GatewayRoute",
            Self::BackendGroup => "BackendGroup",
        }
    }

    /// The API group; empty for Kubernetes' core group.
    pub const fn group(self) -> &'static str {
        match self {
            Self::Namespace | Self::Service | Self::Pod | Self::Node => "",
            Self::EndpointSlice => "discovery.k8s.io",
            Self::Mesh
            | Self::VirtualNode
            | Self::VirtualService
            | Self::VirtualRouter
            | Self::VirtualGateway
            | Self::GatewayRoute
            | Self::BackendGroup => appmesh::GROUP,
        }
    }

    /// The version of the group that Tulle reads.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Namespace | Self::Service | Self::Pod | Self::Node | Self::EndpointSlice => "v1",
            Self::Mesh
            | Self::VirtualNode
            | Self::VirtualService
            | Self::VirtualRouter
            | Self::VirtualGateway
            | Self::GatewayRoute
            | Self::BackendGroup => appmesh::VERSION,
        }
    }

    /// The value of `apiVersion`.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::Namespace | Self::Service | Self::Pod | Self::Node => "v1",
            Self::EndpointSlice => "discovery.k8s.io/v1",
            Self::Mesh
            | Self::VirtualNode
            | Self::VirtualService
            | Self::VirtualRouter
            | Self::VirtualGateway
            | Self::GatewayRoute
            | Self::BackendGroup => appmesh::API_VERSION,
        }
    }

    /// The name of the kind's collection, as it stands in the paths of Kubernetes' API.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Namespace => "namespaces",
            Self::Service => "services",
            Self::EndpointSlice => "endpointslices",
            Self::Pod => "pods",
            Self::Node => "nodes",
            Self::Mesh => "meshes",
            Self::VirtualNode => "virtualnodes",
            Self::VirtualService => "virtualservices",
            Self::VirtualRouter => "virtualrouters",
            Self::VirtualGateway => "virtualgateways",
            Self::GatewayRoute => "gatewayroutes",
            Self::BackendGroup => "backendgroups",
        }
    }

    /// Whether the kind is defined by a CustomResourceDefinition, which a cluster may lack.
    pub const fn is_custom(self) -> bool {
        !matches!(
            self,
            Self::Namespace | Self::Service | Self::EndpointSlice | Self::Pod | Self::Node
        )
    }

    /// Whether objects of the kind live in a namespace.
    pub const fn is_namespaced(self) -> bool {
        !matches!(self, Self::Namespace | Self::Node | Self::Mesh)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
