//! How many connections there may be.
//!
//! Who has not proven anything may be pushed out by who comes later: a flood of idle connections then costs a client that
//! goes on at once nothing.

use std::collections::{BTreeMap, HashMap};
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
    /// Who was the first to be proven on the others.
    proven: HashMap<u64, Arc<str>>,
    /// How many of these each caller has.
    by_caller: HashMap<Arc<str>, usize>,
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
        let full = state.connections >= self.max_connections;
        if full && state.unproven.is_empty() {
            return Admission::Refused;
        }
        let evicted = full || state.unproven.len() >= self.max_unproven;
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

    /// A caller is proven on this connection. Whether that stands: the first must have fewer than `most` connections.
    pub(super) fn proven(&self, caller: &Arc<str>, most: usize) -> bool {
        let mut state = self.limits.state.lock();
        if state.proven.contains_key(&self.number) {
            return true;
        }
        if state.by_caller.get(caller).is_some_and(|has| *has >= most) {
            return false;
        }
        state.unproven.remove(&self.number);
        state.proven.insert(self.number, caller.clone());
        *state.by_caller.entry(caller.clone()).or_insert(0) += 1;
        true
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut state = self.limits.state.lock();
        state.connections -= 1;
        state.unproven.remove(&self.number);
        if let Some(caller) = state.proven.remove(&self.number)
            && let Some(has) = state.by_caller.get_mut(&caller)
        {
            *has -= 1;
            if *has == 0 {
                state.by_caller.remove(&caller);
            }
        }
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
        let caller: Arc<str> = "a".into();
        let (first, _) = admit(&limits).unwrap();
        let (second, evicted) = admit(&limits).unwrap();
        assert!(!evicted && first.proven(&caller, 8));
        // who has not proven anything makes room
        let (third, evicted) = admit(&limits).unwrap();
        assert!(evicted && third.proven(&caller, 8));
        drop(second);
        assert!(admit(&limits).is_none());
        drop(first);
        assert!(admit(&limits).is_some());
    }

    #[test]
    fn a_caller_has_no_more_than_its_share() {
        let limits = Limits::new(100, 10);
        let (one, another): (Arc<str>, Arc<str>) = ("one".into(), "another".into());
        let (first, _) = admit(&limits).unwrap();
        let (second, _) = admit(&limits).unwrap();
        let (third, _) = admit(&limits).unwrap();
        assert!(first.proven(&one, 2) && second.proven(&one, 2));
        assert!(!third.proven(&one, 2));
        assert_eq!(limits.state.lock().unproven.len(), 1, "it may be evicted");
        // who comes second on a connection is not counted
        assert!(first.proven(&another, 0) && first.proven(&one, 2));
        drop(second);
        assert!(third.proven(&one, 2));
        drop((first, third));
        let state = limits.state.lock();
        assert!(state.proven.is_empty() && state.by_caller.is_empty());
    }

    #[test]
    fn the_oldest_unproven_makes_room() {
        let limits = Limits::new(100, 2);
        let (proven, _) = admit(&limits).unwrap();
        assert!(proven.proven(&"a".into(), 8));
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
