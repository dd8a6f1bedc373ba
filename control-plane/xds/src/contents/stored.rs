//! What a scope holds of one type: what many hold alike, and before it what is the scope's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::layer::Sorted;
use crate::resource::Resource;

/// The resources of one type.
#[derive(Debug)]
pub(super) struct Stored {
    base: Arc<Sorted>,
    /// What is other than in `base`; `None` is not there.
    own: BTreeMap<Arc<str>, Option<Arc<Resource>>>,
}

impl Stored {
    pub(super) fn over(base: Arc<Sorted>) -> Self {
        Self {
            base,
            own: BTreeMap::new(),
        }
    }

    pub(super) fn base(&self) -> &Arc<Sorted> {
        &self.base
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Resource>> {
        match self.own.get(name) {
            Some(own) => own.as_ref(),
            None => self.base.get(name),
        }
    }

    /// All, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        let base = self.base.iter();
        let base = base.filter(|held| self.own.is_empty() || !self.own.contains_key(held.name()));
        base.chain(self.own.values().flatten())
    }

    /// Sets a resource. Whether that changed anything.
    pub(super) fn put(&mut self, resource: Arc<Resource>) -> bool {
        let same = |held: Option<&Arc<Resource>>| {
            held.is_some_and(|held| held.version() == resource.version())
        };
        if same(self.get(resource.name())) {
            return false;
        }
        if same(self.base.get(resource.name())) {
            self.own.remove(resource.name());
        } else {
            // one allocation of the name for the key, the resource and whoever asks by name
            self.own.insert(resource.name().clone(), Some(resource));
        }
        true
    }

    /// Takes a resource away. Whether it was there.
    pub(super) fn remove(&mut self, name: &Arc<str>) -> bool {
        let was_there = self.get(name).is_some();
        if self.base.get(name).is_none() {
            self.own.remove(name);
        } else {
            self.own.insert(name.clone(), None);
        }
        was_there
    }

    /// Exchanges what many hold alike; calls `changed` with the names that are other for it.
    pub(super) fn rebase(&mut self, base: Arc<Sorted>, mut changed: impl FnMut(&Arc<str>)) {
        if Arc::ptr_eq(&self.base, &base) {
            return;
        }
        for (before, now) in base.since(&self.base) {
            let name = now.or(before).map(|resource| resource.name());
            if let Some(name) = name.filter(|name| !self.own.contains_key(*name)) {
                changed(name);
            }
        }
        // what hides nothing any more
        self.own
            .retain(|name, own| match (own.as_ref(), base.get(name)) {
                (Some(own), Some(base)) => own.version() != base.version(),
                (Some(_), None) | (None, Some(_)) => true,
                (None, None) => false,
            });
        self.base = base;
    }
}
