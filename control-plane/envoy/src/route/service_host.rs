//! A service's virtual host in the route configurations of sidecars.
//!
//! All who call a service have the same one, unless their clusters are called otherwise than everybody's: it is hashed and
//! encoded once, and a change of one service leaves those of all others as they are.

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock, Weak};

use prost::encoding::message;
use tulle_model::hash::fingerprint_of;
use tulle_model::linked::{HostRoutes, OutboundService, Route as LinkedRoute};
use tulle_model::policy::ClientPolicy;
use tulle_model::{ObjectId, Str};
use tulle_proto::route::route::Action;
use tulle_proto::route::{Route, VirtualHost};

use super::{action, headers, matching, virtual_host};
use crate::targets::{ClusterNames, Use};
use crate::{accepted, fault};

/// The field of a RouteConfiguration that holds a virtual host.
pub(super) const VIRTUAL_HOSTS: u32 = 2;

/// The virtual hosts of services, as long as there are the routes that they are made from.
#[derive(Debug, Default)]
pub struct VirtualHosts {
    /// By the address of the routes.
    known: HashMap<usize, Known>,
}

#[derive(Debug)]
struct Known {
    /// As long as this is there the routes' address is nobody else's.
    routes: Weak<HostRoutes>,
    mesh: Box<str>,
    host: Arc<Host>,
}

/// A virtual host, encoded when it is asked for.
#[derive(Debug)]
struct Host {
    /// Tells the routes from others.
    routes: String,
    parts: OnceLock<Parts>,
}

/// What a virtual host brings to its route configuration.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// As it stands in the route configuration; empty if it cannot be accepted.
    pub(super) bytes: Vec<u8>,
    /// The clusters that it names.
    pub(super) clusters: Vec<Str>,
    pub(super) origins: Vec<ObjectId>,
}

/// A service that is called.
#[derive(Debug)]
pub(super) struct ServiceHost<'a> {
    routes: &'a HostRoutes,
    policy: Option<&'a ClientPolicy>,
    /// All who call the service call its clusters alike: neither policy nor names are this caller's own.
    common: bool,
    host: Arc<Host>,
}

/// What tells it from others, beside the names that are those of its route configuration.
impl Hash for ServiceHost<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.host.routes.hash(state);
        self.policy.filter(|_| !self.common).hash(state);
    }
}

impl VirtualHosts {
    /// Lets go what is no service's any more.
    pub fn forget_unused(&mut self) {
        self.known
            .retain(|_, known| known.routes.strong_count() > 0);
    }

    /// The virtual host of a service, whose clusters are called by these names.
    pub(super) fn of<'a>(
        &mut self,
        service: &'a OutboundService,
        names: &ClusterNames<'a>,
    ) -> ServiceHost<'a> {
        let routes = &service.routes;
        let common = !names.among(uses(service)).has_suffixes();
        ServiceHost {
            routes,
            policy: service.policy.as_deref(),
            common,
            host: match common {
                true => self.common(routes, names.mesh()),
                false => Arc::new(Host::of(routes)),
            },
        }
    }

    fn common(&mut self, routes: &Arc<HostRoutes>, mesh: &str) -> Arc<Host> {
        let address = Arc::as_ptr(routes).addr();
        if let Some(known) = self.known.get(&address)
            && *known.mesh == *mesh
        {
            return known.host.clone();
        }
        let host = Arc::new(Host::of(routes));
        let known = Known {
            routes: Arc::downgrade(routes),
            mesh: mesh.into(),
            host: host.clone(),
        };
        self.known.insert(address, known);
        host
    }
}

impl Host {
    fn of(routes: &HostRoutes) -> Self {
        Self {
            routes: fingerprint_of(routes),
            parts: OnceLock::new(),
        }
    }
}

impl ServiceHost<'_> {
    /// What it brings to a route configuration, whose clusters are called by these names. What is common follows from the
    /// routes and the mesh alone.
    pub(super) fn parts(&self, names: &ClusterNames<'_>) -> &Parts {
        self.host.parts.get_or_init(|| match self.common {
            true => compile(self.routes, None, &ClusterNames::plain(names.mesh())),
            false => compile(self.routes, self.policy, names),
        })
    }
}

/// The destinations of a service, as it is called.
pub(super) fn uses(service: &OutboundService) -> impl Iterator<Item = Use<'_>> {
    let routes = service.routes.routes.iter();
    routes.flat_map(|route| {
        let destinations = route.destinations();
        destinations.map(|to| (to, service.policy.as_deref()))
    })
}

fn compile(routes: &HostRoutes, policy: Option<&ClientPolicy>, names: &ClusterNames<'_>) -> Parts {
    let mut parts = Parts {
        origins: vec![routes.object.clone()],
        ..Parts::default()
    };
    if accepted::host(&routes.host).is_err() {
        return parts;
    }
    let origins = routes.routes.iter().map(|route| route.origin.clone());
    parts.origins.extend(origins);
    parts.origins.sort();
    parts.origins.dedup();
    let mut clusters = BTreeSet::new();
    let host = host(routes, policy, names, &mut clusters);
    parts
        .bytes
        .reserve_exact(message::encoded_len(VIRTUAL_HOSTS, &host));
    message::encode(VIRTUAL_HOSTS, &host, &mut parts.bytes);
    parts.clusters = clusters.into_iter().map(Str::from).collect();
    parts
}

fn host(
    routes: &HostRoutes,
    policy: Option<&ClientPolicy>,
    names: &ClusterNames<'_>,
    used: &mut BTreeSet<String>,
) -> VirtualHost {
    let accepted = routes.routes.iter().filter(|r| accepted::route(r).is_ok());
    let compiled = accepted.map(|r| route(r, policy, names, used));
    let hosts = std::iter::once(&routes.host).chain(&routes.host_aliases);
    let hosts = hosts.filter(|host| accepted::host(host).is_ok());
    let domains = hosts
        .flat_map(|host| [host.to_string(), format!("{host}:*")])
        .collect();
    virtual_host(routes.host.to_string(), domains, compiled.collect())
}

/// A declared route; 503 if none of its targets has any weight.
fn route(
    route: &LinkedRoute,
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

#[cfg(test)]
mod tests;
