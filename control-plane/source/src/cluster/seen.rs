//! One named object of a namespace that Tulle may not be allowed to see.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use kube::Client;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::watch::{self, Receiver, Sender};

use super::named::{self, Namespaced};
use super::watch::{Listener, Timing, follow, version_of};

/// What is known of an object.
#[derive(Debug)]
pub enum Seen<K> {
    /// Nothing yet.
    Unknown,
    /// It cannot be read: why, in the API server's words.
    Unreadable(Arc<str>),
    /// There is no such object.
    Absent,
    /// It is there.
    There(Arc<K>),
}

impl<K> Clone for Seen<K> {
    fn clone(&self) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Unreadable(why) => Self::Unreadable(why.clone()),
            Self::Absent => Self::Absent,
            Self::There(object) => Self::There(object.clone()),
        }
    }
}

/// Watches one object of a namespace, and tells where it cannot be read. The watch ends when all receivers are gone.
///
/// What was read last holds while the API server cannot be reached. Needs the verbs `list` and `watch` on this name alone.
pub fn watch_seen<K>(client: Client, namespace: &str, name: &str) -> Receiver<Seen<K>>
where
    K: Namespaced,
{
    watch_seen_with(client, namespace, name, Timing::default())
}

pub(super) fn watch_seen_with<K>(
    client: Client,
    namespace: &str,
    name: &str,
    timing: Timing,
) -> Receiver<Seen<K>>
where
    K: Namespaced,
{
    let (sender, receiver) = watch::channel(Seen::Unknown);
    let collection = named::collection::<K>(namespace, name);
    tokio::spawn(async move {
        let mut eye = Eye {
            sender: sender.clone(),
            listed: false,
            last: None,
        };
        tokio::select! {
            () = follow(client, collection, timing, &mut eye) => {}
            () = sender.closed() => {}
        }
    });
    receiver
}

struct Eye<K> {
    sender: Sender<Seen<K>>,
    /// Whether the list that is under way holds the object.
    listed: bool,
    /// What was seen last, there or not: it is so again once the API server answers again.
    last: Option<Option<Arc<K>>>,
}

impl<K: Send + Sync> Eye<K> {
    fn unreadable(&self, why: &str) {
        self.sender.send_if_modified(|seen| match seen {
            Seen::Unreadable(before) if **before == *why => false,
            seen => {
                *seen = Seen::Unreadable(why.into());
                true
            }
        });
    }

    fn absent_now(&mut self) {
        self.last = Some(None);
        self.sender.send_if_modified(|seen| {
            !matches!(std::mem::replace(seen, Seen::Absent), Seen::Absent)
        });
    }
}

impl<K> Listener for Eye<K>
where
    K: DeserializeOwned + Send + Sync,
{
    fn begin(&mut self) {
        self.listed = false;
    }

    fn put(&mut self, object: &RawValue) -> Option<String> {
        self.listed = true;
        match serde_json::from_str::<K>(object.get()) {
            Ok(read) => {
                let read = Arc::new(read);
                self.last = Some(Some(read.clone()));
                self.sender.send_replace(Seen::There(read));
            }
            // The error of a typed decoder may quote a value, and the value may be a key.
            Err(_) => {
                self.last = None;
                self.unreadable(&format!("it cannot be decoded as {}", type_name::<K>()));
            }
        }
        version_of(object)
    }

    fn gone(&mut self, _: &RawValue) {
        self.absent_now();
    }

    fn complete(&mut self) {
        if !self.listed {
            self.absent_now();
        }
    }

    fn absent(&mut self) {
        self.absent_now();
    }

    fn trouble(&mut self, why: &str, failures: u32) {
        let refused = why.starts_with("403") || why.starts_with("401");
        // A watch that is interrupted says nothing of the object.
        if refused || (failures > 0 && matches!(*self.sender.borrow(), Seen::Unknown)) {
            self.unreadable(why);
        }
    }

    fn well(&mut self) {
        let Some(last) = self.last.clone() else {
            return;
        };
        self.sender.send_if_modified(|seen| {
            let unreadable = matches!(seen, Seen::Unreadable(_));
            if unreadable {
                *seen = last.map_or(Seen::Absent, Seen::There);
            }
            unreadable
        });
    }
}

impl<K> fmt::Debug for Eye<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Eye").finish_non_exhaustive()
    }
}
