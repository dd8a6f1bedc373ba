//! What one open group holds, and what changes in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use tulle_envoy::{Assignment, Plan, Planned, plan};
use tulle_index::Index;
use tulle_model::ObjectId;
use tulle_model::endpoint::EndpointSetId;
use tulle_model::linked::ProxyView;
use tulle_model::settings::Settings;
use tulle_xds::{Change, Resource, TypeUrl};

use super::cache::{Cache, Encoded};
use super::group::Group;

/// A group's resources, and where its endpoints come from.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Sorted by type and name, each once.
    resources: Vec<Arc<Encoded>>,
    /// What shows endpoints, sorted by their sets.
    assignments: Vec<Arc<Assignment>>,
}

fn key(encoded: &Encoded) -> (TypeUrl, &str) {
    (encoded.resource.type_url(), encoded.resource.name())
}

impl Held {
    /// Whether nothing has ever been compiled for the group.
    pub(super) fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// The endpoint sets that the group's assignments show.
    pub(super) fn endpoint_sets(&self) -> impl Iterator<Item = &EndpointSetId> {
        self.assignments.iter().map(|assignment| &assignment.set)
    }

    /// All that the group holds.
    pub(super) fn resources(&self) -> Vec<Arc<Resource>> {
        let held = self.resources.iter();
        held.map(|held| held.resource.clone()).collect()
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
        let mut changes = Vec::new();
        let mut now = Vec::with_capacity(resources.len() + assignments.len());
        for planned in resources {
            let Planned { name, version, .. } = &planned;
            let type_url = TypeUrl::new(planned.type_url);
            let encoded = self.with(type_url, name, version).unwrap_or_else(|| {
                let encoded = cache.get(type_url, name, version, || planned.compile());
                changes.push(Change::Put(encoded.resource.clone()));
                encoded
            });
            now.push(encoded);
        }
        let mut shown = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            now.push(self.endpoints(&assignment, index, cache, &mut changes));
            shown.push(cache.assignment(assignment));
        }
        shown.sort_by(|a, b| a.set.cmp(&b.set));
        self.assignments = shown;
        now.sort_by(|a, b| key(a).cmp(&key(b)));
        let before = std::mem::replace(&mut self.resources, now);
        let gone = before.iter().filter(|held| self.place(key(held)).is_err());
        changes.extend(
            gone.map(|held| Change::Remove(held.resource.type_url(), held.resource.name().clone())),
        );
        changes
    }

    /// Endpoints are different; nothing else is looked at.
    pub(super) fn follow_endpoints(
        &mut self,
        changed: &BTreeSet<EndpointSetId>,
        index: &Index,
        cache: &mut Cache,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for set in changed {
            let first = self.assignments.partition_point(|own| own.set < *set);
            let touched: Vec<Arc<Assignment>> = self.assignments[first..]
                .iter()
                .take_while(|own| own.set == *set)
                .cloned()
                .collect();
            for assignment in touched {
                let encoded = self.endpoints(&assignment, index, cache, &mut changes);
                if let Ok(place) = self.place(key(&encoded)) {
                    self.resources[place] = encoded;
                }
            }
        }
        changes
    }

    /// An assignment as it is now; noted if it was not so.
    fn endpoints(
        &self,
        assignment: &Assignment,
        index: &Index,
        cache: &mut Cache,
        changes: &mut Vec<Change>,
    ) -> Arc<Encoded> {
        let Assignment {
            name,
            set,
            health_check_port,
        } = assignment;
        let compiled = tulle_envoy::endpoints(name, &index.endpoints(set), *health_check_port);
        let held = self.with(TypeUrl::EDS, name, &compiled.version);
        held.unwrap_or_else(|| {
            let version = compiled.version.clone();
            let encoded = cache.get(TypeUrl::EDS, name, &version, || compiled);
            changes.push(Change::Put(encoded.resource.clone()));
            encoded
        })
    }

    fn place(&self, wanted: (TypeUrl, &str)) -> Result<usize, usize> {
        self.resources
            .binary_search_by(|held| key(held).cmp(&wanted))
    }

    /// What is held under a name, if it is of this version.
    fn with(&self, type_url: TypeUrl, name: &str, version: &str) -> Option<Arc<Encoded>> {
        let held = &self.resources[self.place((type_url, name)).ok()?];
        (**held.resource.version() == *version).then(|| held.clone())
    }

    /// The objects from which a resource was made.
    pub(super) fn origins(&self, type_url: TypeUrl, name: &str) -> Vec<ObjectId> {
        let place = self.place((type_url, name)).ok();
        place.map_or_else(Vec::new, |place| self.resources[place].origins.clone())
    }
}
