//! Routes of what goes out of a sidecar to one port.

use std::collections::BTreeSet;
use std::sync::Arc;

use prost::Message;
use prost::encoding::message;
use tulle_model::linked::{OutboundPort, ProxyView, Sidecar};
use tulle_model::policy::{EgressPolicy, Protocol};
use tulle_model::{Capture, LoopbackBlock};
use tulle_proto::matcher::string_matcher::MatchPattern;
use tulle_proto::route::route::Action;
use tulle_proto::route::route_match::PathSpecifier;
use tulle_proto::route::{Route, RouteAction, RouteMatch, VirtualHost};

use super::service_host::{ServiceHost, VIRTUAL_HOSTS, VirtualHosts, uses};
use super::{action, configuration, headers, matching, requirements, virtual_host};
use crate::plan::{Parts, Planned, Resource};
use crate::targets::ClusterNames;
use crate::{names, type_url, wire};

/// A route configuration for every port that some HTTP service is called on.
pub(crate) fn egress<'a>(
    view: &'a ProxyView,
    sidecar: &'a Sidecar,
    capture: Capture,
) -> impl Iterator<Item = CalledPort<'a>> {
    let undeclared = Undeclared(match (sidecar.egress, capture) {
        (EgressPolicy::DropAll, _) => Fate::Refuse,
        (EgressPolicy::AllowAll, Capture::Transparent) => Fate::Pass,
        (EgressPolicy::AllowAll, Capture::Loopback(block)) => Fate::PassOnce(block),
    });
    let http = sidecar.outbound.iter().filter(|p| !p.http.is_empty());
    http.map(move |port| CalledPort {
        view,
        port,
        undeclared,
    })
}

/// A port that some HTTP service is called on. Its route configuration follows from the port, from what becomes of
/// undeclared hosts, and from the mesh's name and the list of clusters of its view; from nothing else.
#[derive(Debug, Clone, Copy)]
pub struct CalledPort<'a> {
    view: &'a ProxyView,
    port: &'a Arc<OutboundPort>,
    undeclared: Undeclared,
}

impl<'a> CalledPort<'a> {
    /// The port, which views may share.
    pub fn port(&self) -> &'a Arc<OutboundPort> {
        self.port
    }

    /// What becomes of undeclared hosts.
    pub fn undeclared(&self) -> Undeclared {
        self.undeclared
    }

    /// The route configuration, not encoded yet; `hosts` are those of all services so far.
    pub fn plan(&self, hosts: &mut VirtualHosts) -> Planned<'a> {
        let names = ClusterNames::of(self.view);
        Planned::new(Egress::new(self.port, self.undeclared.0, &names, hosts))
    }
}

/// What becomes of requests for hosts that no service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Undeclared(Fate);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Fate {
    /// 404.
    Refuse,
    /// Where the connection was going.
    Pass,
    /// Where the Host says, but only once: it may say the proxy itself.
    PassOnce(LoopbackBlock),
}

#[derive(Debug, Hash)]
pub(crate) struct Egress<'a> {
    port: u16,
    protocol: Protocol,
    services: Vec<ServiceHost<'a>>,
    undeclared: Fate,
    names: ClusterNames<'a>,
}

impl<'a> Egress<'a> {
    fn new(
        port: &'a OutboundPort,
        undeclared: Fate,
        names: &ClusterNames<'a>,
        hosts: &mut VirtualHosts,
    ) -> Self {
        let services = port.http.iter();
        Self {
            port: port.port,
            protocol: port.http_protocol,
            services: services.map(|service| hosts.of(service, names)).collect(),
            undeclared,
            names: names.among(port.http.iter().flat_map(uses)),
        }
    }
}

impl Resource for Egress<'_> {
    const TYPE_URL: &'static str = type_url::ROUTES;

    fn name(&self) -> String {
        names::egress_routes(self.protocol, self.port)
    }

    fn compile(&self) -> Parts {
        // Messages of one type that stand one behind the other are one: its hosts are encoded already.
        let mut parts = Parts {
            bytes: configuration(self.name(), Vec::new()).encode_to_vec(),
            ..Parts::default()
        };
        let services = self.services.iter();
        let services: Vec<_> = services.map(|one| one.parts(&self.names)).collect();
        let length = services.iter().map(|service| service.bytes.len()).sum();
        parts.bytes.reserve(length);
        for service in services {
            parts.bytes.extend_from_slice(&service.bytes);
            parts.origins.extend_from_slice(&service.origins);
            let clusters = service.clusters.iter();
            let requires = clusters.map(|cluster| (type_url::CLUSTER, cluster.clone()));
            parts.requires.extend(requires);
        }
        let mut used = BTreeSet::new();
        if let Some(host) = self.undeclared(&mut used) {
            message::encode(VIRTUAL_HOSTS, &host, &mut parts.bytes);
        }
        parts.requires.extend(requirements(used));
        parts
    }
}

impl Egress<'_> {
    fn undeclared(&self, used: &mut BTreeSet<String>) -> Option<VirtualHost> {
        let cluster = names::allow_all_cluster(self.names.mesh());
        let forward = action::forward_to(cluster.clone());
        let routes = match self.undeclared {
            Fate::Refuse => return None,
            Fate::Pass => vec![any(forward)],
            Fate::PassOnce(block) => pass_once(forward, block),
        };
        used.insert(cluster);
        let name = names::ALLOW_ALL_VIRTUAL_HOST.to_owned();
        Some(virtual_host(name, vec!["*".to_owned()], routes))
    }
}

fn every_path() -> RouteMatch {
    RouteMatch {
        path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
        ..Default::default()
    }
}

/// Undeclared destinations have nobody's limits: none.
fn any(forward: RouteAction) -> Route {
    Route {
        r#match: Some(every_path()),
        action: Some(Action::Route(RouteAction {
            timeout: Some(wire::limit(None)),
            ..forward
        })),
        ..Default::default()
    }
}

/// 508 for a request that this proxy has already passed on.
fn pass_once(forward: RouteAction, block: LoopbackBlock) -> Vec<Route> {
    let mark = MatchPattern::Exact(block.to_string());
    let again = Route {
        r#match: Some(RouteMatch {
            headers: vec![matching::string_header(names::PASSED_HEADER, mark)],
            ..every_path()
        }),
        action: Some(action::answer(508)),
        ..Default::default()
    };
    let marked = Route {
        request_headers_to_add: vec![headers::set(names::PASSED_HEADER, &block.to_string())],
        ..any(forward)
    };
    vec![again, marked]
}
