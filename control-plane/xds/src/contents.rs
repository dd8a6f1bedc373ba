//! What one scope holds at one moment, and what changed in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::pool::Pool;
use crate::resource::Resource;
use crate::type_url::{TypeIndex, TypeTable, TypeUrl};

mod view;

pub(crate) use view::View;

/// One change to a scope.
#[derive(Clone, Debug)]
pub enum Change {
    /// Sets a resource. One of equal name and version changes nothing.
    Put(Arc<Resource>),
    /// Takes a resource away. Taking away what is not there changes nothing.
    Remove(TypeUrl, Arc<str>),
}

/// The resources of one scope.
#[derive(Debug)]
pub(crate) struct Contents {
    table: TypeTable,
    filled: bool,
    batch: u64,
    types: Box<[BTreeMap<Arc<str>, Arc<Resource>>]>,
    /// For each type, the types that its resources may require, or were ever seen to, as a bit mask.
    requires: Box<[u32]>,
    /// Types that there ever were resources of, as a bit mask.
    known: u32,
    pools: Box<[Pools]>,
}

/// What the streams of a scope share, of one type.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    /// What they hold.
    pub(crate) resources: Pool<Arc<Resource>>,
    /// What they have asked for.
    pub(crate) names: Pool<Arc<str>>,
}

/// Names that may have changed since a stream last looked; latest wins, so it is a set and not a queue.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    /// Look at everything: the names are not known, or were too many to keep.
    pub(crate) all: bool,
    pub(crate) names: BTreeSet<(TypeIndex, Arc<str>)>,
}

/// Past this many names a set costs more than looking at everything.
const MOST_NAMES: usize = 8_192;

impl Contents {
    pub(crate) fn new(table: TypeTable) -> Self {
        let len = table.len();
        Self {
            requires: table.indices().map(|of| table.may_require(of)).collect(),
            table,
            filled: false,
            known: 0,
            batch: 0,
            types: (0..len).map(|_| BTreeMap::new()).collect(),
            pools: (0..len).map(|_| Pools::default()).collect(),
        }
    }

    /// Whether anybody has said what this scope holds. Until then nothing may be concluded from absence.
    pub(crate) fn filled(&self) -> bool {
        self.filled
    }

    /// The batch that last changed this scope.
    pub(crate) fn batch(&self) -> u64 {
        self.batch
    }

    pub(crate) fn get(&self, of: TypeIndex, name: &str) -> Option<&Arc<Resource>> {
        self.types[of.slot()].get(name)
    }

    pub(crate) fn all(&self, of: TypeIndex) -> impl Iterator<Item = &Arc<Resource>> {
        self.types[of.slot()].values()
    }

    /// Whether there ever were resources of a type.
    pub(crate) fn knows(&self, of: TypeIndex) -> bool {
        self.known & (1 << of.slot()) != 0
    }

    /// Whether resources of type `user` may require resources of type `of`.
    pub(crate) fn may_require(&self, user: TypeIndex, of: TypeIndex) -> bool {
        self.requires[user.slot()] & (1 << of.slot()) != 0
    }

    /// Applies changes; what really changed comes back. Resources of types that are not served are ignored.
    pub(crate) fn apply(&mut self, changes: Vec<Change>, batch: u64) -> Dirty {
        let mut dirty = Dirty::default();
        for change in changes {
            match change {
                Change::Put(resource) => self.put(resource, &mut dirty),
                Change::Remove(url, name) => {
                    if let Some(of) = self.table.index_of(url)
                        && self.types[of.slot()].remove(&name).is_some()
                    {
                        dirty.mark(of, name);
                    }
                }
            }
        }
        if !dirty.is_empty() {
            self.batch = batch;
        }
        dirty
    }

    /// Makes `resources` the whole contents; what really changed comes back.
    pub(crate) fn replace(&mut self, resources: Vec<Arc<Resource>>, batch: u64) -> Dirty {
        let mut dirty = Dirty::default();
        let mut keep: BTreeSet<(TypeIndex, Arc<str>)> = BTreeSet::new();
        for resource in resources {
            if let Some(of) = self.table.index_of(resource.type_url()) {
                keep.insert((of, resource.name().clone()));
                self.put(resource, &mut dirty);
            }
        }
        for of in self.table.indices() {
            self.types[of.slot()].retain(|name, _| {
                let kept = keep.contains(&(of, name.clone()));
                if !kept {
                    dirty.mark(of, name.clone());
                }
                kept
            });
        }
        if !self.filled {
            self.filled = true;
            dirty.mark_all();
        }
        if !dirty.is_empty() {
            self.batch = batch;
        }
        dirty
    }

    fn put(&mut self, resource: Arc<Resource>, dirty: &mut Dirty) {
        let Some(of) = self.table.index_of(resource.type_url()) else {
            return;
        };
        let stored = &mut self.types[of.slot()];
        if stored
            .get(resource.name())
            .is_some_and(|old| old.version() == resource.version())
        {
            return;
        }
        for (url, _) in resource.requires() {
            if let Some(required) = self.table.index_of(*url) {
                self.requires[of.slot()] |= 1 << required.slot();
            }
        }
        self.known |= 1 << of.slot();
        // one allocation of the name for the key, the resource and whoever asks by name
        let name = resource.name().clone();
        stored.insert(name.clone(), resource);
        dirty.mark(of, name);
    }
}

impl Dirty {
    pub(crate) fn is_empty(&self) -> bool {
        !self.all && self.names.is_empty()
    }

    fn mark(&mut self, of: TypeIndex, name: Arc<str>) {
        if !self.all {
            self.names.insert((of, name));
            if self.names.len() > MOST_NAMES {
                self.mark_all();
            }
        }
    }

    pub(crate) fn mark_all(&mut self) {
        self.all = true;
        self.names = BTreeSet::new();
    }

    pub(crate) fn merge(&mut self, other: &Dirty) {
        if other.all {
            self.mark_all();
        } else {
            for (of, name) in &other.names {
                self.mark(*of, name.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
