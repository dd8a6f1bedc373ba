//! What follows from a list of clusters, planned, compiled and held once for all groups whose views share the list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use tulle_envoy::{Assignment, CalledPort, Plan, Undeclared};
use tulle_index::Index;
use tulle_model::endpoint::EndpointSetId;
use tulle_model::linked::{OutboundPort, ProxyView, ViewCluster};
use tulle_model::{ObjectId, Str};
use tulle_xds::{Change, Layer, Resource, TypeUrl};

use super::cache::{Cache, Encoded};

/// A list of clusters, by its address, in a mesh.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ListId {
    address: usize,
    mesh: Str,
}

impl ListId {
    fn of(view: &ProxyView) -> Self {
        Self {
            address: Arc::as_ptr(&view.clusters).addr(),
            mesh: view.mesh.clone(),
        }
    }
}

/// Whom some groups call.
#[derive(Debug)]
pub(super) struct Called {
    /// As long as this is there the list's address is nobody else's.
    _list: Weak<Vec<Arc<ViewCluster>>>,
    /// Sorted by name.
    clusters: Vec<Arc<Encoded>>,
    /// What shows endpoints, sorted by their sets.
    assignments: Vec<Arc<Assignment>>,
    /// The clusters, and their endpoints as they are now.
    layer: Layer,
    routes: BTreeMap<(usize, Undeclared), Routes>,
    /// Once there are so many route configurations, those that no group holds are forgotten.
    many_routes: usize,
}

/// So few route configurations are not worth a look at which of them are held.
const FEW_ROUTES: usize = 8;

/// A route configuration that leads to the clusters of a list.
#[derive(Debug)]
struct Routes {
    /// As long as this is there the port's address is nobody else's.
    _port: Weak<OutboundPort>,
    encoded: Weak<Encoded>,
}

/// What became of a list when endpoints changed.
#[derive(Debug)]
pub(super) struct Turn {
    /// What it was before.
    pub(super) before: Layer,
    /// What is different since.
    pub(super) changes: Vec<Change>,
}

/// The lists that groups hold. A group holds the identity as it is kept here, and one that nobody else holds is forgotten.
#[derive(Debug, Default)]
pub(super) struct Lists(BTreeMap<Arc<ListId>, Called>);

impl Lists {
    /// The list of a view, compiled if no group holds it.
    pub(super) fn of(
        &mut self,
        view: &ProxyView,
        index: &Index,
        cache: &mut Cache,
    ) -> (Arc<ListId>, &mut Called) {
        let id = ListId::of(view);
        let id = match self.0.get_key_value(&id) {
            Some((known, _)) => known.clone(),
            None => Arc::new(id),
        };
        let called = self.0.entry(id.clone());
        let called = called.or_insert_with(|| Called::new(view, index, cache));
        (id, called)
    }

    /// A list that a group holds.
    pub(super) fn get(&self, id: &ListId) -> Option<&Called> {
        self.0.get(id)
    }

    /// Takes the endpoints of these sets as they are now; nothing else is looked at. What is different by that comes back.
    pub(super) fn follow_endpoints(
        &mut self,
        changed: &BTreeSet<EndpointSetId>,
        index: &Index,
        cache: &mut Cache,
    ) -> BTreeMap<Arc<ListId>, Turn> {
        let mut turns = BTreeMap::new();
        if changed.is_empty() {
            return turns;
        }
        let mut made: BTreeMap<Arc<Assignment>, Arc<Resource>> = BTreeMap::new();
        for (id, called) in &mut self.0 {
            let mut layer = called.layer.clone();
            let mut changes = Vec::new();
            for assignment in changed.iter().flat_map(|set| called.showing(set)) {
                let now = made
                    .entry(assignment.clone())
                    .or_insert_with(|| cache.endpoints(assignment, index));
                let before = layer.get(TypeUrl::EDS, &assignment.name);
                if before.is_none_or(|before| before.version() != now.version()) {
                    layer.exchange(now.clone());
                    changes.push(Change::Put(now.clone()));
                }
            }
            if !changes.is_empty() {
                let before = std::mem::replace(&mut called.layer, layer);
                turns.insert(id.clone(), Turn { before, changes });
            }
        }
        turns
    }

    /// Forgets what no group holds any more: its endpoints would not be kept up to date.
    pub(super) fn forget_unused(&mut self) {
        self.0.retain(|id, _| Arc::strong_count(id) > 1);
    }

    /// How many lists and route configurations are held.
    #[cfg(test)]
    pub(super) fn kept(&self) -> [usize; 2] {
        let routes = self.0.values().flat_map(|called| called.routes.values());
        let held = routes.filter(|routes| routes.encoded.strong_count() > 0);
        [self.0.len(), held.count()]
    }
}

impl Called {
    fn new(view: &ProxyView, index: &Index, cache: &mut Cache) -> Self {
        let Plan {
            resources,
            assignments,
        } = tulle_envoy::called(view);
        let mut clusters: Vec<Arc<Encoded>> =
            resources.iter().map(|planned| cache.get(planned)).collect();
        clusters.sort_by(|a, b| a.key().cmp(&b.key()));
        let endpoints: Vec<Arc<Resource>> = assignments
            .iter()
            .map(|assignment| cache.endpoints(assignment, index))
            .collect();
        let held = clusters.iter().map(|cluster| cluster.resource.clone());
        let layer = Layer::new(held.chain(endpoints));
        let mut assignments: Vec<Arc<Assignment>> = assignments
            .into_iter()
            .map(|assignment| cache.assignment(assignment))
            .collect();
        assignments.sort_by(|a, b| a.set.cmp(&b.set));
        Self {
            _list: Arc::downgrade(&view.clusters),
            clusters,
            assignments,
            layer,
            routes: BTreeMap::new(),
            many_routes: FEW_ROUTES,
        }
    }

    /// The clusters and their endpoints.
    pub(super) fn layer(&self) -> &Layer {
        &self.layer
    }

    /// The endpoint sets that are shown; some more than once.
    pub(super) fn endpoint_sets(&self) -> impl Iterator<Item = &EndpointSetId> {
        self.assignments.iter().map(|assignment| &assignment.set)
    }

    fn showing<'a>(&'a self, set: &'a EndpointSetId) -> impl Iterator<Item = &'a Arc<Assignment>> {
        let first = self.assignments.partition_point(|own| own.set < *set);
        let assignments = self.assignments[first..].iter();
        assignments.take_while(move |own| own.set == *set)
    }

    /// The route configuration of a port that leads to these clusters.
    pub(super) fn routes(&mut self, port: &CalledPort<'_>, cache: &mut Cache) -> Arc<Encoded> {
        let key = (Arc::as_ptr(port.port()).addr(), port.undeclared());
        let known = self.routes.get(&key);
        if let Some(encoded) = known.and_then(|routes| routes.encoded.upgrade()) {
            return encoded;
        }
        let encoded = cache.routes(port);
        let routes = Routes {
            _port: Arc::downgrade(port.port()),
            encoded: Arc::downgrade(&encoded),
        };
        if self.routes.len() >= self.many_routes {
            self.routes
                .retain(|_, routes| routes.encoded.strong_count() > 0);
            self.many_routes = FEW_ROUTES.max(2 * self.routes.len());
        }
        self.routes.insert(key, routes);
        encoded
    }

    /// The objects from which a cluster was made.
    pub(super) fn origins(&self, type_url: TypeUrl, name: &str) -> Option<&[ObjectId]> {
        let place = self
            .clusters
            .binary_search_by(|held| held.key().cmp(&(type_url, name)));
        place.ok().map(|place| &*self.clusters[place].origins)
    }
}
