//! The linked mesh: references resolved, precedence and conflicts settled, defaults applied.
//!
//! Everything here is a value that the compiler turns into Envoy resources without another look at
//! anything. Lists are in the order in which they take effect, or sorted where order means nothing.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::endpoint::EndpointSetId;
use crate::extras::{HeaderEdits, RateLimit, RouteExtras};
use crate::id::{Name, ObjectId, ProxyId, Str};
use crate::logging::AccessLog;
use crate::matching::{HostMatch, HttpMatch, PathRewrite};
use crate::policy::{
    ClientPolicy, EgressPolicy, IpPreference, Limits, MtlsMode, Protocol, RetryPolicy,
};
use crate::tls::{ClusterTls, ServerTls};
use crate::traffic::{HealthCheck, OutlierDetection, Pool};

/// All that the proxies of one workload or gateway are told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProxyView {
    /// Whose view it is.
    pub id: ProxyId,
    /// The object it comes from.
    pub object: ObjectId,
    /// The mesh's name in resource names (App Mesh: awsName).
    pub mesh: Str,
    /// The workload's or gateway's own name in resource names (App Mesh: awsName).
    pub alias: Str,
    /// Which IP family is used.
    pub ip: IpPreference,
    /// What is written of requests and connections.
    pub access_log: Option<AccessLog>,
    /// Sidecar or gateway.
    pub role: Role,
    /// Every cluster that the routes below name, sorted by destination and policy. Views that name the same share the list,
    /// and views that name one of them alike share that.
    pub clusters: Arc<Vec<Arc<ViewCluster>>>,
}

/// What a proxy does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// It stands beside an application.
    Sidecar(Sidecar),
    /// It stands at the edge.
    Gateway(Gateway),
}

/// A sidecar's part.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sidecar {
    /// What the application listens on, sorted by port.
    pub inbound: Vec<Inbound>,
    /// What the application may call, sorted by port, each port once; shared by all that may call the same.
    pub outbound: Vec<Arc<OutboundPort>>,
    /// What becomes of other calls.
    pub egress: EgressPolicy,
}

/// A port of the application.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Inbound {
    /// Port.
    pub port: u16,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Time limits.
    pub limits: Limits,
    /// How far it is secured by the control plane's certificates; off where the user has said what
    /// TLS is used here.
    pub mtls: MtlsMode,
    /// What the user says of TLS here.
    pub tls: Option<ServerTls>,
    /// How much the application takes at a time.
    pub pool: Option<Pool>,
    /// How often a request or connection is let in.
    pub rate_limit: Option<RateLimit>,
}

/// All that is reached by one destination port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OutboundPort {
    /// Port.
    pub port: u16,
    /// HTTP, HTTP/2 and gRPC services, told apart by host; sorted by host, each host once.
    pub http: Vec<OutboundService>,
    /// The protocol that names the HTTP resources of this port: the first of http, http2, grpc that
    /// occurs among `http`; meaningless if that is empty.
    pub http_protocol: Protocol,
    /// TCP services. If there are several, or HTTP services beside them, all have addresses.
    pub tcp: Vec<OutboundTcp>,
}

/// An HTTP service that may be called, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OutboundService {
    /// Host and routes.
    pub routes: Arc<HostRoutes>,
    /// How calls are secured: with `WeightedDestination::to` the key into `ProxyView::clusters`.
    pub policy: Option<Arc<ClientPolicy>>,
}

/// A TCP service that may be called.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OutboundTcp {
    /// The service.
    pub object: ObjectId,
    /// Its name, for statistics.
    pub host: Str,
    /// Addresses that clients dial; empty: every address.
    pub addresses: Vec<IpAddr>,
    /// The object whose route this is.
    pub origin: ObjectId,
    /// Where connections go; all weights zero, or none at all: they are closed.
    pub targets: Vec<WeightedDestination>,
    /// Limits; `request` is unused.
    pub limits: Limits,
    /// How calls are secured.
    pub policy: Option<Arc<ClientPolicy>>,
}

/// A service's host and the routes behind one of its ports, in the order in which they are tried.
/// A request that fits none gets 404.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostRoutes {
    /// The service.
    pub object: ObjectId,
    /// The host that clients call, in lower case.
    pub host: Str,
    /// More hosts by which sidecars' applications call it, in lower case, sorted.
    pub host_aliases: Vec<Str>,
    /// The port that clients dial.
    pub port: u16,
    /// What is spoken there.
    pub protocol: Protocol,
    /// The routes.
    pub routes: Vec<Route>,
}

impl HostRoutes {
    /// Whether some of its routes fail on purpose.
    pub fn has_faults(&self) -> bool {
        self.routes.iter().any(|route| route.extras.fault.is_some())
    }
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Its name, for statistics and for the user's eye.
    pub name: Str,
    /// The object that declares it.
    pub origin: ObjectId,
    /// Conditions.
    pub matches: HttpMatch,
    /// Destinations; all weights zero, or none at all: 503.
    pub targets: Vec<WeightedDestination>,
    /// Time limits.
    pub limits: Limits,
    /// Retries.
    pub retry: Option<RetryPolicy>,
    /// What else is done with what it takes.
    pub extras: RouteExtras<Destination>,
}

impl Route {
    /// Wherever its requests and their copies go.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        let targets = self.targets.iter().map(|target| &target.to);
        targets.chain(self.extras.mirrors.iter().map(|mirror| &mirror.to))
    }
}

/// A destination and its share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WeightedDestination {
    /// Where to.
    pub to: Destination,
    /// Share, relative to the sum.
    pub weight: u32,
}

/// A listener of a workload, as a client names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Destination {
    /// The workload.
    pub workload: Name,
    /// Its name in resource names (App Mesh: awsName).
    pub alias: Str,
    /// Its listener's protocol.
    pub protocol: Protocol,
    /// Its listener's port.
    pub port: u16,
}

/// A cluster of a view. The pair (`to`, `policy`) is its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ViewCluster {
    /// The destination.
    pub to: Destination,
    /// How calls are secured.
    pub policy: Option<Arc<ClientPolicy>>,
    /// Appended to the cluster's name where one destination is called under several policies.
    pub suffix: Option<Str>,
    /// The object that declares the destination.
    pub origin: ObjectId,
    /// How its addresses are found.
    pub discovery: Discovery,
    /// The name by which the destination's user has it found, whatever tells its addresses.
    pub hostname: Str,
    /// Which IP family is used.
    pub ip: IpPreference,
    /// How much is sent at a time; `None`: as much as comes.
    pub pool: Option<Pool>,
    /// Mutual TLS to those of its endpoints that have an identity; `None`: to none.
    pub mtls: Option<ClusterMtls>,
    /// TLS to all of its endpoints, as users declare it; then there is no `mtls`.
    pub tls: Option<ClusterTls>,
    /// When a host is left alone.
    pub outlier_detection: Option<OutlierDetection>,
    /// How hosts are asked whether they are well.
    pub health_check: Option<HealthCheck>,
}

impl ViewCluster {
    /// Where its hosts are asked whether they are well; `None`: on the port of the traffic.
    pub fn health_check_port(&self) -> Option<u16> {
        self.health_check.as_ref().and_then(|check| check.port)
    }
}

/// Whom a client expects behind a destination.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterMtls {
    /// The SPIFFE ids that its endpoints have or may soon have, sorted, each once.
    pub identities: Vec<Str>,
}

/// How the addresses of a destination are found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Discovery {
    /// Told by the control plane.
    Endpoints(EndpointSetId),
    /// By DNS.
    Dns {
        /// The name.
        hostname: Str,
        /// Every address is an endpoint (strict), or one is used at a time (logical).
        all_addresses: bool,
    },
}

/// A gateway's part.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gateway {
    /// Listeners, sorted by port.
    pub listeners: Vec<GatewayListener>,
    /// How its calls are secured.
    pub policy: Option<ClientPolicy>,
}

/// A listener of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GatewayListener {
    /// Port.
    pub port: u16,
    /// What is spoken there.
    pub protocol: Protocol,
    /// What the user says of TLS here.
    pub tls: Option<ServerTls>,
    /// How much it sends on at a time.
    pub pool: Option<Pool>,
    /// How often a request is let in.
    pub rate_limit: Option<RateLimit>,
    /// Its routes, in the order in which they are tried. The first whose conditions hold takes the
    /// request for good: if its service then has no route for it, the answer is 404.
    pub routes: Vec<Arc<GatewayRoute>>,
}

/// A route of a gateway, with the service behind it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GatewayRoute {
    /// The object that declares it.
    pub object: ObjectId,
    /// Its name, for statistics.
    pub name: Str,
    /// Condition on the host.
    pub host: HostMatch,
    /// Conditions on the request.
    pub matches: HttpMatch,
    /// What is done to the path before the service's routes see it.
    pub path_rewrite: PathRewrite,
    /// What the host becomes before the service's routes see it; `None`: it stays.
    pub host_rewrite: Option<Str>,
    /// The service's routes; `None`: nobody answers, which is 404.
    pub service: Option<Arc<HostRoutes>>,
    /// What is done to a request's headers before the service's routes do theirs.
    pub request_headers: HeaderEdits,
    /// What is done to an answer's headers after the service's routes did theirs.
    pub response_headers: HeaderEdits,
}
