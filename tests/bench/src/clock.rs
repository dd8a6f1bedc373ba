//! One clock for all processes of the machine.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment or a span in nanoseconds: the moments of all processes of one machine compare.
pub type Nanos = u64;

/// The moment, on `CLOCK_MONOTONIC`.
pub fn now() -> Nanos {
    let time = clock_gettime(ClockId::Monotonic);
    (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64
}

/// From `t0` to `t1`; nothing where that is backwards.
pub fn between(t0: Nanos, t1: Nanos) -> Duration {
    Duration::from_nanos(t1.saturating_sub(t0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_on() {
        let (a, b) = (now(), now());
        assert!(a > 0 && b >= a);
        assert_eq!(between(5, 7), Duration::from_nanos(2));
        assert_eq!(between(7, 5), Duration::ZERO);
    }
}
