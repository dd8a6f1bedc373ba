//! What the demo counts: requests, failures and latencies of every edge of its graph.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::meter::{Lately, Meter, SLOT};

/// An edge of the demo's graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Edge {
    /// The load's requests to front through the gateway.
    Front,
    /// front → the colour service by weight; the index is that of the colour.
    Color(usize),
    /// front → the colour service with the header `x-color: red`.
    ByHeader,
    /// The load's requests to the colour service through the gateway, past front.
    Direct,
    /// front → the flaky service, after retries.
    Flaky,
    /// front → the host that is declared as a backend.
    Declared,
    /// front → the host that nobody declares.
    Undeclared,
}

/// Every edge, in the order in which it is shown.
pub(crate) const EDGES: [Edge; 9] = [
    Edge::Front,
    Edge::Color(0),
    Edge::Color(1),
    Edge::Color(2),
    Edge::ByHeader,
    Edge::Direct,
    Edge::Flaky,
    Edge::Declared,
    Edge::Undeclared,
];

/// How many lost requests are described.
const LOSSES: usize = 10;

/// All counts of one demo.
#[derive(Debug)]
pub(crate) struct Board {
    began: Instant,
    meters: [Mutex<Meter>; EDGES.len()],
    sent: AtomicU64,
    lost: AtomicU64,
    losses: Mutex<Vec<String>>,
    failed_tries: AtomicU64,
    /// The slot in which the last change took effect: rates are not mixed across it.
    changed: AtomicU64,
}

/// Counts since the start; differences of two tell what happened between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    /// Requests that the load sent and that were answered or lost.
    pub(crate) sent: u64,
    /// Of those, the ones not answered with 2xx.
    pub(crate) lost: u64,
    /// Tries that the flaky application failed.
    pub(crate) failed_tries: u64,
    requests: [u64; EDGES.len()],
    errors: [u64; EDGES.len()],
}

impl Edge {
    fn index(self) -> usize {
        EDGES
            .iter()
            .position(|edge| *edge == self)
            .expect("EDGES holds every edge")
    }
}

impl Board {
    /// A board with nothing on it.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            meters: std::array::from_fn(|_| Mutex::new(Meter::new())),
            sent: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            losses: Mutex::new(Vec::new()),
            failed_tries: AtomicU64::new(0),
            changed: AtomicU64::new(0),
        }
    }

    /// From now on rates are those of new configuration, so that an edit shows at once.
    pub(crate) fn changed(&self) {
        self.changed.store(self.slot_now(), Ordering::Relaxed);
    }

    /// Notes a request of the edge.
    pub(crate) fn record(&self, edge: Edge, ok: bool, latency: Duration) {
        let now = self.slot_now();
        let mut meter = lock(&self.meters[edge.index()]);
        meter.record(now, ok, latency);
    }

    /// Notes a request of the load; one that was lost, with what happened.
    pub(crate) fn sent(&self, outcome: Result<(), String>) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        if let Err(loss) = outcome {
            self.lost.fetch_add(1, Ordering::Relaxed);
            let mut losses = lock(&self.losses);
            if losses.len() < LOSSES {
                losses.push(loss);
            }
        }
    }

    /// What happened to the first requests that were lost.
    pub(crate) fn losses(&self) -> Vec<String> {
        lock(&self.losses).clone()
    }

    /// Notes that the flaky application failed a try.
    pub(crate) fn failed_try(&self) {
        self.failed_tries.fetch_add(1, Ordering::Relaxed);
    }

    /// All counts since the start.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals {
            sent: self.sent.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            failed_tries: self.failed_tries.load(Ordering::Relaxed),
            ..Totals::default()
        };
        for (index, meter) in self.meters.iter().enumerate() {
            let meter = lock(meter);
            totals.requests[index] = meter.requests;
            totals.errors[index] = meter.errors;
        }
        totals
    }

    /// What the edge has been doing lately.
    pub(crate) fn lately(&self, edge: Edge) -> Lately {
        let now = self.slot_now();
        lock(&self.meters[edge.index()]).lately(now, self.changed.load(Ordering::Relaxed))
    }

    fn slot_now(&self) -> u64 {
        // A demo never runs long enough for the number of slots to leave u64.
        (self.began.elapsed().as_millis() / SLOT.as_millis()) as u64
    }
}

impl Totals {
    /// Requests of the edge.
    pub(crate) fn requests(&self, edge: Edge) -> u64 {
        self.requests[edge.index()]
    }

    /// Failures of the edge.
    pub(crate) fn errors(&self, edge: Edge) -> u64 {
        self.errors[edge.index()]
    }

    /// What happened since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let minus =
            |a: [u64; EDGES.len()], b: [u64; EDGES.len()]| std::array::from_fn(|i| a[i] - b[i]);
        Self {
            sent: self.sent - earlier.sent,
            lost: self.lost - earlier.lost,
            failed_tries: self.failed_tries - earlier.failed_tries,
            requests: minus(self.requests, earlier.requests),
            errors: minus(self.errors, earlier.errors),
        }
    }
}

/// Counting cannot leave counts half written, so what a panicking task held is as good as any.
fn lock<T>(counts: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    counts
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_tell_what_happened_between() {
        let board = Board::new();
        board.record(Edge::Color(1), true, Duration::from_millis(1));
        board.sent(Ok(()));
        let before = board.totals();
        board.record(Edge::Color(1), false, Duration::from_millis(1));
        board.sent(Err("404".to_owned()));
        board.failed_try();
        assert_eq!(board.losses(), ["404"]);
        let between = board.totals().since(&before);
        assert_eq!(
            (between.sent, between.lost, between.failed_tries),
            (1, 1, 1)
        );
        assert_eq!(
            (
                between.requests(Edge::Color(1)),
                between.errors(Edge::Color(1))
            ),
            (1, 1)
        );
        assert_eq!(between.requests(Edge::Front), 0);
    }
}
