//! What a proxy is to hold: every resource's name and version, and how to compile it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use tulle_model::endpoint::EndpointSetId;
use tulle_model::hash::version_of;
use tulle_model::linked::{Discovery, ProxyView, Role};
use tulle_model::settings::Settings;
use tulle_model::{Capture, ObjectId, Str};

use crate::files::Named;
use crate::route::{CalledPort, VirtualHosts};
use crate::targets::ClusterNames;
use crate::{cluster, listener, names, route};

/// A resource's identity on the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// One of [`crate::type_url`].
    pub type_url: &'static str,
    /// Its name.
    pub name: Str,
}

/// An encoded resource and what the server has to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// One of [`crate::type_url`].
    pub type_url: &'static str,
    /// Its name.
    pub name: Str,
    /// Hash of the linked input that it is made from.
    pub version: String,
    /// The encoded message, not wrapped in an `Any`.
    pub bytes: Vec<u8>,
    /// What a proxy must hold before this is of use to it. A route or listener is held back until then; a
    /// cluster has to be sent first, for a proxy asks for no endpoints without it, and is ready with them.
    pub requires: Vec<(&'static str, Str)>,
    /// What a proxy must be sent again after this, though it may not have changed.
    pub touches: Vec<(&'static str, Str)>,
    /// How long after its acknowledgement it may not be ready yet.
    pub settle: Duration,
    /// The user's objects that it comes from, to be named if Envoy refuses it; sorted, each once.
    pub origins: Vec<ObjectId>,
}

/// What a resource's own module makes of it.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) bytes: Vec<u8>,
    pub(crate) requires: Vec<(&'static str, Str)>,
    pub(crate) touches: Vec<(&'static str, Str)>,
    pub(crate) settle: Duration,
    pub(crate) origins: Vec<ObjectId>,
}

/// The input of one resource: its hash is the resource's version.
pub(crate) trait Resource: fmt::Debug {
    const TYPE_URL: &'static str;
    fn name(&self) -> String;
    fn compile(&self) -> Parts;
}

/// One resource that a proxy is to hold, not encoded yet.
pub struct Planned<'a> {
    /// One of [`crate::type_url`].
    pub type_url: &'static str,
    /// Its name.
    pub name: Str,
    /// Hash of the linked input that it is made from.
    pub version: String,
    compile: Box<dyn Fn() -> Parts + Send + Sync + 'a>,
}

impl fmt::Debug for Planned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planned")
            .field("type_url", &self.type_url)
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl<'a> Planned<'a> {
    pub(crate) fn new<R: Resource + Hash + Send + Sync + 'a>(resource: R) -> Self {
        Self {
            type_url: R::TYPE_URL,
            name: resource.name().into(),
            version: version_of(&resource),
            compile: Box::new(move || resource.compile()),
        }
    }

    /// Its identity.
    pub fn key(&self) -> Key {
        Key {
            type_url: self.type_url,
            name: self.name.clone(),
        }
    }

    /// Encodes it.
    pub fn compile(&self) -> Compiled {
        let mut parts = (self.compile)();
        for list in [&mut parts.requires, &mut parts.touches] {
            list.sort();
            list.dedup();
        }
        parts.origins.sort();
        parts.origins.dedup();
        Compiled {
            type_url: self.type_url,
            name: self.name.clone(),
            version: self.version.clone(),
            bytes: parts.bytes,
            requires: parts.requires,
            touches: parts.touches,
            settle: parts.settle,
            origins: parts.origins,
        }
    }
}

/// All that a proxy is to hold.
#[derive(Debug, Default)]
pub struct Plan<'a> {
    /// Clusters, listeners and route configurations; each name of a type once.
    pub resources: Vec<Planned<'a>>,
    /// Endpoints, which change on a lane of their own; sorted by name, each once.
    pub assignments: Vec<Assignment>,
}

/// A ClusterLoadAssignment: what [`crate::endpoints`] is to be asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Assignment {
    /// Its name.
    pub name: Str,
    /// Its endpoints.
    pub set: EndpointSetId,
    /// Where they are asked whether they are well; `None`: on the port of the traffic.
    pub health_check_port: Option<u16>,
}

/// Collects resources; of two under one name the first counts, since Envoy refuses the second.
#[derive(Default)]
struct Builder<'a> {
    resources: Vec<Planned<'a>>,
    taken: BTreeSet<Key>,
}

impl<'a> Builder<'a> {
    fn add<R: Resource + Hash + Send + Sync + 'a>(
        &mut self,
        resources: impl IntoIterator<Item = R>,
    ) {
        self.extend(resources.into_iter().map(Planned::new));
    }

    fn extend(&mut self, planned: impl IntoIterator<Item = Planned<'a>>) {
        for planned in planned {
            if self.taken.insert(planned.key()) {
                self.resources.push(planned);
            }
        }
    }
}

/// Every resource of a proxy's view with its version, without encoding any: [`called`], which counts first where two have
/// one name, [`own`], and the route configurations of [`called_ports`].
pub fn plan<'a>(view: &'a ProxyView, capture: Capture, settings: &Settings) -> Plan<'a> {
    let Plan {
        resources,
        assignments,
    } = called(view);
    let mut builder = Builder::default();
    builder.extend(resources);
    builder.extend(own(view, capture, settings));
    let mut hosts = VirtualHosts::default();
    builder.extend(called_ports(view, capture).map(|port| port.plan(&mut hosts)));
    Plan {
        resources: builder.resources,
        assignments,
    }
}

/// Whom a proxy calls: the clusters of its view's list and their endpoints. It follows from that list and the mesh's name and
/// from nothing else, so that views that share the list have all of it alike.
pub fn called(view: &ProxyView) -> Plan<'_> {
    let mut builder = Builder::default();
    builder.add(cluster::egress(view));
    Plan {
        resources: builder.resources,
        assignments: assignments(view),
    }
}

/// The ports that a sidecar's application calls HTTP services on, each with a route configuration.
pub fn called_ports(view: &ProxyView, capture: Capture) -> impl Iterator<Item = CalledPort<'_>> {
    let sidecar = match &view.role {
        Role::Sidecar(sidecar) => Some(sidecar),
        Role::Gateway(_) => None,
    };
    let sidecar = sidecar.into_iter();
    sidecar.flat_map(move |sidecar| route::egress(view, sidecar, capture))
}

/// What a proxy holds beside [`called`] and the route configurations of [`called_ports`]; each name of a type once.
pub fn own<'a>(view: &'a ProxyView, capture: Capture, settings: &Settings) -> Vec<Planned<'a>> {
    let names = ClusterNames::of(view);
    let mut builder = Builder::default();
    builder.add(Named::by(view).files(&view.object));
    match &view.role {
        Role::Sidecar(sidecar) => {
            builder.add(cluster::application(view, sidecar, capture));
            builder.add(cluster::passthrough(view, sidecar, capture));
            builder.add(route::ingress(view, sidecar));
            builder.add(listener::egress(view, sidecar, capture, &names));
            builder.add(listener::ingress(view, sidecar, capture, settings));
        }
        Role::Gateway(gateway) => {
            builder.add(route::gateway(gateway, &names));
            builder.add(listener::gateway(view, gateway, capture, settings));
        }
    }
    builder.resources
}

fn assignments(view: &ProxyView) -> Vec<Assignment> {
    let mut assignments = BTreeMap::new();
    for cluster in view.clusters.iter() {
        if let Discovery::Endpoints(set) = &cluster.discovery {
            let name = Str::from(names::egress_cluster(&view.mesh, &cluster.to));
            assignments
                .entry(name.clone())
                .or_insert_with(|| Assignment {
                    name,
                    set: set.clone(),
                    health_check_port: cluster.health_check_port(),
                });
        }
    }
    assignments.into_values().collect()
}

#[cfg(test)]
mod tests;
