//! What one open group holds, and what changes in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tulle_envoy::{Assignment, Plan, plan};
use tulle_index::Index;
use tulle_model::endpoint::EndpointSetId;
use tulle_model::linked::ProxyView;
use tulle_model::settings::Settings;
use tulle_model::{ObjectId, Str};
use tulle_xds::{Change, Resource, TypeUrl};

use super::cache::{Cache, Encoded};
use super::group::Group;

type Key = (TypeUrl, Str);

/// A group's resources by type and name, and where its endpoints come from.
#[derive(Debug, Default)]
pub(super) struct Held {
    resources: BTreeMap<Key, Arc<Encoded>>,
    /// Endpoint sets, each with the assignments that show it.
    assignments: BTreeMap<EndpointSetId, BTreeSet<Assignment>>,
}

impl Held {
    /// Whether nothing has ever been compiled for the group.
    pub(super) fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// The endpoint sets that the group's assignments show.
    pub(super) fn endpoint_sets(&self) -> impl Iterator<Item = &EndpointSetId> {
        self.assignments.keys()
    }

    /// All that the group holds.
    pub(super) fn resources(&self) -> Vec<Arc<Resource>> {
        self.resources
            .values()
            .map(|held| held.resource.clone())
            .collect()
    }

    /// The group's view is different, or is looked at for the first time.
    pub(super) fn follow_view(
        &mut self,
        view: &ProxyView,
        group: &Group,
        settings: &Settings,
        index: &Index,
        cache: &mut Cache,
    ) -> Vec<Change> {
        let Plan {
            resources,
            assignments,
        } = plan(view, group.capture, settings);
        let mut gone: BTreeSet<Key> = self.resources.keys().cloned().collect();
        let mut changes = Vec::new();
        for planned in resources {
            let key = (TypeUrl::new(planned.type_url), planned.name.clone());
            gone.remove(&key);
            if !self.holds(&key, &planned.version) {
                let encoded = cache.get(key.0, &key.1, &planned.version, || planned.compile());
                self.put(key, encoded, &mut changes);
            }
        }
        self.assignments.clear();
        for assignment in assignments {
            gone.remove(&(TypeUrl::EDS, assignment.name.clone()));
            self.put_endpoints(&assignment, index, cache, &mut changes);
            let of_set = self.assignments.entry(assignment.set.clone()).or_default();
            of_set.insert(assignment);
        }
        for (type_url, name) in gone {
            self.resources.remove(&(type_url, name.clone()));
            changes.push(Change::Remove(type_url, name));
        }
        changes
    }

    /// Endpoints are different; nothing else is looked at.
    pub(super) fn follow_endpoints(
        &mut self,
        changed: &BTreeSet<EndpointSetId>,
        index: &Index,
        cache: &mut Cache,
    ) -> Vec<Change> {
        let touched: Vec<Assignment> = changed
            .iter()
            .filter_map(|set| self.assignments.get(set))
            .flatten()
            .cloned()
            .collect();
        let mut changes = Vec::new();
        for assignment in touched {
            self.put_endpoints(&assignment, index, cache, &mut changes);
        }
        changes
    }

    fn put_endpoints(
        &mut self,
        assignment: &Assignment,
        index: &Index,
        cache: &mut Cache,
        changes: &mut Vec<Change>,
    ) {
        let Assignment {
            name,
            set,
            health_check_port,
        } = assignment;
        let endpoints = index.endpoints(set);
        let key = (TypeUrl::EDS, name.clone());
        let compiled = tulle_envoy::endpoints(name, &endpoints, *health_check_port);
        if !self.holds(&key, &compiled.version) {
            let version = compiled.version.clone();
            let encoded = cache.get(key.0, name, &version, || compiled);
            self.put(key, encoded, changes);
        }
    }

    fn holds(&self, key: &Key, version: &str) -> bool {
        self.resources
            .get(key)
            .is_some_and(|held| &**held.resource.version() == version)
    }

    fn put(&mut self, key: Key, encoded: Arc<Encoded>, changes: &mut Vec<Change>) {
        changes.push(Change::Put(encoded.resource.clone()));
        self.resources.insert(key, encoded);
    }

    /// The objects from which a resource was made.
    pub(super) fn origins(&self, type_url: TypeUrl, name: &str) -> Vec<ObjectId> {
        self.resources
            .get(&(type_url, name.into()))
            .map(|held| held.origins.clone())
            .unwrap_or_default()
    }
}
