//! Encoded resources and assignments, shared between all that hold an equal one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use tulle_envoy::{Assignment, CalledPort, Compiled, Planned, VirtualHosts};
use tulle_index::Index;
use tulle_model::{ObjectId, Str};
use tulle_xds::{Resource, TypeUrl};

/// An encoded resource and the objects from which it was made.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) resource: Arc<Resource>,
    pub(super) origins: Vec<ObjectId>,
}

impl Encoded {
    pub(super) fn key(&self) -> (TypeUrl, &str) {
        (self.resource.type_url(), self.resource.name())
    }
}

/// Weak references by type, name and version; groups and lists hold the strong ones.
#[derive(Debug, Default)]
pub(super) struct Cache {
    known: HashMap<(TypeUrl, Str, String), Weak<Encoded>>,
    /// By name and version. Nobody's object is to blame for endpoints, so that the resource is all there is to hold.
    endpoints: HashMap<(Str, String), Weak<Resource>>,
    assignments: HashSet<Arc<Assignment>>,
    hosts: VirtualHosts,
    added: usize,
}

impl Cache {
    /// A planned resource; compiled and encoded only if nobody holds it.
    pub(super) fn get(&mut self, planned: &Planned<'_>) -> Arc<Encoded> {
        let type_url = TypeUrl::new(planned.type_url);
        let key = (type_url, planned.name.clone(), planned.version.clone());
        if let Some(encoded) = self.known.get(&key).and_then(Weak::upgrade) {
            return encoded;
        }
        let mut compiled = planned.compile();
        let encoded = Arc::new(Encoded {
            origins: std::mem::take(&mut compiled.origins),
            resource: Arc::new(encode(compiled)),
        });
        self.known.insert(key, Arc::downgrade(&encoded));
        self.added += 1;
        encoded
    }

    /// The route configuration of a port.
    pub(super) fn routes(&mut self, port: &CalledPort<'_>) -> Arc<Encoded> {
        let planned = port.plan(&mut self.hosts);
        self.get(&planned)
    }

    /// An assignment's endpoints as they are now.
    pub(super) fn endpoints(&mut self, assignment: &Assignment, index: &Index) -> Arc<Resource> {
        let Assignment {
            name,
            set,
            health_check_port,
        } = assignment;
        let compiled = tulle_envoy::endpoints(name, &index.endpoints(set), *health_check_port);
        let key = (name.clone(), compiled.version.clone());
        if let Some(resource) = self.endpoints.get(&key).and_then(Weak::upgrade) {
            return resource;
        }
        let resource = Arc::new(encode(compiled));
        self.endpoints.insert(key, Arc::downgrade(&resource));
        self.added += 1;
        resource
    }

    /// The assignment as others hold it, if any does.
    pub(super) fn assignment(&mut self, assignment: Assignment) -> Arc<Assignment> {
        if let Some(known) = self.assignments.get(&assignment) {
            return known.clone();
        }
        let assignment = Arc::new(assignment);
        self.assignments.insert(assignment.clone());
        self.added += 1;
        assignment
    }

    /// Drops entries that nobody holds any more, once there are enough new ones to make it worth while.
    pub(super) fn forget_unused(&mut self) {
        let kept = self.known.len() + self.endpoints.len() + self.assignments.len();
        if self.added > 1024.max(kept / 2) {
            self.known.retain(|_, encoded| encoded.strong_count() > 0);
            self.endpoints
                .retain(|_, resource| resource.strong_count() > 0);
            self.assignments
                .retain(|known| Arc::strong_count(known) > 1);
            self.hosts.forget_unused();
            self.added = 0;
        }
    }
}

fn encode(compiled: Compiled) -> Resource {
    let keys = |pairs: Vec<(&'static str, Str)>| {
        let pairs = pairs.into_iter();
        pairs.map(|(url, name)| (TypeUrl::new(url), name))
    };
    let type_url = TypeUrl::new(compiled.type_url);
    let resource = Resource::new(type_url, compiled.name, compiled.version, &compiled.bytes);
    let resource = match type_url {
        // They name files of the proxy's container.
        TypeUrl::SDS => resource.judged_locally(),
        _ => resource,
    };
    resource
        .with_requires(keys(compiled.requires))
        .with_touches(keys(compiled.touches))
        .with_settle(compiled.settle)
}
