//! How fast something may happen: a bucket of tokens, and the pauses after failures.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// A bucket that fills evenly: `burst` at once, then `rate` a second.
#[derive(Debug)]
pub(crate) struct Bucket {
    every: Duration,
    burst: u32,
    /// When the bucket was, or will be, empty of debts: each token moves it on by `every`.
    full_at: Instant,
}

impl Bucket {
    pub(crate) fn new(rate: f64, burst: u32) -> Self {
        let rate = if rate.is_finite() {
            rate.clamp(0.01, 10_000.0)
        } else {
            1.0
        };
        Self {
            every: Duration::from_secs_f64(1.0 / rate),
            burst: burst.max(1),
            full_at: Instant::now(),
        }
    }

    /// When the next token is there; now or earlier if there is one.
    pub(crate) fn next(&self) -> Instant {
        let debt = self.every * (self.burst - 1);
        self.full_at.checked_sub(debt).unwrap_or(self.full_at)
    }

    /// Takes a token if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let there = self.next() <= now;
        if there {
            self.full_at = self.full_at.max(now) + self.every;
        }
        there
    }
}

/// The pause after the `tries`-th failure in a row: half a second, doubled each time up to fifteen, a quarter of it random.
pub(crate) fn backoff(tries: u32) -> Duration {
    let whole = Duration::from_millis(500) * 2_u32.saturating_pow(tries.min(5));
    let whole = whole.min(Duration::from_secs(15));
    // Every hasher of the standard library starts from new random keys.
    let random = RandomState::new().build_hasher().finish();
    let share = (random >> 40) as f64 / (1_u64 << 24) as f64;
    whole.mul_f64(0.75 + share / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_the_rate() {
        let mut bucket = Bucket::new(20.0, 50);
        let at_once = (0..1000).filter(|_| bucket.take(Instant::now())).count();
        assert_eq!(at_once, 50);
        let mut taken = 0;
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep_until(bucket.next()).await;
            taken += usize::from(bucket.take(Instant::now()));
        }
        assert!((198..=202).contains(&taken), "{taken}");
        tokio::time::sleep(Duration::from_secs(60)).await;
        let again = (0..1000).filter(|_| bucket.take(Instant::now())).count();
        assert_eq!(again, 50);
    }

    #[test]
    fn pauses_grow_and_end_growing() {
        for (tries, most) in [(0, 500), (1, 1000), (4, 8000), (5, 15_000), (99, 15_000)] {
            let pause = backoff(tries).as_millis();
            assert!((most * 3 / 4..=most).contains(&pause), "{tries}: {pause}");
        }
    }
}
