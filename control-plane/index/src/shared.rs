//! What many views have alike, held once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tulle_model::linked::{OutboundPort, ViewCluster};

/// Part of a view that other views may have, too.
pub(crate) trait Share: Eq {
    /// Feeds what tells it from most others. It may pass over what takes long to look at, and take a shared part by its
    /// address: two equal values that are then taken for different are not shared, which costs room and nothing else.
    fn tell(&self, hasher: &mut DefaultHasher);
}

impl Share for ViewCluster {
    fn tell(&self, hasher: &mut DefaultHasher) {
        (&self.to.workload, self.to.port, &self.policy).hash(hasher);
    }
}

impl Share for Vec<Arc<ViewCluster>> {
    fn tell(&self, hasher: &mut DefaultHasher) {
        self.iter().for_each(|own| Arc::as_ptr(own).hash(hasher));
    }
}

impl Share for OutboundPort {
    fn tell(&self, hasher: &mut DefaultHasher) {
        self.port.hash(hasher);
        for service in &self.http {
            Arc::as_ptr(&service.routes).hash(hasher);
            service.policy.hash(hasher);
        }
        self.tcp.iter().for_each(|tcp| tcp.host.hash(hasher));
    }
}

/// Values of one kind that are held by views.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    known: HashMap<u64, Vec<Arc<T>>>,
    /// How many times some view has let one go since it was last looked which of them are held.
    let_go: usize,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            let_go: 0,
        }
    }
}

impl<T: Share> Shared<T> {
    /// The value as others hold it, if any does.
    pub(crate) fn one(&mut self, value: T) -> Arc<T> {
        let mut hasher = DefaultHasher::new();
        value.tell(&mut hasher);
        let alike = self.known.entry(hasher.finish()).or_default();
        if let Some(known) = alike.iter().find(|known| ***known == value) {
            return known.clone();
        }
        let one = Arc::new(value);
        alike.reserve_exact(1);
        alike.push(one.clone());
        one
    }

    /// Forgets what nobody holds, once enough has been let go to make looking worth while: what is kept for nobody is never
    /// more than half of all.
    fn forget_unused(&mut self) {
        if self.let_go == 0 || self.let_go * 2 < self.known.len() {
            return;
        }
        self.let_go = 0;
        self.known.retain(|_, alike| {
            alike.retain(|one| Arc::strong_count(one) > 1);
            !alike.is_empty()
        });
        self.known.shrink_to(2 * self.known.len());
    }
}

/// All that views share.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    pub(crate) clusters: Shared<ViewCluster>,
    pub(crate) lists: Shared<Vec<Arc<ViewCluster>>>,
    pub(crate) ports: Shared<OutboundPort>,
}

impl Shares {
    /// A view is gone that held so many clusters, and so many ports.
    pub(crate) fn let_go(&mut self, clusters: usize, ports: usize) {
        self.clusters.let_go += clusters;
        self.lists.let_go += 1;
        self.ports.let_go += ports;
    }

    /// Forgets what no view holds any more.
    pub(crate) fn forget_unused(&mut self) {
        // lists first, for they hold clusters
        self.lists.forget_unused();
        self.clusters.forget_unused();
        self.ports.forget_unused();
    }

    /// How many clusters, lists and ports are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> [usize; 3] {
        fn of<T>(shared: &Shared<T>) -> usize {
            shared.known.values().map(Vec::len).sum()
        }
        [of(&self.clusters), of(&self.lists), of(&self.ports)]
    }
}
