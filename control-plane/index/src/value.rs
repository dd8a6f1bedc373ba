//! What nodes compute.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use tulle_model::endpoint::EndpointSet;
use tulle_model::fragment;
use tulle_model::linked::{Destination, Discovery, GatewayRoute, HostRoutes, ProxyView, Route};
use tulle_model::policy::{DiscoveryMode, IpPreference, MtlsMode, Protocol};
use tulle_model::tls::ServerTls;
use tulle_model::traffic::{HealthCheck, OutlierDetection};
use tulle_model::{Name, ObjectId, Str};

/// The value of a node of any kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Selected(Arc<Vec<Name>>),
    Membership(Membership),
    Standing(Standing),
    GatewayOf(Option<Name>),
    Mode(MtlsMode),
    Server(Option<Arc<Server>>),
    MtlsPorts(Arc<BTreeSet<u16>>),
    Identities(Arc<Vec<Str>>),
    Source(Option<Arc<Source>>),
    RouterPorts(Option<Arc<Vec<RouterPort>>>),
    ServicePorts(Option<Arc<ServicePorts>>),
    HostRoutes(Option<Arc<HostRoutes>>),
    Named(Arc<[Named]>),
    HostAddresses(Arc<Vec<IpAddr>>),
    Reach(Option<Arc<Vec<Reach>>>),
    Group(Option<Arc<Vec<Name>>>),
    GatewayRoute(Option<Arc<GatewayRoute>>),
    View(Option<Arc<ProxyView>>),
    Endpoints(Arc<EndpointSet>),
}

/// Where a member belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Membership {
    /// There is no such member.
    Absent,
    /// It belongs to no mesh.
    NoMesh,
    /// It belongs to this mesh and claims this name inside it, if members of its kind have one.
    In { mesh: Name, alias: Option<Str> },
}

/// Whether a member may be referred to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There is no such member.
    Absent,
    /// It belongs to no mesh.
    NoMesh,
    /// Members of this mesh may refer to it.
    In { mesh: Name },
    /// Another member of its mesh has its name.
    Lost { mesh: Name, rival: Box<Rival> },
}

/// Who has a name that another claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rival {
    pub(crate) alias: Str,
    pub(crate) winner: Name,
}

impl Standing {
    /// The mesh it belongs to, a lost name notwithstanding.
    pub(crate) fn mesh(&self) -> Option<&Name> {
        match self {
            Self::Absent | Self::NoMesh => None,
            Self::In { mesh } | Self::Lost { mesh, .. } => Some(mesh),
        }
    }
}

/// What clients need to know of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) object: ObjectId,
    pub(crate) alias: Str,
    /// Sorted by port, each port once.
    pub(crate) listeners: Vec<fragment::Listener>,
    pub(crate) discovery: Option<fragment::Discovery>,
    pub(crate) discovery_mode: Option<DiscoveryMode>,
    /// It has pods, so that its listeners are ours.
    pub(crate) has_pods: bool,
}

/// How the addresses of a listener are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) to: Destination,
    pub(crate) origin: ObjectId,
    pub(crate) discovery: Discovery,
    pub(crate) ip: IpPreference,
    /// Who may answer, sorted; none where nobody shows a certificate of the control plane's.
    pub(crate) identities: Arc<Vec<Str>>,
    /// Nothing but mutual TLS is taken.
    pub(crate) strict: bool,
    /// The name by which its user has it found.
    pub(crate) hostname: Str,
    /// The server has pods: what it says of TLS is what it takes.
    pub(crate) has_pods: bool,
    /// What the server's user says of TLS.
    pub(crate) tls: Option<ServerTls>,
    pub(crate) outlier_detection: Option<OutlierDetection>,
    pub(crate) health_check: Option<HealthCheck>,
}

/// A port of a router and its routes, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouterPort {
    pub(crate) port: u16,
    pub(crate) protocol: Protocol,
    pub(crate) routes: Vec<Route>,
}

/// The ports on which a service is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServicePorts {
    pub(crate) object: ObjectId,
    pub(crate) host: Str,
    /// More hosts of it, sorted.
    pub(crate) host_aliases: Vec<Str>,
    pub(crate) alias: Str,
    pub(crate) provider: Option<Provider>,
    /// Sorted by port, each port once.
    pub(crate) ports: Vec<(u16, Protocol)>,
}

/// A name that Tulle's DNS server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// In lower case, without a final dot.
    pub(crate) host: Str,
    /// The zone that there is for its sake, if there is one.
    pub(crate) zone: Option<Str>,
    /// Sorted.
    pub(crate) addresses: Arc<Vec<IpAddr>>,
}

/// A service on one of its ports, with all that its routes lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) routes: Arc<HostRoutes>,
    /// A source for every destination, in any order, perhaps more than once.
    pub(crate) sources: Arc<[Arc<Source>]>,
}

/// Who answers for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Provider {
    Router(Name),
    Workload(Name),
}
