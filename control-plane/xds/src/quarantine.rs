//! Content that clients of some version reject, remembered beyond their streams.
//!
//! A client does not retry what it rejected, but asks for it again on its next stream. The memory is per scope, so that
//! a stolen proxy can keep nothing from others than those of its own group, and of private types nothing from anybody; and
//! it is not for ever, because some rejections are of the moment (a port in use).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::resource::Resource;
use crate::scope::Scope;
use crate::type_url::TypeUrl;

/// Rejected content.
#[derive(Debug)]
pub(crate) struct Quarantine {
    /// After this long, content is tried once more.
    keep: Duration,
    /// Most entries; past it, the oldest goes.
    most: usize,
    len: AtomicUsize,
    entries: Mutex<BTreeMap<Place, Entry>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    scope: Scope,
    client: Arc<str>,
    type_url: TypeUrl,
    name: Arc<str>,
}

#[derive(Debug)]
struct Entry {
    version: Arc<str>,
    last_good: Option<Arc<Resource>>,
    at: Instant,
}

impl Quarantine {
    pub(crate) fn new(keep: Duration, most: usize) -> Self {
        Self {
            keep,
            most,
            len: AtomicUsize::new(0),
            entries: Mutex::default(),
        }
    }

    /// Remembers that clients of version `client` reject `resource`; they go on with `last_good`, unless that is secret: then
    /// nobody else does.
    pub(crate) fn add(
        &self,
        scope: &Scope,
        client: &str,
        resource: &Resource,
        last_good: Option<Arc<Resource>>,
        now: Instant,
    ) {
        let place = Place {
            scope: scope.clone(),
            client: client.into(),
            type_url: resource.type_url(),
            name: resource.name().clone(),
        };
        let last_good = last_good.filter(|good| !good.is_secret());
        let mut entries = self.entries.lock();
        let same = |good: &Arc<Resource>| **good == *resource;
        let entry = match entries.remove(&place) {
            // what others went back to is no good here; what was rejected first is still what is rejected
            Some(before) if before.last_good.as_ref().is_some_and(same) => Entry {
                last_good: None,
                at: now,
                ..before
            },
            before => Entry {
                version: resource.version().clone(),
                last_good: last_good.or_else(|| before.and_then(|before| before.last_good)),
                at: now,
            },
        };
        entries.insert(place, entry);
        if entries.len() > self.most
            && let Some(oldest) = entries
                .iter()
                .min_by_key(|(_, entry)| entry.at)
                .map(|(place, _)| place.clone())
        {
            entries.remove(&oldest);
        }
        self.len.store(entries.len(), Ordering::Release);
    }

    /// Whether clients of that version reject this very content.
    pub(crate) fn rejects(
        &self,
        scope: &Scope,
        client: &str,
        type_url: TypeUrl,
        resource: &Resource,
        now: Instant,
    ) -> bool {
        self.find(scope, client, type_url, resource, now, |_| ())
            .is_some()
    }

    /// What clients of that version go on with in place of this content.
    pub(crate) fn last_good(
        &self,
        scope: &Scope,
        client: &str,
        resource: &Resource,
        now: Instant,
    ) -> Option<Arc<Resource>> {
        self.find(scope, client, resource.type_url(), resource, now, |entry| {
            entry.last_good.clone()
        })
        .flatten()
    }

    /// Forgets all that is remembered of a scope.
    pub(crate) fn forget(&self, scope: &Scope) {
        if self.len() == 0 {
            return;
        }
        let first = Place {
            scope: scope.clone(),
            client: "".into(),
            type_url: TypeUrl::new(""),
            name: "".into(),
        };
        let mut entries = self.entries.lock();
        let of_scope = entries.range(first..).map(|(place, _)| place);
        let of_scope: Vec<Place> = of_scope
            .take_while(|place| place.scope == *scope)
            .cloned()
            .collect();
        for place in of_scope {
            entries.remove(&place);
        }
        self.len.store(entries.len(), Ordering::Release);
    }

    /// How many are remembered.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    fn find<T>(
        &self,
        scope: &Scope,
        client: &str,
        type_url: TypeUrl,
        resource: &Resource,
        now: Instant,
        found: impl FnOnce(&Entry) -> T,
    ) -> Option<T> {
        if self.len() == 0 {
            return None;
        }
        let place = Place {
            scope: scope.clone(),
            client: client.into(),
            type_url,
            name: resource.name().clone(),
        };
        let mut entries = self.entries.lock();
        let entry = entries.get(&place)?;
        if entry.version == *resource.version() && entry.at + self.keep > now {
            return Some(found(entry));
        }
        entries.remove(&place);
        self.len.store(entries.len(), Ordering::Release);
        None
    }
}
