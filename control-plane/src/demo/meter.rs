//! Counts of one edge: since the start, and over a sliding window.

use std::time::Duration;

use super::histogram::Histogram;

/// The slots of the sliding window.
const SLOTS: usize = 40;
/// How long a slot lasts.
pub(crate) const SLOT: Duration = Duration::from_millis(250);
/// Rates and shares are those of so many slots: 2 s.
const RATE_SLOTS: u64 = 8;

/// What an edge has been doing lately.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Lately {
    /// Requests per second.
    pub(crate) rate: f64,
    /// Failures per second.
    pub(crate) errors: f64,
    /// Median latency.
    pub(crate) p50: Duration,
    /// 99th percentile of latency.
    pub(crate) p99: Duration,
}

/// Counts of one edge. Time comes as the number of the slot of this moment.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Requests since the start.
    pub(crate) requests: u64,
    /// Failures since the start.
    pub(crate) errors: u64,
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    /// Which slot of time it is, counted since the start.
    number: u64,
    requests: u64,
    errors: u64,
    latencies: Histogram,
}

impl Meter {
    /// A meter with nothing counted.
    pub(crate) fn new() -> Self {
        Self {
            requests: 0,
            errors: 0,
            slots: vec![Slot::default(); SLOTS],
        }
    }

    /// Counts a request.
    pub(crate) fn record(&mut self, now: u64, ok: bool, latency: Duration) {
        let errors = u64::from(!ok);
        self.requests += 1;
        self.errors += errors;
        let slot = &mut self.slots[(now % SLOTS as u64) as usize];
        if slot.number != now {
            *slot = Slot {
                number: now,
                ..Slot::default()
            };
        }
        slot.requests += 1;
        slot.errors += errors;
        slot.latencies.record(latency);
    }

    /// What was counted lately. Rates leave out the slot of this moment, which is not full yet, and those up to a change, once there is
    /// enough after it.
    pub(crate) fn lately(&self, now: u64, changed: u64) -> Lately {
        let after_change = now.saturating_sub(changed + 1);
        let rate_slots = if (2..RATE_SLOTS).contains(&after_change) {
            after_change
        } else {
            RATE_SLOTS
        };
        let mut latencies = Histogram::default();
        let (mut requests, mut errors) = (0, 0);
        for slot in &self.slots {
            let age = now.saturating_sub(slot.number);
            if age < SLOTS as u64 {
                latencies.add(&slot.latencies);
            }
            if (1..=rate_slots).contains(&age) {
                requests += slot.requests;
                errors += slot.errors;
            }
        }
        let seconds = SLOT.as_secs_f64() * rate_slots as f64;
        Lately {
            rate: requests as f64 / seconds,
            errors: errors as f64 / seconds,
            p50: latencies.quantile(0.5),
            p99: latencies.quantile(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_last_two_seconds_and_totals_of_all_time() {
        let mut meter = Meter::new();
        for slot in 0..100 {
            for _ in 0..10 {
                meter.record(slot, slot < 90, Duration::from_millis(slot));
            }
        }
        let lately = meter.lately(100, 0);
        assert_eq!((meter.requests, meter.errors), (1000, 100));
        assert_eq!((lately.rate, lately.errors), (40.0, 40.0));
        assert!((75..=85).contains(&lately.p50.as_millis()), "{lately:?}");
        assert_eq!(meter.lately(1000, 0), Lately::default());
        for _ in 0..70 {
            meter.record(99, true, Duration::ZERO);
        }
        assert_eq!(
            meter.lately(100, 98).rate,
            75.0,
            "too little after the change"
        );
        assert_eq!(meter.lately(100, 97).rate, 180.0, "the change shows");
    }
}
