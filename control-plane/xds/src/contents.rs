//! What one scope holds at one moment, and what changed in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::layer::{Layer, Sorted};
use crate::pool::Pool;
use crate::resource::Resource;
use crate::type_url::{TypeIndex, TypeTable, TypeUrl};

mod stored;
mod view;

pub(crate) use view::View;

use stored::Stored;

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
    types: Box<[Stored]>,
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
            types: (0..len).map(|_| Stored::over(Sorted::none())).collect(),
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

    /// All of a type, in no order.
    pub(crate) fn all(&self, of: TypeIndex) -> impl Iterator<Item = &Arc<Resource>> {
        self.types[of.slot()].iter()
    }

    /// What other scopes hold alike, of one type.
    pub(crate) fn base(&self, of: TypeIndex) -> &Arc<Sorted> {
        self.types[of.slot()].base()
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
        self.change(changes, &mut dirty);
        self.note(&dirty, batch);
        dirty
    }

    /// The same where what other scopes hold alike is exchanged first.
    pub(crate) fn apply_over(&mut self, layer: &Layer, changes: Vec<Change>, batch: u64) -> Dirty {
        let mut dirty = Dirty::default();
        self.rebase(layer, &mut dirty);
        self.change(changes, &mut dirty);
        self.note(&dirty, batch);
        dirty
    }

    /// Makes `resources` the whole contents; what really changed comes back.
    #[cfg(test)]
    pub(crate) fn replace(&mut self, resources: Vec<Arc<Resource>>, batch: u64) -> Dirty {
        self.replace_over(&Layer::default(), resources, batch)
    }

    /// Makes `layer`, and before it `resources`, the whole contents; what really changed comes back.
    pub(crate) fn replace_over(
        &mut self,
        layer: &Layer,
        resources: Vec<Arc<Resource>>,
        batch: u64,
    ) -> Dirty {
        let indices = self.table.indices();
        let over = indices.map(|of| Stored::over(self.base_in(layer, of)));
        let over = over.collect();
        let before = std::mem::replace(&mut self.types, over);
        let first = !std::mem::replace(&mut self.filled, true);
        let mut dirty = Dirty::default();
        if first {
            dirty.mark_all();
        }
        self.note_bases();
        let changes = resources.into_iter().map(Change::Put);
        self.change(changes, &mut Dirty::all());
        if !first {
            for (of, before) in self.table.indices().zip(&before) {
                let now = &self.types[of.slot()];
                let version =
                    |held: Option<&Arc<Resource>>| held.map(|held| held.version().clone());
                for held in before.iter().chain(now.iter()) {
                    let name = held.name();
                    if version(before.get(name)) != version(now.get(name)) {
                        dirty.mark(of, name.clone());
                    }
                }
            }
        }
        self.note(&dirty, batch);
        dirty
    }

    fn note(&mut self, dirty: &Dirty, batch: u64) {
        if !dirty.is_empty() {
            self.batch = batch;
        }
    }

    fn change(&mut self, changes: impl IntoIterator<Item = Change>, dirty: &mut Dirty) {
        for change in changes {
            let (url, name, changed) = match change {
                Change::Put(resource) => {
                    let (url, name) = (resource.type_url(), resource.name().clone());
                    (url, name, self.put(resource))
                }
                Change::Remove(url, name) => {
                    let of = self.table.index_of(url);
                    let removed = of.is_some_and(|of| self.types[of.slot()].remove(&name));
                    (url, name, removed)
                }
            };
            if let Some(of) = self.table.index_of(url).filter(|_| changed) {
                dirty.mark(of, name);
            }
        }
    }

    fn put(&mut self, resource: Arc<Resource>) -> bool {
        let Some(of) = self.table.index_of(resource.type_url()) else {
            return false;
        };
        for (url, _) in resource.requires() {
            self.note_requirement(of, *url);
        }
        self.known |= 1 << of.slot();
        self.types[of.slot()].put(resource)
    }

    fn rebase(&mut self, layer: &Layer, dirty: &mut Dirty) {
        for of in self.table.indices() {
            let base = self.base_in(layer, of);
            self.types[of.slot()].rebase(base, |name| dirty.mark(of, name.clone()));
        }
        self.note_bases();
    }

    fn base_in(&self, layer: &Layer, of: TypeIndex) -> Arc<Sorted> {
        let base = layer.of(self.table.url(of)).cloned();
        base.unwrap_or_else(Sorted::none)
    }

    fn note_bases(&mut self) {
        for of in self.table.indices() {
            let base = self.base(of).clone();
            for url in base.requires() {
                self.note_requirement(of, *url);
            }
            if !base.names().is_empty() {
                self.known |= 1 << of.slot();
            }
        }
    }

    fn note_requirement(&mut self, of: TypeIndex, url: TypeUrl) {
        if let Some(required) = self.table.index_of(url) {
            self.requires[of.slot()] |= 1 << required.slot();
        }
    }
}

impl Dirty {
    fn all() -> Self {
        Self {
            all: true,
            names: BTreeSet::new(),
        }
    }

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
