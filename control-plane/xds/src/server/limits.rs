//! How many connections there may be.
//!
//! Who has not proven anything may be pushed out by who comes later: a flood of idle connections then costs a client that
//! goes on at once nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

#[derive(Debug)]
pub(super) struct Limits {
    max_connections: usize,
    max_unproven: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    connections: usize,
    /// Those on which nobody was proven, oldest first.
    unproven: BTreeMap<u64, Arc<Notify>>,
}

/// A connection that counts, for as long as this lives.
#[derive(Debug)]
pub(super) struct Admitted {
    limits: Arc<Limits>,
    number: u64,
    peer: SocketAddr,
    evicted: Arc<Notify>,
}

/// What came of a new connection.
pub(super) enum Admission {
    Admitted {
        admitted: Admitted,
        /// An older one was told to go.
        evicted: bool,
    },
    Refused,
}

impl Limits {
    pub(super) fn new(max_connections: usize, max_unproven: usize) -> Arc<Self> {
        Arc::new(Self {
            max_connections,
            max_unproven: max_unproven.max(1),
            state: Mutex::default(),
        })
    }

    pub(super) fn admit(self: &Arc<Self>, peer: SocketAddr) -> Admission {
        let mut state = self.state.lock();
        if state.connections >= self.max_connections {
            return Admission::Refused;
        }
        let evicted = state.unproven.len() >= self.max_unproven;
        if evicted && let Some((_, oldest)) = state.unproven.pop_first() {
            oldest.notify_one();
        }
        state.last += 1;
        state.connections += 1;
        let number = state.last;
        let notify = Arc::new(Notify::new());
        state.unproven.insert(number, notify.clone());
        let admitted = Admitted {
            limits: self.clone(),
            number,
            peer,
            evicted: notify,
        };
        Admission::Admitted { admitted, evicted }
    }

    pub(super) fn connections(&self) -> usize {
        self.state.lock().connections
    }
}

impl Admitted {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Told when the connection is to go.
    pub(super) fn evicted(&self) -> Arc<Notify> {
        self.evicted.clone()
    }

    pub(super) fn proven(&self) {
        self.limits.state.lock().unproven.remove(&self.number);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut state = self.limits.state.lock();
        state.connections -= 1;
        state.unproven.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(limits: &Arc<Limits>) -> Option<(Admitted, bool)> {
        match limits.admit("127.0.0.1:1".parse().unwrap()) {
            Admission::Admitted { admitted, evicted } => Some((admitted, evicted)),
            Admission::Refused => None,
        }
    }

    #[test]
    fn no_more_than_the_most() {
        let limits = Limits::new(2, 10);
        let (first, _) = admit(&limits).unwrap();
        let _second = admit(&limits).unwrap();
        assert!(admit(&limits).is_none());
        drop(first);
        assert!(admit(&limits).is_some());
    }

    #[test]
    fn the_oldest_unproven_makes_room() {
        let limits = Limits::new(100, 2);
        let (proven, _) = admit(&limits).unwrap();
        proven.proven();
        let (oldest, _) = admit(&limits).unwrap();
        let (newer, evicted) = admit(&limits).unwrap();
        assert!(!evicted);
        let (_newest, evicted) = admit(&limits).unwrap();
        assert!(evicted);
        assert_eq!(
            limits.state.lock().unproven.keys().next(),
            Some(&newer.number())
        );
        drop(oldest);
        assert_eq!(limits.connections(), 3);
    }
}
