//! Writes statuses: by the leader only, at a bounded rate, and never what is on record already.

mod request;

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tulle_model::{ObjectId, Str};
use tulle_runtime::drain::DrainSignal;
use tulle_runtime::lease::Leadership;
use tulle_runtime::mailbox;

use crate::counters::Counters;
use crate::desired::{AppMeshStatus, Notice};
use crate::event::EventKey;
use crate::kind;
use crate::pace::{Bucket, backoff};
use crate::patch::{patch, recorded_message, records_refusal};
use crate::record::{Record, Records};
use crate::schedule::Schedule;
use request::{After, Outcome, StatusWrite};

/// Most writes under way at once.
const MOST_AT_ONCE: usize = 4;
/// Most objects that are looked at before others get their turn.
const MOST_LOOKS: usize = 256;

/// How long a new generation waits for what there is to say of it.
const SETTLE: Duration = Duration::from_secs(1);
/// How long a new leader believes a refusal on record that it has not heard of itself: the other replicas have yet to dial it,
/// and proxies that come to it to be sent what they refuse.
const HEARSAY: Duration = Duration::from_secs(15);
/// After so long the source has seen a write as a rule, and what it left need not be held any more.
const SEEN: Duration = Duration::from_secs(5);
/// Most writes of one object that the source may lag behind.
const MOST_BEHIND: usize = 16;

/// How fast statuses are written.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// Writes a second, on average.
    pub rate: f64,
    /// Writes at once after a quiet time.
    pub burst: u32,
    /// Least time between two writes of one object.
    pub gap: Duration,
    /// The longest that a write may take.
    pub timeout: Duration,
    /// How often all objects are looked at although nothing was heard, for statuses that somebody else has changed.
    pub sweep: Duration,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            rate: 20.0,
            burst: 50,
            gap: Duration::from_secs(1),
            // within the time that a leader keeps between its own end and another's beginning
            timeout: Duration::from_millis(2500),
            sweep: Duration::from_secs(600),
        }
    }
}

/// The task. It follows what should be said on every replica and writes where it leads, so that a new leader has all of it.
pub struct Writer {
    client: Client,
    records: Arc<dyn Records>,
    events: mailbox::Sender<EventKey, Timestamp>,
    counters: Arc<Counters>,
    options: WriterOptions,
    entries: BTreeMap<ObjectId, Entry>,
    schedule: Schedule,
    bucket: Bucket,
    writes: JoinSet<(ObjectId, Outcome)>,
    failing: bool,
    /// Since when this replica leads.
    led_since: Instant,
}

/// One object that something is said on.
#[derive(Debug)]
struct Entry {
    status: Arc<AppMeshStatus>,
    /// Failures in a row.
    tries: u32,
    /// Its gap lasts until then.
    not_before: Option<Instant>,
    /// What our own last write left, until the source has seen it.
    written: Option<Box<Written>>,
    /// The next look is only to see whether that may be let go. If it compared too, whoever else writes a status would be
    /// answered every few seconds, and be heard by nobody.
    letting_go: bool,
    /// A write is under way, of this status.
    writing: Option<Arc<AppMeshStatus>>,
    /// What was told of an object whose status cannot tell it.
    told: BTreeSet<Notice>,
}

#[derive(Debug)]
struct Written {
    uid: Str,
    /// Versions that the source may still be at: the one that it was at, and our own ones since, each made of the one before.
    before: Vec<Str>,
    after: Str,
    status: Value,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("objects", &self.entries.len())
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// A writer that asks `records` what is there, and tells `events` of errors that it has written.
    pub fn new(
        client: Client,
        records: Arc<dyn Records>,
        events: mailbox::Sender<EventKey, Timestamp>,
        counters: Arc<Counters>,
        options: WriterOptions,
    ) -> Self {
        Self {
            client,
            records,
            events,
            counters,
            bucket: Bucket::new(options.rate, options.burst),
            options,
            entries: BTreeMap::new(),
            schedule: Schedule::default(),
            writes: JoinSet::new(),
            failing: false,
            led_since: Instant::now(),
        }
    }

    /// Runs until the drain is requested or the inbox is closed. The inbox takes what [`crate::Board::changes`] gives.
    pub async fn run(
        mut self,
        mut inbox: mailbox::Receiver<ObjectId, Option<Arc<AppMeshStatus>>>,
        mut leadership: watch::Receiver<Leadership>,
        drain: DrainSignal,
    ) {
        let mut leading = false;
        let mut sweep = Instant::now() + self.options.sweep;
        loop {
            if leadership.borrow_and_update().is_leader() != leading {
                leading = !leading;
                if leading {
                    self.led_since = Instant::now();
                    self.look_at_all();
                } else {
                    self.rest();
                }
            }
            if leading {
                self.start_due(&leadership);
            }
            let due = self.next_due();
            tokio::select! {
                biased;
                () = drain.requested() => return,
                Ok(()) = leadership.changed() => {}
                letters = inbox.recv() => match letters {
                    Some(letters) => self.take_in(letters, leading),
                    None => return,
                },
                Some(done) = self.writes.join_next() => match done {
                    Ok((object, outcome)) => self.finish(&object, outcome),
                    // cut off on purpose, or a panic that has been printed: it is looked at again in the sweep
                    Err(error) => tracing::debug!(%error, "a status write ended early"),
                },
                () = sleep_until(due.unwrap_or(sweep)), if leading && due.is_some() => {}
                () = sleep_until(sweep) => {
                    sweep = Instant::now() + self.options.sweep;
                    if leading {
                        self.look_at_all();
                    }
                }
            }
        }
    }

    fn take_in(&mut self, letters: BTreeMap<ObjectId, Option<Arc<AppMeshStatus>>>, leading: bool) {
        for (object, status) in letters {
            let Some(status) = status else {
                self.entries.remove(&object);
                self.schedule.remove(&object);
                continue;
            };
            let now = Instant::now();
            let mut at = now;
            let entry = match self.entries.entry(object.clone()) {
                Slot::Vacant(slot) => slot.insert(Entry::new(status)),
                Slot::Occupied(slot) => {
                    let entry = slot.into_mut();
                    if entry.status.differs_in_generation_alone(&status) {
                        // What is to be said of that generation may be on its way.
                        at += SETTLE;
                    }
                    entry.status = status;
                    entry.letting_go = false;
                    entry
                }
            };
            if leading && entry.writing.is_none() {
                let at = entry.not_before.map_or(at, |gap| gap.max(at));
                let at = (at > now).then_some(at);
                self.schedule.put(&object, entry.urgent(), at);
            }
        }
    }

    fn look_at_all(&mut self) {
        for (object, entry) in &mut self.entries {
            if entry.writing.is_none() {
                entry.letting_go = false;
                self.schedule.put(object, entry.urgent(), None);
            }
        }
    }

    /// Another leads: nothing is written, and what was learned about writes of our own is no longer the newest.
    fn rest(&mut self) {
        self.schedule.clear();
        self.writes.abort_all();
        self.writes = JoinSet::new();
        for entry in self.entries.values_mut() {
            entry.writing = None;
            entry.written = None;
            entry.letting_go = false;
            entry.tries = 0;
        }
    }

    fn next_due(&self) -> Option<Instant> {
        if self.writes.len() >= MOST_AT_ONCE {
            return None;
        }
        let due = self.schedule.next(Instant::now())?;
        Some(due.max(self.bucket.next()))
    }

    fn start_due(&mut self, leadership: &watch::Receiver<Leadership>) {
        for _ in 0..MOST_LOOKS {
            let now = Instant::now();
            if self.writes.len() >= MOST_AT_ONCE || self.bucket.next() > now {
                return;
            }
            let Some(object) = self.schedule.pop(now) else {
                return;
            };
            let Some(write) = self.look(&object) else {
                continue;
            };
            self.bucket.take(now);
            let (client, leadership) = (self.client.clone(), leadership.clone());
            let timeout = self.options.timeout;
            self.writes.spawn(async move {
                let outcome = write.send(client, &object, &leadership, timeout).await;
                (object, outcome)
            });
        }
    }

    /// Compares what should be with what is; `None` where there is nothing to write.
    fn look(&mut self, object: &ObjectId) -> Option<StatusWrite> {
        let entry = self.entries.get_mut(object)?;
        let kind = kind::of(object)?;
        let Some(record) = self.records.record(object) else {
            // The source may know of it in a moment; if it is gone, so is this entry soon.
            let at = Instant::now() + backoff(entry.tries);
            entry.tries += 1;
            self.schedule.put(object, false, Some(at));
            return None;
        };
        if record.deleting {
            return None;
        }
        let seen = record.resource_version.clone();
        let record = entry.with_own_write(record);
        if std::mem::take(&mut entry.letting_go) {
            return None;
        }
        let Some(condition) = &entry.status.condition else {
            let notices: BTreeSet<Notice> = entry.status.notices.iter().cloned().collect();
            let news: Vec<Notice> = notices.difference(&entry.told).cloned().collect();
            entry.told = notices;
            self.announce(object, &record.uid, news);
            return None;
        };
        let believed = self.led_since + HEARSAY;
        if condition.active
            && Instant::now() < believed
            && records_refusal(&entry.status, &record.status)
        {
            self.schedule.put(object, false, Some(believed));
            return None;
        }
        let Some(patch) = patch(kind, &entry.status, &record.status, Timestamp::now()) else {
            entry.tries = 0;
            self.counters.unchanged.add();
            return None;
        };
        let said = recorded_message(condition, &record.status);
        let news = entry.status.notices.iter();
        let news = news.filter(|notice| !said.contains(&notice.message));
        let write = StatusWrite {
            kind,
            uid: record.uid,
            seen,
            resource_version: record.resource_version,
            patch,
            news: news.cloned().collect(),
        };
        entry.writing = Some(entry.status.clone());
        Some(write)
    }

    fn announce(&self, object: &ObjectId, uid: &Str, notices: Vec<Notice>) {
        for notice in notices {
            let key = EventKey {
                object: object.clone(),
                uid: uid.clone(),
                notice,
            };
            // Without an announcer nobody wants to hear.
            let _ = self.events.send(key, Timestamp::now());
        }
    }

    fn finish(&mut self, object: &ObjectId, outcome: Outcome) {
        let Some(entry) = self.entries.get_mut(object) else {
            return;
        };
        let writing = entry.writing.take();
        let now = Instant::now();
        let again = match outcome {
            Outcome::Written { write, after } => {
                self.counters.statuses.add();
                if std::mem::take(&mut self.failing) {
                    tracing::info!("statuses can be written again");
                }
                entry.tries = 0;
                entry.not_before = Some(now + self.options.gap);
                entry.note_own_write(&write, after);
                let changed = writing.as_ref() != Some(&entry.status);
                entry.letting_go = !changed;
                let (urgent, wait) = match changed {
                    true => (entry.urgent(), self.options.gap),
                    false => (false, SEEN),
                };
                self.schedule.put(object, urgent, Some(now + wait));
                self.announce(object, &write.uid, write.news);
                return;
            }
            Outcome::Gone => None,
            // Leadership may be back before its end was noticed.
            Outcome::NotLeading => {
                self.schedule
                    .put(object, entry.urgent(), Some(now + self.options.gap));
                return;
            }
            Outcome::Conflict => {
                self.counters.conflicts.add();
                entry.written = None;
                Some(now + backoff(entry.tries))
            }
            Outcome::Failed(error) => {
                self.counters.failures.add();
                if std::mem::replace(&mut self.failing, true) {
                    tracing::debug!(%object, %error, "status");
                } else {
                    tracing::warn!(%object, %error, "a status cannot be written; trying on");
                }
                Some(now + backoff(entry.tries))
            }
        };
        if let Some(at) = again {
            entry.tries = entry.tries.saturating_add(1);
            self.schedule.put(object, entry.urgent(), Some(at));
        }
    }
}

impl Entry {
    fn new(status: Arc<AppMeshStatus>) -> Self {
        Self {
            status,
            tries: 0,
            not_before: None,
            written: None,
            letting_go: false,
            writing: None,
            told: BTreeSet::new(),
        }
    }

    /// Bad news go first.
    fn urgent(&self) -> bool {
        !self.status.notices.is_empty()
    }

    /// The record, with our own last write in it where the source has not seen that yet.
    fn with_own_write(&mut self, mut record: Record) -> Record {
        match &self.written {
            Some(written)
                if written.uid == record.uid
                    && written.before.contains(&record.resource_version) =>
            {
                record.resource_version = written.after.clone();
                record.status = written.status.clone();
            }
            _ => self.written = None,
        }
        record
    }

    fn note_own_write(&mut self, write: &StatusWrite, after: After) {
        let mut before = match self.written.take() {
            Some(written) if written.after == write.resource_version => written.before,
            _ => Vec::new(),
        };
        for version in [&write.seen, &write.resource_version] {
            if !before.contains(version) {
                before.push(version.clone());
            }
        }
        let old = before.len().saturating_sub(MOST_BEHIND);
        before.drain(..old);
        self.written = Some(Box::new(Written {
            uid: write.uid.clone(),
            before,
            after: after.resource_version,
            status: after.status,
        }));
    }
}

#[cfg(test)]
mod tests;
