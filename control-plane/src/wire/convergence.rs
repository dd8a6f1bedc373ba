//! How long a change takes from being saved until the last proxy has accepted it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::SystemTime;

use serde::Serialize;
use tulle_xds::{Scope, StreamId};

/// Measured changes that are kept for the median.
const KEPT: usize = 1000;

/// One change and what became of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    /// Objects that changed, some of them if there are many.
    pub objects: Vec<String>,
    /// When the file was saved.
    #[serde(serialize_with = "epoch_millis")]
    pub saved: SystemTime,
    /// Milliseconds from then until the last proxy had accepted it; none yet, or no proxy is concerned.
    pub millis: Option<f64>,
    /// Proxies that have not accepted it yet.
    pub waiting: usize,
}

fn epoch_millis<S: serde::Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    serializer.serialize_u64(since.as_millis() as u64)
}

#[derive(Debug)]
struct Pending {
    change: Change,
    waiting: BTreeMap<StreamId, u64>,
}

/// Changes under way and the figures of those that have arrived.
#[derive(Debug, Default)]
pub(super) struct Convergence {
    streams: BTreeMap<Scope, BTreeSet<StreamId>>,
    pending: VecDeque<Pending>,
    last: Option<Change>,
    millis: VecDeque<f64>,
    converged: u64,
}

/// The page of changes.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    /// The newest change.
    pub last: Option<Change>,
    /// Changes that every proxy concerned has accepted, since the start.
    pub converged: u64,
    /// Median of the newest thousand, in milliseconds from save to last ACK.
    pub median_millis: Option<f64>,
    /// Their 99th percentile.
    pub p99_millis: Option<f64>,
}

impl Convergence {
    /// A stream has begun.
    pub(super) fn connected(&mut self, scope: Scope, stream: StreamId) {
        self.streams.entry(scope).or_default().insert(stream);
    }

    /// A stream has ended; nobody waits for it.
    pub(super) fn disconnected(
        &mut self,
        scope: &Scope,
        stream: StreamId,
        now: SystemTime,
    ) -> Vec<f64> {
        if let Some(streams) = self.streams.get_mut(scope) {
            streams.remove(&stream);
            if streams.is_empty() {
                self.streams.remove(scope);
            }
        }
        self.settle(now, |waiting| {
            waiting.remove(&stream);
        })
    }

    /// A change was made, which concerns these scopes from these batches on.
    pub(super) fn changed(
        &mut self,
        objects: Vec<String>,
        saved: SystemTime,
        batches: &[(Scope, u64)],
    ) {
        let mut waiting = BTreeMap::new();
        for (scope, batch) in batches {
            for stream in self.streams.get(scope).into_iter().flatten() {
                waiting.insert(*stream, *batch);
            }
        }
        let change = Change {
            objects,
            saved,
            millis: None,
            waiting: waiting.len(),
        };
        self.last = Some(change.clone());
        if !waiting.is_empty() {
            self.pending.push_back(Pending { change, waiting });
            // A proxy that never answers must not make this grow.
            if self.pending.len() > KEPT {
                self.pending.pop_front();
            }
        }
    }

    /// A stream has accepted all it wants, up to a batch. Returns the times of changes that have now arrived everywhere.
    pub(super) fn converged(&mut self, stream: StreamId, batch: u64, at: SystemTime) -> Vec<f64> {
        self.settle(at, |waiting| {
            if waiting.get(&stream).is_some_and(|wanted| *wanted <= batch) {
                waiting.remove(&stream);
            }
        })
    }

    fn settle(
        &mut self,
        at: SystemTime,
        mut accept: impl FnMut(&mut BTreeMap<StreamId, u64>),
    ) -> Vec<f64> {
        let mut arrived = Vec::new();
        let newest = self.pending.len();
        let last = &mut self.last;
        let mut n = 0;
        self.pending.retain_mut(|pending| {
            n += 1;
            accept(&mut pending.waiting);
            pending.change.waiting = pending.waiting.len();
            let done = pending.waiting.is_empty();
            if done {
                let millis = at
                    .duration_since(pending.change.saved)
                    .unwrap_or_default()
                    .as_secs_f64()
                    * 1000.0;
                pending.change.millis = Some(millis);
                arrived.push(millis);
            }
            if n == newest
                && last
                    .as_ref()
                    .is_some_and(|last| last.saved == pending.change.saved)
            {
                *last = Some(pending.change.clone());
            }
            !done
        });
        self.converged += arrived.len() as u64;
        self.millis.extend(&arrived);
        while self.millis.len() > KEPT {
            self.millis.pop_front();
        }
        arrived
    }

    /// The page of changes.
    pub(super) fn page(&self) -> Page {
        let mut sorted: Vec<f64> = self.millis.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted.get((sorted.len() as f64 * share) as usize).copied();
        Page {
            last: self.last.clone(),
            converged: self.converged,
            median_millis: at(0.5),
            p99_millis: at(0.99),
        }
    }
}
