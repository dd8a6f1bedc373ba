//! Fragments: one user's object in neutral words. References are names that nobody has looked up.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::extras::{HeaderEdits, RateLimit, RouteExtras};
use crate::finding::Finding;
use crate::id::{Name, ObjectId, ProxyId, Str};
use crate::logging::AccessLog;
use crate::matching::{HostMatch, HttpMatch, PathRewrite};
use crate::policy::{
    ClientPolicy, DiscoveryMode, EgressPolicy, IpPreference, MtlsMode, Protocol, RetryPolicy,
    Timeouts,
};
use crate::selector::{Labels, Selector};
use crate::tls::ServerTls;
use crate::traffic::{HealthCheck, OutlierDetection, Pool};

/// What a dialect makes of one object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Translated {
    /// The parts of the mesh that the object declares; none for an object that cannot be used at all.
    pub fragments: Vec<Fragment>,
    /// What there is to say about the object alone.
    pub findings: Vec<Finding>,
}

/// One part of the mesh. Boxed, for most of the many are far smaller than the largest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Fragment {
    /// A mesh.
    Mesh(Box<Mesh>),
    /// A namespace's labels.
    Namespace(Box<Namespace>),
    /// A workload (App Mesh: VirtualNode).
    Workload(Box<Workload>),
    /// A name that clients call (App Mesh: VirtualService).
    Service(Box<Service>),
    /// Routes (App Mesh: VirtualRouter).
    Router(Box<Router>),
    /// A gateway (App Mesh: VirtualGateway).
    Gateway(Box<Gateway>),
    /// A route of a gateway (App Mesh: GatewayRoute).
    GatewayRoute(Box<GatewayRoute>),
    /// A list of services that workloads may take as backends (App Mesh: BackendGroup).
    BackendGroup(Box<BackendGroup>),
    /// A Kubernetes Service.
    KubeService(Box<KubeService>),
    /// Endpoints of a Kubernetes Service.
    EndpointSlice(Box<EndpointSlice>),
    /// A pod.
    Pod(Box<Pod>),
    /// A machine on which pods run.
    Node(Box<Node>),
}

macro_rules! from {
    ($($kind:ident)*) => {$(
        impl From<$kind> for Fragment {
            fn from(part: $kind) -> Self {
                Self::$kind(Box::new(part))
            }
        }
    )*};
}

from! {
    Mesh Namespace Workload Service Router Gateway GatewayRoute BackendGroup KubeService EndpointSlice Pod Node
}

/// A reference to another member of the same mesh.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Ref {
    /// By namespace and name.
    Name(Name),
    /// By the name the member has inside its mesh (App Mesh: the last part of an ARN, an awsName).
    Alias(Str),
}

/// A mesh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mesh {
    /// Its name; no namespace.
    pub name: Name,
    /// The object it comes from.
    pub object: ObjectId,
    /// Its name in Envoy's resource names (App Mesh: awsName).
    pub alias: Str,
    /// Namespaces whose members belong to it; `None` selects nothing.
    pub namespaces: Option<Selector>,
    /// What becomes of calls to undeclared destinations.
    pub egress: EgressPolicy,
    /// Which IP family its members use.
    pub ip: IpPreference,
    /// How far its traffic is secured; `None`: as the settings say.
    pub mtls: Option<MtlsMode>,
    /// How its workloads are found where their names name a Service; `None`: as the settings say.
    pub discovery_mode: Option<DiscoveryMode>,
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Namespace {
    /// Its name.
    pub name: Str,
    /// The object it comes from.
    pub object: ObjectId,
    /// Its labels.
    pub labels: Labels,
    /// How far the traffic of its workloads and gateways is secured; `None`: as their mesh says.
    pub mtls: Option<MtlsMode>,
}

/// A workload: what listens, how it is found, whom it may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Its name.
    pub name: Name,
    /// The object it comes from.
    pub object: ObjectId,
    /// Its name inside the mesh (App Mesh: awsName).
    pub alias: Str,
    /// The mesh, where the object names it; else the namespace decides.
    pub mesh: Option<Name>,
    /// What it listens on; port numbers are distinct.
    pub listeners: Vec<Listener>,
    /// How clients find it.
    pub discovery: Option<Discovery>,
    /// The same where its host name names a Service; `None`: as its mesh says.
    pub discovery_mode: Option<DiscoveryMode>,
    /// The services it may call.
    pub backends: Vec<Backend>,
    /// Groups of services it may call.
    pub backend_groups: Vec<BackendGroupRef>,
    /// How its calls are secured where a backend says nothing itself.
    pub default_policy: Option<ClientPolicy>,
    /// Its pods, of its own namespace; `None` selects nothing.
    pub pods: Option<Selector>,
    /// What its proxies write of requests and connections.
    pub access_log: Option<AccessLog>,
}

/// A port that a workload or gateway listens on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Listener {
    /// Port number.
    pub port: u16,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Time limits of requests and connections that come in (workloads only).
    pub timeouts: Timeouts,
    /// What the user says of TLS here; where it says anything, nothing is secured of itself.
    pub tls: Option<ServerTls>,
    /// How much is taken at a time.
    pub pool: Option<Pool>,
    /// When clients leave a host alone (workloads only).
    pub outlier_detection: Option<OutlierDetection>,
    /// How clients ask hosts whether they are well (workloads only).
    pub health_check: Option<HealthCheck>,
    /// How often a request or connection is taken.
    pub rate_limit: Option<RateLimit>,
}

/// How the addresses of a workload are found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Discovery {
    /// By a DNS name.
    Dns {
        /// The name, in lower case, without a final dot.
        hostname: Str,
        /// Every address is an endpoint of its own (`true`), or the name stands for a load
        /// balancer, one address of which is used at a time (`false`).
        all_addresses: bool,
    },
    /// By a registry of instances (App Mesh: awsCloudMap): the ready pods of all workloads that name its service.
    Registry {
        /// The registry's namespace.
        namespace: Str,
        /// The service inside it.
        service: Str,
        /// Attributes that an instance must have, sorted by key.
        attributes: Vec<(Str, Str)>,
    },
}

/// A service that a workload may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backend {
    /// The service.
    pub service: Ref,
    /// How calls are secured, in place of the workload's default.
    pub policy: Option<ClientPolicy>,
    /// The field that declares it, for findings.
    pub field: Str,
}

/// A group of services that a workload may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackendGroupRef {
    /// The group's namespace.
    pub namespace: Str,
    /// The group; `None` (written `*`) is every service of that namespace.
    pub group: Option<Name>,
    /// The field that declares it, for findings.
    pub field: Str,
}

/// A list of services under one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackendGroup {
    /// Its name.
    pub name: Name,
    /// The object it comes from.
    pub object: ObjectId,
    /// The mesh, where the object names it.
    pub mesh: Option<Name>,
    /// The services.
    pub services: Vec<Name>,
}

/// A name that clients call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: Name,
    /// The object it comes from.
    pub object: ObjectId,
    /// The host that clients call, in lower case (App Mesh: awsName).
    pub host: Str,
    /// Its name inside the mesh as the user wrote it (App Mesh: awsName).
    pub alias: Str,
    /// The mesh, where the object names it.
    pub mesh: Option<Name>,
    /// Who answers; `None`: nobody.
    pub provider: Option<Provider>,
    /// More hosts by which clients call it, in lower case, sorted, each once; `host` is not among them.
    pub host_aliases: Vec<Str>,
}

/// Who answers for a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Provider {
    /// Routes choose.
    Router(Ref),
    /// One workload, on its own listener ports.
    Workload(Ref),
}

/// Routes, and the ports on which clients meet them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Router {
    /// Its name.
    pub name: Name,
    /// The object it comes from.
    pub object: ObjectId,
    /// Its name inside the mesh (App Mesh: awsName).
    pub alias: Str,
    /// The mesh, where the object names it.
    pub mesh: Option<Name>,
    /// The ports that clients dial; distinct numbers. `timeouts` are unused.
    pub listeners: Vec<Listener>,
    /// The routes in the user's order.
    pub routes: Vec<Route>,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Its name, unique in the router.
    pub name: Str,
    /// The field that declares it, such as `spec.routes[0]`, for findings.
    pub field: Str,
    /// It serves the router's listeners of this protocol.
    pub protocol: Protocol,
    /// 0 first; `None` after every number.
    pub priority: Option<u16>,
    /// Only the router's listener on this port; `None`: every listener.
    pub port: Option<u16>,
    /// Conditions on the request; unused for TCP.
    pub matches: HttpMatch,
    /// Where matching traffic goes.
    pub targets: Vec<Target>,
    /// Time limits.
    pub timeouts: Timeouts,
    /// Retries; `None`: nothing said.
    pub retry: Option<RetryPolicy>,
    /// What else is done with what it takes; nothing for TCP.
    pub extras: RouteExtras<MirrorTarget>,
}

/// Where copies of requests go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MirrorTarget {
    /// The workload.
    pub workload: Ref,
    /// Its listener port; `None`: its only listener.
    pub port: Option<u16>,
    /// The field that declares it, for findings.
    pub field: Str,
}

/// A weighted destination.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The workload.
    pub workload: Ref,
    /// Its listener port; `None`: its only listener.
    pub port: Option<u16>,
    /// Share of the traffic, relative to the sum.
    pub weight: u32,
}

/// A gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gateway {
    /// Its name.
    pub name: Name,
    /// The object it comes from.
    pub object: ObjectId,
    /// Its name inside the mesh (App Mesh: awsName).
    pub alias: Str,
    /// The mesh, where the object names it.
    pub mesh: Option<Name>,
    /// What it listens on; `timeouts` are unused, TCP does not occur.
    pub listeners: Vec<Listener>,
    /// Namespaces whose routes may attach; `None` selects nothing.
    pub namespaces: Option<Selector>,
    /// Labels of routes that may attach; empty selects all.
    pub routes: Selector,
    /// How its calls are secured.
    pub default_policy: Option<ClientPolicy>,
    /// Its pods; `None` selects nothing.
    pub pods: Option<Selector>,
    /// What its proxies write of requests and connections.
    pub access_log: Option<AccessLog>,
}

/// A route of a gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatewayRoute {
    /// Its name.
    pub name: Name,
    /// The object it comes from.
    pub object: ObjectId,
    /// Its name inside the mesh (App Mesh: awsName).
    pub alias: Str,
    /// The mesh, where the object names it.
    pub mesh: Option<Name>,
    /// The gateway, where the object names it; else selectors decide.
    pub gateway: Option<Name>,
    /// The object's labels, for the gateway's selector.
    pub labels: Labels,
    /// 0 first, 1000 last.
    pub priority: u16,
    /// It serves the gateway's listeners of this protocol.
    pub protocol: Protocol,
    /// Only the gateway's listener on this port; `None`: every listener.
    pub port: Option<u16>,
    /// Condition on the host.
    pub host: HostMatch,
    /// Conditions on the request.
    pub matches: HttpMatch,
    /// What is done to the path.
    pub path_rewrite: PathRewrite,
    /// Whether the host becomes the target service's.
    pub rewrite_host: bool,
    /// The service that answers.
    pub target: Ref,
    /// The provider's listener port; `None`: its only one.
    pub target_port: Option<u16>,
    /// The field of the route, such as `spec.httpRoute`, for findings.
    pub field: Str,
    /// What is done to a request's headers before the service's routes do theirs.
    pub request_headers: HeaderEdits,
    /// What is done to an answer's headers after the service's routes did theirs.
    pub response_headers: HeaderEdits,
}

/// A Kubernetes Service, as far as names and ports are concerned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KubeService {
    /// Namespace.
    pub namespace: Str,
    /// Name.
    pub name: Str,
    /// The object it comes from.
    pub object: ObjectId,
    /// Cluster addresses; empty if headless.
    pub addresses: Vec<IpAddr>,
    /// Type ExternalName: an alias in DNS, without endpoints.
    pub external: bool,
    /// Its ports: number and name (empty if it has none); TCP only.
    pub ports: Vec<(u16, Str)>,
}

/// Endpoints of a Kubernetes Service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointSlice {
    /// Namespace.
    pub namespace: Str,
    /// Name of the slice.
    pub name: Str,
    /// The object it comes from.
    pub object: ObjectId,
    /// The Service it belongs to (label `kubernetes.io/service-name`).
    pub service: Str,
    /// Ports by name (empty if it has none).
    pub ports: Vec<(Str, u16)>,
    /// The endpoints.
    pub endpoints: Vec<SliceEndpoint>,
}

/// An endpoint and its conditions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SliceEndpoint {
    /// Address (Kubernetes: only the first of a slice's addresses counts).
    pub ip: IpAddr,
    /// Condition `ready`; absent means true.
    pub ready: bool,
    /// Condition `serving`; absent means as `ready`.
    pub serving: bool,
    /// Condition `terminating`.
    pub terminating: bool,
    /// Zone.
    pub zone: Option<Str>,
}

/// A pod, as far as traffic is concerned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pod {
    /// Namespace.
    pub namespace: Str,
    /// Name.
    pub name: Str,
    /// The object it comes from.
    pub object: ObjectId,
    /// Labels.
    pub labels: Labels,
    /// Addresses.
    pub ips: Vec<IpAddr>,
    /// Its containers are ready.
    pub ready: bool,
    /// It is going away.
    pub terminating: bool,
    /// Its uid, which no other pod ever has; empty in files that do not say it.
    pub uid: Str,
    /// Its service account; empty where it is not known.
    pub service_account: Str,
    /// The machine it runs on, once there is one.
    pub node: Option<Str>,
    /// The proxy that was put into it.
    pub proxy: Option<PodProxy>,
    /// All its containers have ended for good; its addresses may be another pod's by now.
    pub finished: bool,
    /// Its addresses are its machine's.
    pub host_network: bool,
}

/// A proxy in a pod, as it was when the pod was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodProxy {
    /// Whom it stands beside.
    pub id: ProxyId,
    /// Ports whose traffic reaches it in place of the application.
    pub inbound: BTreeSet<u16>,
}

/// A machine on which pods run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Node {
    /// Name.
    pub name: Str,
    /// The object it comes from.
    pub object: ObjectId,
    /// Zone, where it is known.
    pub zone: Option<Str>,
}
