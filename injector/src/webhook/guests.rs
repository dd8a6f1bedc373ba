//! How many connections there may be, and who goes when there are too many.
//!
//! First who has not sent a review that could be read, then who has been idle longest: a flood of idle connections costs an
//! API server that goes on at once nothing but a handshake.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Guests {
    max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    present: BTreeMap<u64, Present>,
}

#[derive(Debug)]
struct Present {
    /// A review came that could be read.
    known: bool,
    /// Requests under way.
    busy: usize,
    /// When the last of them ended, or when it came.
    since: Instant,
    evict: Arc<Notify>,
}

/// A connection that counts, for as long as this lives.
#[derive(Debug)]
pub(super) struct Guest {
    guests: Arc<Guests>,
    number: u64,
    evict: Arc<Notify>,
    /// Told when a request ends.
    news: Notify,
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Busy(Arc<Guest>);

impl Guests {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max: max.max(1),
            state: Mutex::default(),
        })
    }

    /// Takes in one more, and tells whether another was told to go for it. `None`: everybody is at work.
    pub(super) fn admit(self: &Arc<Self>) -> Option<(Guest, bool)> {
        let mut state = self.state.lock();
        let full = state.present.len() >= self.max;
        if full {
            let (number, _) = state
                .present
                .iter()
                .filter(|(_, present)| present.busy == 0)
                .min_by_key(|(_, present)| (present.known, present.since))?;
            let number = *number;
            if let Some(present) = state.present.remove(&number) {
                present.evict.notify_one();
            }
        }
        state.last += 1;
        let number = state.last;
        let evict = Arc::new(Notify::new());
        let present = Present {
            known: false,
            busy: 0,
            since: Instant::now(),
            evict: Arc::clone(&evict),
        };
        state.present.insert(number, present);
        let guest = Guest {
            guests: Arc::clone(self),
            number,
            evict,
            news: Notify::new(),
        };
        Some((guest, full))
    }
}

impl Guest {
    /// A request begins.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.with(|present| present.busy += 1);
        Busy(Arc::clone(self))
    }

    /// A review could be read.
    pub(super) fn known(&self) {
        self.with(|present| present.known = true);
    }

    /// Waits until the connection has to make room.
    pub(super) async fn evicted(&self) {
        self.evict.notified().await;
    }

    /// Waits until a request ends.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Since when nothing has been under way; `None` while something is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.guests.state.lock();
        let present = state.present.get(&self.number)?;
        (present.busy == 0).then_some(present.since)
    }

    fn with(&self, change: impl FnOnce(&mut Present)) {
        if let Some(present) = self.guests.state.lock().present.get_mut(&self.number) {
            change(present);
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.guests.state.lock().present.remove(&self.number);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.with(|present| {
            present.busy -= 1;
            present.since = Instant::now();
        });
        self.0.news.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_unknown_go_first_then_the_idle_longest_and_nobody_at_work() {
        let guests = Guests::new(3);
        let later = || tokio::time::advance(std::time::Duration::from_secs(1));
        let admit = || {
            guests
                .admit()
                .map(|(guest, evicted)| (Arc::new(guest), evicted))
        };
        let (known, _) = admit().unwrap();
        known.known();
        later().await;
        let (at_work, _) = admit().unwrap();
        let work = at_work.busy();
        later().await;
        let (unknown, evicted) = admit().unwrap();
        assert!(!evicted);
        assert_eq!(guests.state.lock().present.len(), 3);

        let (fourth, evicted) = admit().unwrap();
        assert!(evicted);
        unknown.evicted().await;
        fourth.known();
        drop(unknown);
        let (fifth, evicted) = admit().unwrap();
        assert!(evicted, "the known one that has been idle longest");
        known.evicted().await;
        let (_busy, _busier) = (fourth.busy(), fifth.busy());
        assert!(admit().is_none(), "all three are at work");
        assert_eq!(at_work.idle_since(), None);
        drop(work);
        at_work.news().await;
        assert_eq!(at_work.idle_since(), Some(Instant::now()));
        let (_sixth, evicted) = admit().unwrap();
        assert!(evicted);
        at_work.evicted().await;
    }
}
