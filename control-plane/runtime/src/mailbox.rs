//! A door between two tasks that cannot overflow: a map from key to the newest value.
//!
//! Sending never waits. While the receiver is busy, several values of one key melt into the last, so the memory in use is bounded
//! by the number of distinct keys, however fast the senders are. The receiver takes everything that lies there at once, in key
//! order.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Makes a mailbox and gives out its two ends.
pub fn mailbox<K: Ord, V>() -> (Sender<K, V>, Receiver<K, V>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            letters: BTreeMap::new(),
            senders: 1,
            open: true,
        }),
        arrived: Notify::new(),
    });
    (
        Sender {
            shared: Arc::clone(&shared),
        },
        Receiver { shared },
    )
}

/// The end that puts in. Cheap to clone; the receiver learns when the last clone is gone.
#[derive(Debug)]
pub struct Sender<K: Ord, V> {
    shared: Arc<Shared<K, V>>,
}

/// The end that takes out. There is only one.
#[derive(Debug)]
pub struct Receiver<K: Ord, V> {
    shared: Arc<Shared<K, V>>,
}

/// The receiver is gone: nobody will ever read this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the receiver of this mailbox is gone")]
pub struct Closed;

#[derive(Debug)]
struct Shared<K, V> {
    state: Mutex<State<K, V>>,
    arrived: Notify,
}

#[derive(Debug)]
struct State<K, V> {
    letters: BTreeMap<K, V>,
    senders: usize,
    open: bool,
}

impl<K: Ord, V> Sender<K, V> {
    /// Puts a value in; an unread value of the same key is replaced.
    ///
    /// # Errors
    /// [`Closed`] when the receiver was dropped.
    pub fn send(&self, key: K, value: V) -> Result<(), Closed> {
        self.send_with(key, |_| value)
    }

    /// Puts in what `merge` makes of the unread value of the same key, for values that are changes rather than states.
    ///
    /// `merge` runs under the mailbox's lock: it must be quick and must not touch the mailbox.
    ///
    /// # Errors
    /// [`Closed`] when the receiver was dropped; `merge` is then not called.
    pub fn send_with(&self, key: K, merge: impl FnOnce(Option<V>) -> V) -> Result<(), Closed> {
        {
            let mut state = self.shared.state.lock();
            if !state.open {
                return Err(Closed);
            }
            let unread = state.letters.remove(&key);
            let value = merge(unread);
            state.letters.insert(key, value);
        }
        self.shared.arrived.notify_one();
        Ok(())
    }
}

impl<K: Ord, V> Clone for Sender<K, V> {
    fn clone(&self) -> Self {
        self.shared.state.lock().senders += 1;
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<K: Ord, V> Drop for Sender<K, V> {
    fn drop(&mut self) {
        let last = {
            let mut state = self.shared.state.lock();
            state.senders -= 1;
            state.senders == 0
        };
        if last {
            self.shared.arrived.notify_one();
        }
    }
}

impl<K: Ord, V> Receiver<K, V> {
    /// Waits until something lies in the mailbox and takes all of it. `None` once all senders are gone and all is read.
    ///
    /// Safe to cancel: what was not returned is still in the mailbox.
    pub async fn recv(&mut self) -> Option<BTreeMap<K, V>> {
        loop {
            {
                let mut state = self.shared.state.lock();
                if !state.letters.is_empty() {
                    return Some(std::mem::take(&mut state.letters));
                }
                if state.senders == 0 {
                    return None;
                }
            }
            // A letter that arrives here leaves its permit behind, so it cannot be missed.
            self.shared.arrived.notified().await;
        }
    }

    /// Takes what lies there now, possibly nothing.
    pub fn try_recv(&mut self) -> BTreeMap<K, V> {
        std::mem::take(&mut self.shared.state.lock().letters)
    }

    /// How many keys wait to be read.
    pub fn len(&self) -> usize {
        self.shared.state.lock().letters.len()
    }

    /// Whether nothing waits to be read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Ord, V> Drop for Receiver<K, V> {
    fn drop(&mut self) {
        let unread = {
            let mut state = self.shared.state.lock();
            state.open = false;
            std::mem::take(&mut state.letters)
        };
        drop(unread);
    }
}

#[cfg(test)]
mod tests;
