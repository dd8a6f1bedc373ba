//! What was written, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Totals since the process began; shared by the tasks of this crate.
#[derive(Debug, Default)]
pub struct Counters {
    /// Statuses written.
    pub(crate) statuses: Count,
    /// Looks at an object that had its status already.
    pub(crate) unchanged: Count,
    /// Events made.
    pub(crate) events: Count,
    /// Events that had no room, or failed.
    pub(crate) events_dropped: Count,
    /// Objects freed of their finalizers.
    pub(crate) finalizers: Count,
    /// Writes refused because the object had changed.
    pub(crate) conflicts: Count,
    /// Writes that failed otherwise; each is tried again.
    pub(crate) failures: Count,
}

/// The totals at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Statuses written.
    pub statuses: u64,
    /// Looks at an object that had its status already.
    pub unchanged: u64,
    /// Events made.
    pub events: u64,
    /// Events that had no room, or failed.
    pub events_dropped: u64,
    /// Objects freed of their finalizers.
    pub finalizers: u64,
    /// Writes refused because the object had changed.
    pub conflicts: u64,
    /// Writes that failed otherwise; each is tried again.
    pub failures: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// The totals now.
    pub fn now(&self) -> Counts {
        Counts {
            statuses: self.statuses.get(),
            unchanged: self.unchanged.get(),
            events: self.events.get(),
            events_dropped: self.events_dropped.get(),
            finalizers: self.finalizers.get(),
            conflicts: self.conflicts.get(),
            failures: self.failures.get(),
        }
    }
}
