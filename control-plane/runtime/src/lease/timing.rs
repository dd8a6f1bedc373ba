//! All spans of time of a lease, from its duration.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The spans of one lease.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    ttl: Duration,
}

impl Timing {
    pub(super) fn new(ttl: Duration) -> Self {
        let whole = Duration::from_secs(ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0));
        Self {
            ttl: whole.max(Duration::from_secs(1)),
        }
    }

    /// The duration as the record tells it.
    pub(super) fn seconds(self) -> i32 {
        i32::try_from(self.ttl.as_secs()).unwrap_or(i32::MAX)
    }

    pub(super) fn ttl(self) -> Duration {
        self.ttl
    }

    /// How long a leader leads after it has sent a renewal.
    pub(super) fn hold(self) -> Duration {
        self.ttl * 5 / 6
    }

    /// The longest that a request may take.
    pub(super) fn request(self) -> Duration {
        self.ttl / 6
    }

    /// From one renewal to the next.
    pub(super) fn renew(self) -> Duration {
        between(self.ttl / 3, self.ttl / 2)
    }

    /// From one look to the next of one who does not lead.
    pub(super) fn poll(self) -> Duration {
        between(self.ttl / 12, self.ttl / 8)
    }

    /// From a renewal that failed to the next attempt: there is room for one before leadership is over.
    pub(super) fn retry(self) -> Duration {
        between(self.ttl / 24, self.ttl / 16)
    }
}

/// A random span, so that replicas which started together do not ask together.
fn between(least: Duration, most: Duration) -> Duration {
    // Every hasher of the standard library starts from new random keys.
    let random = RandomState::new().build_hasher().finish();
    let share = (random >> 40) as f64 / (1_u64 << 24) as f64;
    least + most.saturating_sub(least).mul_f64(share)
}
