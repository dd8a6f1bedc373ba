//! Routes of what goes out of a sidecar to one port.

use std::collections::BTreeSet;
use std::sync::Arc;

use prost::Message;
use tulle_model::linked::{HostRoutes, OutboundPort, OutboundService, ProxyView, Sidecar};
use tulle_model::policy::{ClientPolicy, EgressPolicy, Protocol};
use tulle_model::{Capture, LoopbackBlock, linked};
use tulle_proto::matcher::string_matcher::MatchPattern;
use tulle_proto::route::route::Action;
use tulle_proto::route::route_match::PathSpecifier;
use tulle_proto::route::{Route, RouteAction, RouteMatch, VirtualHost};

use super::{action, configuration, headers, matching, requirements, virtual_host};
use crate::plan::{Parts, Planned, Resource};
use crate::targets::{ClusterNames, Use};
use crate::{accepted, fault, names, type_url, wire};

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

    /// The route configuration, not encoded yet.
    pub fn plan(&self) -> Planned<'a> {
        let names = ClusterNames::of(self.view);
        Planned::new(Egress::new(self.port, self.undeclared.0, &names))
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
    services: &'a [OutboundService],
    undeclared: Fate,
    names: ClusterNames<'a>,
}

impl<'a> Egress<'a> {
    fn new(port: &'a OutboundPort, undeclared: Fate, names: &ClusterNames<'a>) -> Self {
        Self {
            port: port.port,
            protocol: port.http_protocol,
            services: &port.http,
            undeclared,
            names: names.among(port.http.iter().flat_map(uses)),
        }
    }
}

fn uses(service: &OutboundService) -> impl Iterator<Item = Use<'_>> {
    let routes = service.routes.routes.iter();
    routes.flat_map(|route| {
        let destinations = route.destinations();
        destinations.map(|to| (to, service.policy.as_deref()))
    })
}

impl Resource for Egress<'_> {
    const TYPE_URL: &'static str = type_url::ROUTES;

    fn name(&self) -> String {
        names::egress_routes(self.protocol, self.port)
    }

    fn compile(&self) -> Parts {
        let mut used = BTreeSet::new();
        let mut parts = Parts::default();
        let mut hosts = Vec::new();
        for service in self.services {
            parts.origins.push(service.routes.object.clone());
            if accepted::host(&service.routes.host).is_err() {
                continue;
            }
            let routes = &service.routes;
            let origins = routes.routes.iter().map(|route| route.origin.clone());
            parts.origins.extend(origins);
            hosts.push(self.service(routes, service.policy.as_deref(), &mut used));
        }
        hosts.extend(self.undeclared(&mut used));
        parts.bytes = configuration(self.name(), hosts).encode_to_vec();
        parts.requires = requirements(used);
        parts
    }
}

impl Egress<'_> {
    fn service(
        &self,
        routes: &HostRoutes,
        policy: Option<&ClientPolicy>,
        used: &mut BTreeSet<String>,
    ) -> VirtualHost {
        let accepted = routes.routes.iter().filter(|r| accepted::route(r).is_ok());
        let compiled = accepted.map(|r| route(r, policy, &self.names, used));
        let hosts = std::iter::once(&routes.host).chain(&routes.host_aliases);
        let hosts = hosts.filter(|host| accepted::host(host).is_ok());
        let domains = hosts
            .flat_map(|host| [host.to_string(), format!("{host}:*")])
            .collect();
        virtual_host(routes.host.to_string(), domains, compiled.collect())
    }

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

/// A declared route; 503 if none of its targets has any weight.
fn route(
    route: &linked::Route,
    policy: Option<&ClientPolicy>,
    names: &ClusterNames<'_>,
    used: &mut BTreeSet<String>,
) -> Route {
    let forward = action::forward(route, policy, names, used);
    let mut compiled = Route {
        name: route.name.to_string(),
        r#match: Some(matching::route_match(&route.matches)),
        action: Some(forward.map_or_else(|| action::answer(503), Action::Route)),
        ..Default::default()
    };
    let extras = &route.extras;
    headers::change(
        &mut compiled,
        &extras.request_headers,
        &extras.response_headers,
    );
    if let Some(fault) = extras.fault {
        fault::inject(&mut compiled, fault);
    }
    compiled
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
