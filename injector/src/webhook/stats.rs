//! What is counted: requests by webhook and outcome with their time, connections.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::review::AdmissionResponse;

/// Writes an enum whose members have a label each and are counted through.
macro_rules! labelled {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $label:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$member_doc])* $member,)* }

        impl $name {
            /// Every member.
            pub const ALL: &[Self] = &[$(Self::$member,)*];

            /// As a metric's label.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $label,)* }
            }
        }
    };
}

labelled! {
    /// Which webhook a request means.
    Route {
        /// Pods.
        Inject = "inject",
        /// Defaults of App Mesh objects.
        Mutate = "mutate",
        /// Rules of App Mesh objects.
        Validate = "validate",
        /// Nothing that is here.
        Other = "other",
    }
}

labelled! {
    /// What came of a request.
    Outcome {
        /// Accepted as it is.
        Allowed = "allowed",
        /// Accepted with changes.
        Patched = "patched",
        /// Refused.
        Denied = "denied",
        /// Wrong path, method or content type.
        Refused = "refused",
        /// No review.
        Malformed = "malformed",
        /// A body over the limit.
        TooLarge = "too-large",
        /// The body did not come in time.
        SlowRequest = "slow-request",
        /// Others took all the time.
        Overloaded = "overloaded",
        /// There is no answer at present.
        Unavailable = "unavailable",
        /// The decision took too long.
        DeadlineExceeded = "deadline-exceeded",
        /// A defect in this program.
        Panicked = "panicked",
        /// The caller gave up.
        Cancelled = "cancelled",
    }
}

/// Upper bounds of the buckets of latency, seconds; one more holds the rest.
pub const LATENCY_BOUNDS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0,
];

const BUCKETS: usize = LATENCY_BOUNDS.len() + 1;

impl Route {
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/inject" => Self::Inject,
            "/mutate" => Self::Mutate,
            "/validate" => Self::Validate,
            _ => Self::Other,
        }
    }

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Inject => "/inject",
            Self::Mutate => "/mutate",
            Self::Validate => "/validate",
            Self::Other => "another path",
        }
    }
}

impl Outcome {
    pub(super) fn of(response: &AdmissionResponse) -> Self {
        if response.denied.is_some() {
            Self::Denied
        } else if response.patch.0.is_empty() {
            Self::Allowed
        } else {
            Self::Patched
        }
    }
}

/// Counters of a server, read by [`WebhookStats::snapshot`].
#[derive(Debug, Default)]
pub struct WebhookStats {
    requests: [[Cell; Outcome::ALL.len()]; Route::ALL.len()],
    accepted: AtomicU64,
    evicted: AtomicU64,
    refused: AtomicU64,
    handshakes_failed: AtomicU64,
    open: AtomicU64,
}

#[derive(Debug, Default)]
struct Cell {
    buckets: [AtomicU64; BUCKETS],
    micros: AtomicU64,
}

/// What was counted up to a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct StatsSnapshot {
    /// Requests, one entry for each webhook and outcome that occurred.
    pub requests: Vec<Series>,
    /// Connections.
    pub connections: Connections,
}

/// Requests of one webhook with one outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Which webhook.
    pub route: Route,
    /// What came of them.
    pub outcome: Outcome,
    /// How many.
    pub count: u64,
    /// Their time from head to answer in all, seconds.
    pub sum_seconds: f64,
    /// How many took at most [`LATENCY_BOUNDS`] and no less than the bound before; the last entry took longer.
    pub buckets: [u64; BUCKETS],
}

/// Connections of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connections {
    /// Taken in since the start.
    pub accepted: u64,
    /// Closed to make room for others.
    pub evicted: u64,
    /// Turned away, with everybody at work.
    pub refused: u64,
    /// TLS handshakes that failed or took too long.
    pub handshakes_failed: u64,
    /// Open at present, past their handshake.
    pub open: u64,
}

/// A request that is being counted; dropped before its end it counts as cancelled.
pub(super) struct Observed<'a> {
    stats: &'a WebhookStats,
    route: Route,
    since: Instant,
    outcome: Outcome,
}

/// An open connection.
pub(super) struct Open<'a>(&'a WebhookStats);

impl WebhookStats {
    /// What was counted so far.
    pub fn snapshot(&self) -> StatsSnapshot {
        let mut requests = Vec::new();
        for (route, cells) in Route::ALL.iter().zip(&self.requests) {
            for (outcome, cell) in Outcome::ALL.iter().zip(cells) {
                let buckets: [u64; BUCKETS] =
                    std::array::from_fn(|index| cell.buckets[index].load(Relaxed));
                let count = buckets.iter().sum();
                if count > 0 {
                    requests.push(Series {
                        route: *route,
                        outcome: *outcome,
                        count,
                        sum_seconds: Duration::from_micros(cell.micros.load(Relaxed)).as_secs_f64(),
                        buckets,
                    });
                }
            }
        }
        StatsSnapshot {
            requests,
            connections: Connections {
                accepted: self.accepted.load(Relaxed),
                evicted: self.evicted.load(Relaxed),
                refused: self.refused.load(Relaxed),
                handshakes_failed: self.handshakes_failed.load(Relaxed),
                open: self.open.load(Relaxed),
            },
        }
    }

    pub(super) fn begin(&self, route: Route) -> Observed<'_> {
        Observed {
            stats: self,
            route,
            since: Instant::now(),
            outcome: Outcome::Cancelled,
        }
    }

    pub(super) fn accepted(&self, evicting: bool) {
        self.accepted.fetch_add(1, Relaxed);
        self.evicted.fetch_add(u64::from(evicting), Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Relaxed);
    }

    pub(super) fn open(&self) -> Open<'_> {
        self.open.fetch_add(1, Relaxed);
        Open(self)
    }
}

impl Observed<'_> {
    pub(super) fn end(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        let took = self.since.elapsed();
        let seconds = took.as_secs_f64();
        let bucket = LATENCY_BOUNDS
            .iter()
            .position(|bound| seconds <= *bound)
            .unwrap_or(BUCKETS - 1);
        let cell = &self.stats.requests[self.route as usize][self.outcome as usize];
        cell.buckets[bucket].fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        cell.micros.fetch_add(micros, Relaxed);
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}
