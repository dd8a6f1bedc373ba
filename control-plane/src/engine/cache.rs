//! Encoded resources and assignments, shared between all groups that hold an equal one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use tulle_envoy::{Assignment, Compiled};
use tulle_model::{ObjectId, Str};
use tulle_xds::{Resource, TypeUrl};

/// An encoded resource and the objects from which it was made.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) resource: Arc<Resource>,
    pub(super) origins: Vec<ObjectId>,
}

/// Weak references by type, name and version; the groups hold the strong ones.
#[derive(Debug, Default)]
pub(super) struct Cache {
    known: HashMap<(TypeUrl, Str, String), Weak<Encoded>>,
    assignments: HashSet<Arc<Assignment>>,
    added: usize,
}

impl Cache {
    /// The resource of this name and version; compiled and encoded only if nobody holds it.
    pub(super) fn get(
        &mut self,
        type_url: TypeUrl,
        name: &Str,
        version: &str,
        compile: impl FnOnce() -> Compiled,
    ) -> Arc<Encoded> {
        let key = (type_url, name.clone(), version.to_owned());
        if let Some(encoded) = self.known.get(&key).and_then(Weak::upgrade) {
            return encoded;
        }
        let compiled = compile();
        let keys = |pairs: Vec<(&'static str, Str)>| {
            pairs
                .into_iter()
                .map(|(url, name)| (TypeUrl::new(url), name))
        };
        let resource = Resource::new(type_url, name.clone(), version, &compiled.bytes);
        let resource = match type_url {
            // They name files of the proxy's container.
            TypeUrl::SDS => resource.judged_locally(),
            _ => resource,
        };
        let resource = resource
            .with_requires(keys(compiled.requires))
            .with_touches(keys(compiled.touches))
            .with_settle(compiled.settle);
        let encoded = Arc::new(Encoded {
            resource: Arc::new(resource),
            origins: compiled.origins,
        });
        self.known.insert(key, Arc::downgrade(&encoded));
        self.added += 1;
        encoded
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

    /// Drops entries that no group holds any more, once there are enough new ones to make it worth while.
    pub(super) fn forget_unused(&mut self) {
        if self.added > 1024.max(self.known.len() / 2) {
            self.known.retain(|_, encoded| encoded.strong_count() > 0);
            self.assignments
                .retain(|known| Arc::strong_count(known) > 1);
            self.added = 0;
        }
    }
}
