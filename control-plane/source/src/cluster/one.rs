//! One named object of a namespace, such as the Secret that holds the certificate authority.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::watch::{self, Receiver, Sender};

use super::named::{self, Namespaced};
use super::watch::{Listener, Timing, follow, version_of};

/// Watches one object of a namespace. The watch ends when all receivers are gone.
///
/// The value is `None` where there is no such object. It is also `None` before it is known whether
/// there is one: the receiver counts as changed for the first time when that is known. An object
/// that cannot be decoded keeps its last good version; what becomes of it is logged by name, never
/// by content. Needs the verbs `list` and `watch` on this name alone.
pub fn watch_one<K>(client: Client, namespace: &str, name: &str) -> Receiver<Option<Arc<K>>>
where
    K: Namespaced + PartialEq,
{
    watch_one_with(client, namespace, name, Timing::default())
}

pub(super) fn watch_one_with<K>(
    client: Client,
    namespace: &str,
    name: &str,
    timing: Timing,
) -> Receiver<Option<Arc<K>>>
where
    K: Namespaced + PartialEq,
{
    let (sender, receiver) = watch::channel(None);
    let collection = named::collection::<K>(namespace, name);
    let named = Arc::<str>::from(format!("{} {namespace}/{name}", K::kind(&())));
    tokio::spawn(async move {
        let mut one = One {
            named,
            sender: sender.clone(),
            known: false,
            listed: false,
        };
        tokio::select! {
            () = follow(client, collection, timing, &mut one) => {}
            () = sender.closed() => {}
        }
    });
    receiver
}

struct One<K> {
    named: Arc<str>,
    sender: Sender<Option<Arc<K>>>,
    /// Whether it was told yet what is so.
    known: bool,
    /// Whether the list that is under way holds the object.
    listed: bool,
}

impl<K: PartialEq> One<K> {
    fn set(&mut self, value: Option<K>) {
        let first = !std::mem::replace(&mut self.known, true);
        self.sender.send_if_modified(|held| {
            let same = held.as_deref() == value.as_ref();
            if !same {
                *held = value.map(Arc::new);
            }
            first || !same
        });
    }
}

impl<K> Listener for One<K>
where
    K: Resource + DeserializeOwned + PartialEq + Send + Sync,
{
    fn begin(&mut self) {
        self.listed = false;
    }

    fn put(&mut self, object: &RawValue) -> Option<String> {
        self.listed = true;
        match serde_json::from_str::<K>(object.get()) {
            Ok(mut read) => {
                read.meta_mut().managed_fields = None;
                self.set(Some(read));
            }
            Err(error) => {
                // The error of a typed decoder may quote a value, and the value may be a key.
                tracing::warn!(
                    object = %self.named, kind = type_name::<K>(),
                    line = error.line(), column = error.column(),
                    "cannot be decoded; its last good version stays"
                );
            }
        }
        version_of(object)
    }

    fn gone(&mut self, _: &RawValue) {
        self.set(None);
    }

    fn complete(&mut self) {
        // One that is there but could not be decoded is not absent.
        if !self.listed {
            self.set(None);
        }
    }

    fn absent(&mut self) {
        self.set(None);
    }

    fn trouble(&mut self, why: &str, failures: u32) {
        match failures {
            0 => tracing::debug!(object = %self.named, why, "watch interrupted"),
            1 => {
                tracing::warn!(object = %self.named, "cannot be watched; what was seen last holds: {why}")
            }
            _ => {}
        }
    }

    fn well(&mut self) {}
}

impl<K> fmt::Debug for One<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("One")
            .field("named", &self.named)
            .finish_non_exhaustive()
    }
}
