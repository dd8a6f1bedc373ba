//! How long to wait before the next attempt.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::Timing;

/// Spaces the attempts of one watch.
#[derive(Debug)]
pub(super) struct Pace {
    timing: Timing,
    failures: u32,
    /// Before this moment no list begins.
    next_list: Option<Instant>,
    random: RandomState,
    drawn: u64,
}

impl Pace {
    pub(super) fn new(timing: &Timing) -> Self {
        Self {
            timing: timing.clone(),
            failures: 0,
            next_list: None,
            random: RandomState::new(),
            drawn: 0,
        }
    }

    /// Waits until a list may begin.
    pub(super) async fn list(&mut self) {
        if let Some(moment) = self.next_list {
            sleep_until(moment).await;
        }
        self.next_list = Some(Instant::now() + self.timing.list_spacing);
    }

    /// All is well again.
    pub(super) fn well(&mut self) {
        self.failures = 0;
    }

    /// How often in a row it has failed.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Waits after a failure, at least as long as the server asks for.
    pub(super) async fn failed(&mut self, asked: Option<Duration>) {
        let wait = self.timing.retry_first * 2_u32.saturating_pow(self.failures.min(16));
        let wait = wait.min(self.timing.retry_most);
        self.failures = self.failures.saturating_add(1);
        let wait = self.jittered(wait).max(asked.unwrap_or_default());
        sleep(wait).await;
    }

    /// Half of a duration to all of it.
    pub(super) fn jittered(&mut self, duration: Duration) -> Duration {
        self.drawn = self.drawn.wrapping_add(1);
        let random = self.random.hash_one(self.drawn) >> 11;
        let fraction = random as f64 / (1_u64 << 53) as f64;
        duration.mul_f64(0.5 + fraction / 2.0)
    }
}
