//! What a client has accepted, of one type.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::known::Known;
use crate::layer::Sorted;
use crate::pool::Pool;
use crate::resource::Resource;

/// Accepted resources: the name and version are the resource's own.
#[derive(Debug, Default)]
pub(crate) struct Held {
    known: Known,
    /// Versions the client brought from an earlier stream that are not the store's: nothing but their name is known.
    foreign: BTreeMap<Arc<str>, Arc<str>>,
}

/// Longest version that is kept of a claim: ours are hashes and far shorter. A longer one is nobody's.
const CLAIMED_VERSION: usize = 128;

/// Fewer insertions than this are made one by one.
const FEW: usize = 16;

impl Held {
    pub(crate) fn version(&self, name: &str) -> Option<&Arc<str>> {
        self.known(name)
            .map(|resource| resource.version())
            .or_else(|| self.foreign.get(name))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.version(name).is_some()
    }

    pub(crate) fn known(&self, name: &str) -> Option<&Arc<Resource>> {
        self.known.get(name)
    }

    pub(crate) fn foreign(&self) -> &BTreeMap<Arc<str>, Arc<str>> {
        &self.foreign
    }

    /// In no order.
    pub(crate) fn all_known(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.known.iter()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.known
            .iter()
            .map(|resource| resource.name())
            .chain(self.foreign.keys())
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len() + self.foreign.len()
    }

    /// Takes the client's word for it that it has `name` in that version.
    pub(crate) fn claim(&mut self, name: Arc<str>, version: &str) {
        self.foreign.insert(name, claimable(version).into());
    }

    /// Turns claimed versions into known resources where `known` knows them.
    pub(crate) fn adopt(&mut self, known: impl Fn(&Arc<str>, &Arc<str>) -> Option<Arc<Resource>>) {
        let mut adopted = Vec::new();
        self.foreign
            .retain(|name, version| match known(name, version) {
                Some(resource) => {
                    adopted.push(resource);
                    false
                }
                None => true,
            });
        self.accept(adopted.into_iter(), |_, _, _| {});
    }

    /// Accepts resources of different names; those they replace are handed to `replaced`, new ones with `None`.
    pub(crate) fn accept(
        &mut self,
        resources: impl ExactSizeIterator<Item = Arc<Resource>>,
        mut replaced: impl FnMut(Option<&Arc<Resource>>, bool, &Arc<Resource>),
    ) {
        let few = resources.len() <= FEW;
        let mut added = Vec::new();
        for resource in resources {
            let was_foreign = self.foreign.remove(resource.name()).is_some();
            if few || self.known.get(resource.name()).is_some() {
                let old = self.known.insert(resource.clone());
                replaced(old.as_ref(), was_foreign, &resource);
            } else {
                replaced(None, was_foreign, &resource);
                added.push(resource);
            }
        }
        if !added.is_empty() {
            self.known.insert_new(added);
        }
    }

    /// Forgets a name; the resource comes back where it was known.
    pub(crate) fn forget(&mut self, name: &str) -> Option<Arc<Resource>> {
        self.foreign.remove(name);
        self.known.remove(name)
    }

    /// Shares what other streams hold too, and what the scopes of many do (`layer`).
    pub(crate) fn share(&mut self, layer: &Arc<Sorted>, pool: &Pool<Arc<Resource>>) {
        self.known.share(layer, pool);
    }
}

/// As much of a claimed version as is kept: all of it, or nothing, which is no resource's version.
pub(super) fn claimable(version: &str) -> &str {
    match version.len() <= CLAIMED_VERSION {
        true => version,
        false => "",
    }
}
