//! What ended streams left open, kept for their callers' next streams.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::session::Unsure;

/// By caller. Bounded in time and in size: it makes a rare case right, it must never be a burden.
#[derive(Debug, Default)]
pub(crate) struct LeftOpen(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    callers: BTreeMap<Arc<str>, (Instant, Unsure)>,
    resources: usize,
}

/// A client is back sooner than that, or has been restarted.
const KEEP: Duration = Duration::from_secs(120);
/// Most resources, over all callers.
const MOST: usize = 100_000;

impl LeftOpen {
    pub(crate) fn leave(&self, caller: Arc<str>, unsure: Unsure, now: Instant) {
        if unsure.is_empty() {
            return;
        }
        let mut state = self.0.lock();
        state.forget(&caller);
        if state.resources + unsure.len() > MOST {
            state.forget_old(now);
        }
        if state.resources + unsure.len() <= MOST {
            state.resources += unsure.len();
            state.callers.insert(caller, (now, unsure));
        }
    }

    pub(crate) fn take(&self, caller: &str, now: Instant) -> Unsure {
        let mut state = self.0.lock();
        match state.forget(caller) {
            Some((at, unsure)) if at + KEEP > now => unsure,
            Some(_) | None => Unsure::default(),
        }
    }

    pub(crate) fn sweep(&self, now: Instant) {
        self.0.lock().forget_old(now);
    }
}

impl State {
    fn forget(&mut self, caller: &str) -> Option<(Instant, Unsure)> {
        let left = self.callers.remove(caller)?;
        self.resources -= left.1.len();
        Some(left)
    }

    fn forget_old(&mut self, now: Instant) {
        let resources = &mut self.resources;
        self.callers.retain(|_, (at, unsure)| {
            let keep = *at + KEEP > now;
            if !keep {
                *resources -= unsure.len();
            }
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::half_done;

    #[test]
    fn it_is_taken_once_and_not_kept_for_ever() {
        let left = LeftOpen::default();
        let now = Instant::now();
        left.leave("a".into(), half_done(3), now);
        left.leave("b".into(), half_done(3), now);
        left.leave("c".into(), Unsure::default(), now);
        assert_eq!(left.0.lock().callers.len(), 2);
        assert_eq!(left.take("a", now).len(), 3);
        assert!(left.take("a", now).is_empty());
        assert!(left.take("b", now + KEEP).is_empty());
        assert_eq!(left.0.lock().resources, 0);
    }

    #[test]
    fn it_is_bounded() {
        let left = LeftOpen::default();
        let now = Instant::now();
        for caller in 0..30 {
            left.leave(format!("caller-{caller}").into(), half_done(5_000), now);
        }
        assert_eq!(left.0.lock().callers.len(), 20);
        // the old make room
        left.leave("late".into(), half_done(5_000), now + KEEP);
        assert_eq!(left.0.lock().callers.len(), 1);
        left.sweep(now + 2 * KEEP);
        assert_eq!(left.0.lock().resources, 0);
    }
}
