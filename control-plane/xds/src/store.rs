//! All resources, by scope, and word of their changes to the streams that use them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::contents::{Change, Contents, Dirty, View};
use crate::feed::{Event, Feed, FeedSender, feed};
use crate::layer::Layer;
use crate::quarantine::Quarantine;
use crate::resource::Resource;
use crate::scope::Scope;
use crate::type_url::{TypeTable, TypeUrl};

/// The resources of all scopes.
///
/// A scope comes into being with its first stream or its first [`Store::replace`]. Until it is filled its streams wait:
/// nothing is sent, and above all nothing is taken to be gone.
#[derive(Debug)]
pub struct Store {
    table: TypeTable,
    batch: AtomicU64,
    scopes: RwLock<HashMap<Scope, Arc<Slot>>>,
    feed: FeedSender,
    /// Of the servers of this store.
    quarantines: Mutex<Vec<Weak<Quarantine>>>,
}

/// One scope. Locks are taken in this order: `Store::scopes`, `contents`, `streams`, `Inbox::dirty`.
#[derive(Debug)]
pub(crate) struct Slot {
    scope: Scope,
    contents: RwLock<Contents>,
    streams: Mutex<Streams>,
    /// It is, or was, the scope of a caller's own resources.
    own: AtomicBool,
}

#[derive(Debug, Default)]
struct Streams {
    inboxes: Vec<Arc<Inbox>>,
    /// When the last stream left; `None` while there are some, or once it was told.
    empty_since: Option<Instant>,
}

/// Where word of changes waits for a stream.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    dirty: Mutex<Dirty>,
    news: Notify,
}

/// A stream's tie to its scopes. Dropping it unties.
#[derive(Debug)]
pub(crate) struct Attachment {
    slot: Arc<Slot>,
    /// The scope of the caller's own resources.
    own: Option<Arc<Slot>>,
    inbox: Arc<Inbox>,
}

/// How many events of streams the feed has room for.
const FEED_ROOM: usize = 16_384;

impl Store {
    /// An empty store for these types, and the feed of all that will happen to it and its streams.
    pub fn new(table: TypeTable) -> (Arc<Self>, Feed) {
        let (sender, feed) = feed(FEED_ROOM);
        let store = Self {
            table,
            batch: AtomicU64::new(0),
            scopes: RwLock::default(),
            feed: sender,
            quarantines: Mutex::default(),
        };
        (Arc::new(store), feed)
    }

    /// Applies changes to a scope, all at once: no stream sees a part of them. Returns the batch in which the scope is
    /// then as asked for, which is a new one only if something really changed; [`Event::Converged`] tells when a client
    /// has it. `None` for a scope that nobody has filled: nothing is kept, since a part of a scope must not be taken for
    /// the whole of it; whoever fills it will fill it with these changes.
    pub fn apply(&self, scope: &Scope, changes: Vec<Change>) -> Option<u64> {
        self.change(scope, |contents, batch| contents.apply(changes, batch))
    }

    /// The same where from now on the scope holds `layer`, as others do, beneath what is its own. What that changes need not
    /// be among `changes`, but may be.
    pub fn apply_over(&self, scope: &Scope, layer: &Layer, changes: Vec<Change>) -> Option<u64> {
        self.change(scope, |contents, batch| {
            contents.apply_over(layer, changes, batch)
        })
    }

    fn change(
        &self,
        scope: &Scope,
        change: impl FnOnce(&mut Contents, u64) -> Dirty,
    ) -> Option<u64> {
        let slot = self.scopes.read().get(scope)?.clone();
        let mut contents = slot.contents.write();
        if !contents.filled() {
            return None;
        }
        let dirty = change(&mut contents, self.next_batch());
        slot.tell(&dirty);
        Some(contents.batch())
    }

    /// Makes `resources` all that a scope holds. What is equal to what it held is no change. Returns as
    /// [`Store::apply`].
    pub fn replace(&self, scope: &Scope, resources: Vec<Arc<Resource>>) -> u64 {
        self.replace_over(scope, &Layer::default(), resources)
    }

    /// The same where beneath `resources`, which are its own, the scope holds `layer`, as others do. Of two of one type and
    /// name its own counts.
    pub fn replace_over(&self, scope: &Scope, layer: &Layer, resources: Vec<Arc<Resource>>) -> u64 {
        let slot = self.slot(scope, false);
        let mut contents = slot.contents.write();
        let dirty = contents.replace_over(layer, resources, self.next_batch());
        slot.tell(&dirty);
        contents.batch()
    }

    /// Forgets a scope, unless a stream uses it. Whether it is gone.
    pub fn drop_scope(&self, scope: &Scope) -> bool {
        let mut scopes = self.scopes.write();
        let used = scopes
            .get(scope)
            .is_some_and(|slot| !slot.streams.lock().inboxes.is_empty());
        if used {
            return false;
        }
        let dropped = scopes.remove(scope);
        if dropped.is_some_and(|slot| slot.own.load(Ordering::Acquire)) {
            // what a group rejects is remembered for its next proxy; a caller that is gone has none
            let quarantines = self.quarantines.lock();
            for quarantine in quarantines.iter().filter_map(Weak::upgrade) {
                quarantine.forget(scope);
            }
        }
        true
    }

    /// From now on a quarantine forgets a caller's own scope when that is dropped.
    pub(crate) fn tell_drops(&self, quarantine: &Arc<Quarantine>) {
        let mut quarantines = self.quarantines.lock();
        quarantines.retain(|quarantine| quarantine.strong_count() > 0);
        quarantines.push(Arc::downgrade(quarantine));
    }

    /// The resource of that name, as streams of the scope are served it.
    pub fn get(&self, scope: &Scope, type_url: TypeUrl, name: &str) -> Option<Arc<Resource>> {
        let of = self.table.index_of(type_url)?;
        let slot = self.scopes.read().get(scope)?.clone();
        slot.contents.read().get(of, name).cloned()
    }

    /// All resources of a type that a scope holds, by name.
    pub fn list(&self, scope: &Scope, type_url: TypeUrl) -> Vec<Arc<Resource>> {
        let slot = self.scopes.read().get(scope).cloned();
        match (slot, self.table.index_of(type_url)) {
            (Some(slot), Some(of)) => {
                let mut all: Vec<_> = slot.contents.read().all(of).cloned().collect();
                all.sort_by(|a, b| a.name().cmp(b.name()));
                all
            }
            _ => Vec::new(),
        }
    }

    /// The scopes, with whether each is filled and how many streams use it.
    pub fn scopes(&self) -> Vec<(Scope, bool, usize)> {
        let slots: Vec<Arc<Slot>> = self.scopes.read().values().cloned().collect();
        let mut scopes: Vec<_> = slots
            .iter()
            .map(|slot| {
                (
                    slot.scope.clone(),
                    slot.contents.read().filled(),
                    slot.streams.lock().inboxes.len(),
                )
            })
            .collect();
        scopes.sort();
        scopes
    }

    pub(crate) fn table(&self) -> &TypeTable {
        &self.table
    }

    pub(crate) fn feed(&self) -> &FeedSender {
        &self.feed
    }

    /// Ties a stream to its group's scope and, where its caller has one, to that of the caller's own resources. Of the
    /// latter interest is told by [`Event::Asked`], once it is known what the client holds.
    pub(crate) fn attach(&self, scope: &Scope, own: Option<&Scope>) -> Attachment {
        let inbox = Arc::new(Inbox::default());
        let slot = self.join(scope, &inbox);
        let own = own.map(|own| self.join(own, &inbox));
        if let Some(own) = &own {
            own.own.store(true, Ordering::Release);
        }
        if !slot.contents.read().filled() {
            self.feed.push(Event::Interest {
                scope: scope.clone(),
            });
        }
        Attachment { slot, own, inbox }
    }

    fn join(&self, scope: &Scope, inbox: &Arc<Inbox>) -> Arc<Slot> {
        loop {
            self.slot(scope, true);
            let scopes = self.scopes.read();
            // `drop_scope` may have come between
            if let Some(slot) = scopes.get(scope) {
                let mut streams = slot.streams.lock();
                streams.inboxes.push(inbox.clone());
                streams.empty_since = None;
                return slot.clone();
            }
        }
    }

    /// Tells of scopes that no stream has used for `grace`.
    pub(crate) fn sweep(&self, grace: Duration, now: Instant) {
        let slots: Vec<Arc<Slot>> = self.scopes.read().values().cloned().collect();
        for slot in slots {
            let mut streams = slot.streams.lock();
            if streams
                .empty_since
                .is_some_and(|since| since + grace <= now)
            {
                streams.empty_since = None;
                self.feed.push(Event::Idle {
                    scope: slot.scope.clone(),
                });
            }
        }
    }

    fn slot(&self, scope: &Scope, used: bool) -> Arc<Slot> {
        if let Some(slot) = self.scopes.read().get(scope) {
            return slot.clone();
        }
        let mut scopes = self.scopes.write();
        let slot = scopes.entry(scope.clone()).or_insert_with(|| {
            let empty_since = (!used).then(Instant::now);
            Arc::new(Slot {
                scope: scope.clone(),
                contents: RwLock::new(Contents::new(self.table.clone())),
                streams: Mutex::new(Streams {
                    inboxes: Vec::new(),
                    empty_since,
                }),
                own: AtomicBool::new(false),
            })
        });
        slot.clone()
    }

    fn next_batch(&self) -> u64 {
        self.batch.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Slot {
    /// Called while the contents are locked, so that whoever reads them finds the word there too.
    fn tell(&self, dirty: &Dirty) {
        if dirty.is_empty() {
            return;
        }
        for inbox in &self.streams.lock().inboxes {
            inbox.dirty.lock().merge(dirty);
            inbox.news.notify_one();
        }
    }
}

impl Attachment {
    /// Looks at the scopes' contents as they are now, but for the types in `withdrawn`; they do not change meanwhile.
    pub(crate) fn read<T>(&self, withdrawn: u32, look: impl FnOnce(View<'_>) -> T) -> T {
        let group = self.slot.contents.read();
        let own = self.own.as_ref().map(|own| own.contents.read());
        look(View::new(&group, own.as_deref(), withdrawn))
    }

    /// Waits for word of changes.
    pub(crate) async fn changed(&self) {
        self.inbox.news.notified().await;
    }

    /// What changed since the last call. To be called within [`Attachment::read`], so that it fits the contents.
    pub(crate) fn take(&self) -> Dirty {
        std::mem::take(&mut *self.inbox.dirty.lock())
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        for slot in [Some(&self.slot), self.own.as_ref()].into_iter().flatten() {
            let mut streams = slot.streams.lock();
            streams
                .inboxes
                .retain(|inbox| !Arc::ptr_eq(inbox, &self.inbox));
            if streams.inboxes.is_empty() {
                streams.empty_since = Some(Instant::now());
            }
        }
    }
}

#[cfg(test)]
mod tests;
