//! What can be depended on: facts (lookups in the input) and nodes (values computed from them).

use std::net::IpAddr;
use std::sync::Arc;

use tulle_model::endpoint::EndpointSetId;
use tulle_model::selector::Selector;
use tulle_model::{Name, ObjectId, ProxyId, Str};

/// The kinds of members of a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Workload,
    Service,
    Router,
    Gateway,
    GatewayRoute,
    BackendGroup,
}

impl Kind {
    /// The word for a member that was never seen, so that no object can tell its own kind. The words
    /// are those that name proxies too (`ProxyKind`).
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Workload => "VirtualNode",
            Self::Service => "VirtualService",
            Self::Router => "VirtualRouter",
            Self::Gateway => "VirtualGateway",
            Self::GatewayRoute => "GatewayRoute",
            Self::BackendGroup => "BackendGroup",
        }
    }
}

/// A member, or a name that refers to none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Member {
    pub(crate) kind: Kind,
    pub(crate) name: Name,
}

impl Member {
    pub(crate) fn new(kind: Kind, name: &Name) -> Self {
        Self {
            kind,
            name: name.clone(),
        }
    }
}

impl std::fmt::Display for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.word(), self.name)
    }
}

/// A Kubernetes Service.
pub(crate) fn kube_service(namespace: &str, name: &str) -> ObjectId {
    ObjectId::new("", "Service", namespace, name)
}

/// A pod.
pub(crate) fn pod(namespace: &str, name: &str) -> ObjectId {
    ObjectId::new("", "Pod", namespace, name)
}

/// A service of a registry, as the workloads of one namespace know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Service {
    /// The workloads' realm.
    pub(crate) realm: Str,
    /// The workloads' namespace.
    pub(crate) holder: Str,
    /// The registry's namespace.
    pub(crate) namespace: Str,
    /// The service in it.
    pub(crate) service: Str,
}

/// One lookup in the input. There are several of each object, so what is large is boxed. A fact "changes" when the same lookup would now give something else,
/// nothing found included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fact {
    /// Whether the mesh exists.
    MeshKnown(Name),
    /// All that a mesh says.
    Mesh(Name),
    /// The names of all meshes and what namespaces they select.
    MeshSelectors,
    /// A namespace's labels.
    Namespace(Str),
    /// What a namespace says of mTLS.
    NamespaceMtls(Str),
    /// A member's place: object, mesh, name inside the mesh, rivals for its own name.
    Header(Member),
    /// All that a member says.
    Member(Member),
    /// Which services a namespace of a realm holds.
    ServicesIn(Box<(Str, Str)>),
    /// The names of all gateways and which routes they select.
    GatewaySelectors,
    /// Whom a proxy name means.
    Proxy(ProxyId),
    /// A Kubernetes Service.
    KubeService(ObjectId),
    /// The slices of a Kubernetes Service.
    Slices(ObjectId),
    /// The pods of a namespace that a selector fits.
    Pods(Str, Arc<Selector>),
    /// The pods that have an address, as far as identity is concerned.
    PodsAt(IpAddr),
    /// The pods into which a proxy was put, as far as identity is concerned.
    PodsOf(ProxyId),
    /// The workloads whose pods a registry's service holds.
    Registrants(Box<Service>),
    /// A machine's zone.
    Zone(Str),
    /// The members of a mesh (by its name) that claim a name inside it.
    Claims(Kind, Name, Str),
    /// The routes of a gateway.
    Attached(Name),
    /// `Settings::implicit_retry`.
    ImplicitRetry,
    /// `Settings::plain_dns`.
    PlainDns,
    /// `Settings::cluster_domain`.
    ClusterDomain,
    /// `Settings::trust_domain`.
    TrustDomain,
    /// `Settings::mtls`.
    Mtls,
    /// `Settings::names`.
    Names,
    /// The zones of all registries.
    Registries,
    /// Whether a registry has a host.
    Registered(Str),
    /// The addresses that Tulle's DNS server answers for a host.
    Named(Str),
}

/// One computed value. Stages rise in the order of this list, and a node reads only nodes of lower
/// stages, so that there are no cycles however the user's objects refer to each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Node {
    /// The meshes of a realm that select a namespace.
    Selected(Box<(Str, Str)>),
    /// The mesh that a member belongs to.
    Membership(Member),
    /// Whether a member may be referred to.
    Standing(Member),
    /// The gateway that a gateway route belongs to.
    GatewayOf(Name),
    /// How far a mesh's traffic in a namespace is secured.
    Mode { mesh: Name, namespace: Str },
    /// What clients need to know of a workload.
    Server(Name),
    /// The ports on which a workload's proxies take mutual TLS.
    MtlsPorts(ProxyId),
    /// Who may answer behind a workload's set of endpoints.
    Identities(Box<(Name, EndpointSetId)>),
    /// How the addresses of a workload's listener are found.
    Source { workload: Name, port: u16 },
    /// A router's ports with their routes.
    RouterPorts(Name),
    /// The ports on which a service is called.
    ServicePorts(Name),
    /// A service's routes on one port.
    HostRoutes { service: Name, port: u16 },
    /// The name under which a registry knows a workload.
    Registered(Name),
    /// The host of a service, where it is for Tulle's DNS server to answer.
    HostName(Name),
    /// The addresses that a host name is known to have.
    HostAddresses(Str),
    /// A service on all its ports, with all that its routes lead to.
    Reach(Name),
    /// The services of a backend group.
    Group(Name),
    /// The services of a mesh that a namespace holds.
    Everything { mesh: Name, namespace: Str },
    /// A gateway route on one of its gateway's ports.
    GatewayRoute { route: Name, port: u16 },
    /// All that a proxy is told.
    View(ProxyId),
    /// Endpoints; nothing is computed from them.
    Endpoints(Box<EndpointSetId>),
}

impl Node {
    /// Its place in the order of computation.
    pub(crate) fn stage(&self) -> u8 {
        match self {
            Self::Selected(_) => 0,
            Self::Membership(_) => 1,
            Self::Standing(_) => 2,
            Self::GatewayOf(_) => 3,
            Self::Mode { .. } => 4,
            Self::Server(_) => 5,
            Self::MtlsPorts(_) => 6,
            Self::Identities(_) => 7,
            Self::Source { .. } => 8,
            Self::RouterPorts(_) => 9,
            Self::ServicePorts(_) => 10,
            Self::HostRoutes { .. } => 11,
            Self::Registered(_) => 12,
            Self::HostName(_) => 13,
            Self::HostAddresses(_) => 14,
            Self::Reach(_) => 15,
            Self::Group(_) => 16,
            Self::Everything { .. } => 17,
            Self::GatewayRoute { .. } => 18,
            Self::View(_) => 19,
            Self::Endpoints(_) => 20,
        }
    }

    /// Its kind's name in statistics.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Selected(_) => "selected",
            Self::Membership(_) => "membership",
            Self::Standing(_) => "standing",
            Self::GatewayOf(_) => "gateway-of",
            Self::Mode { .. } => "mode",
            Self::Server(_) => "server",
            Self::MtlsPorts(_) => "mtls-ports",
            Self::Identities(_) => "identities",
            Self::Source { .. } => "source",
            Self::RouterPorts(_) => "router-ports",
            Self::ServicePorts(_) => "service-ports",
            Self::HostRoutes { .. } => "host-routes",
            Self::Registered(_) => "registered",
            Self::HostName(_) => "host-name",
            Self::HostAddresses(_) => "host-addresses",
            Self::Reach(_) => "reach",
            Self::Group(_) => "group",
            Self::Everything { .. } => "everything",
            Self::GatewayRoute { .. } => "gateway-route",
            Self::View(_) => "view",
            Self::Endpoints(_) => "endpoints",
        }
    }
}
