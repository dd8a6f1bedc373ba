//! What the API server says about objects beside what they declare.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use tulle_crds::{Kind, ObjectKey};
use tulle_runtime::mailbox::{Receiver, Sender, mailbox};

use super::slot::{self, Slot};

/// What is known of one object beside what it declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// What tells it from others that have borne its name.
    pub uid: String,
    /// How often its spec has changed.
    pub generation: Option<i64>,
    /// The generation whose content the last batch left in force: an earlier one than `generation` while that cannot be read or
    /// was not given out yet, none where nothing was ever given out.
    pub in_force: Option<i64>,
    /// The version to name when writing on condition that nobody else has written.
    pub resource_version: String,
    /// Who wants to be asked before it goes.
    pub finalizers: Vec<String>,
    /// Its status as it stands in the cluster, as JSON, which takes a third of what a tree does; of App Mesh kinds only.
    status: Option<Box<str>>,
    /// When its deletion was asked for, RFC 3339.
    pub deletion_timestamp: Option<String>,
}

impl Record {
    /// Reads an object's record; `None` for kinds of which none is kept.
    pub(super) fn read(kind: Kind, object: &mut Value) -> Option<Self> {
        if !is_kept(kind) {
            return None;
        }
        let status = match object.as_object_mut() {
            Some(root) if kind.is_custom() => {
                let status = root.remove("status");
                status.map(|status| status.to_string().into())
            }
            _ => None,
        };
        let metadata = object.get("metadata");
        let text = |key: &str| {
            let value = metadata.and_then(|metadata| metadata.get(key));
            value.and_then(Value::as_str).map(str::to_owned)
        };
        let finalizers = metadata.and_then(|metadata| metadata.get("finalizers"));
        Some(Self {
            uid: text("uid").unwrap_or_default(),
            generation: metadata
                .and_then(|metadata| metadata.get("generation"))
                .and_then(Value::as_i64),
            in_force: None,
            resource_version: text("resourceVersion").unwrap_or_default(),
            finalizers: finalizers
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|name| Some(name.as_str()?.to_owned()))
                .collect(),
            status,
            deletion_timestamp: text("deletionTimestamp"),
        })
    }

    /// Its status as it stands in the cluster; of App Mesh kinds only.
    pub fn status(&self) -> Option<Value> {
        let text = self.status.as_deref()?;
        serde_json::from_str(text).ok()
    }

    /// Whether the other says the same but for the version, which any write changes.
    fn says_the_same(&self, other: &Self) -> bool {
        self.uid == other.uid
            && self.generation == other.generation
            && self.in_force == other.in_force
            && self.finalizers == other.finalizers
            && self.status == other.status
            && self.deletion_timestamp == other.deletion_timestamp
    }
}

/// Whether records of the kind are kept: of what findings are written on, and of namespaces. A
/// pod's uid is in the pod.
fn is_kept(kind: Kind) -> bool {
    kind.is_custom() || matches!(kind, Kind::Namespace | Kind::Service)
}

/// By kind and name.
type Table = BTreeMap<Kind, BTreeMap<Slot, Arc<Record>>>;

/// The records of a cluster's objects: App Mesh kinds, Namespaces and Services. A record is there
/// before the batch that brings its object; that a record changes is no change of its object.
#[derive(Debug, Default)]
pub struct Records {
    records: RwLock<Table>,
    /// Those who want to know what changes.
    subscribers: Mutex<Vec<Sender<ObjectKey, ()>>>,
}

impl Records {
    /// The record of an object, if it is there and of a kind of which records are kept.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<Record>> {
        let records = self.records.read();
        records.get(&key.kind)?.get(&*slot::of(key)).cloned()
    }

    /// All records, in the order of their keys.
    pub fn all(&self) -> Vec<(ObjectKey, Arc<Record>)> {
        let records = self.records.read();
        let of_kind = |(kind, records): (&Kind, &BTreeMap<Slot, Arc<Record>>)| {
            let of_kind = records.iter();
            of_kind
                .map(|(slot, record)| (slot.key(*kind), Arc::clone(record)))
                .collect::<Vec<_>>()
        };
        let mut all: Vec<_> = records.iter().flat_map(of_kind).collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// The keys of records that come, go or say something else, from now on, for one who looks at nothing but those; a new
    /// resource version alone is nothing else. Those of all that are there come first. Each subscriber has its own; what it
    /// does not take melts together.
    pub fn subscribe(&self) -> Receiver<ObjectKey, ()> {
        let (sender, receiver) = mailbox();
        // While none is written, so that nothing is missed.
        let records = self.records.read();
        for (kind, records) in &*records {
            for slot in records.keys() {
                let _ = sender.send(slot.key(*kind), ());
            }
        }
        self.subscribers.lock().push(sender);
        receiver
    }

    pub(super) fn put(&self, kind: Kind, slot: &Slot, mut record: Record) {
        {
            let mut records = self.records.write();
            let records = records.entry(kind).or_default();
            if let Some(before) = records.get_mut(slot) {
                if before.uid == record.uid {
                    record.in_force = before.in_force;
                }
                if before.says_the_same(&record) {
                    Arc::make_mut(before).resource_version = record.resource_version;
                    return;
                }
                *before = Arc::new(record);
            } else {
                records.insert(slot.clone(), Arc::new(record));
            }
        }
        self.tell(&slot.key(kind));
    }

    /// The object is in force as it was read in this generation.
    pub(super) fn given_out(&self, key: &ObjectKey, generation: Option<i64>) {
        let news = {
            let mut records = self.records.write();
            let of_kind = records.get_mut(&key.kind);
            let record = of_kind.and_then(|records| records.get_mut(&*slot::of(key)));
            record.is_some_and(|record| {
                let news = record.in_force != generation;
                if news {
                    Arc::make_mut(record).in_force = generation;
                }
                news
            })
        };
        if news {
            self.tell(key);
        }
    }

    pub(super) fn remove(&self, kind: Kind, slot: &Slot) {
        let mut records = self.records.write();
        let before = records
            .get_mut(&kind)
            .and_then(|of_kind| of_kind.remove(slot));
        drop(records);
        if before.is_some() {
            self.tell(&slot.key(kind));
        }
    }

    fn tell(&self, key: &ObjectKey) {
        self.subscribers
            .lock()
            .retain(|subscriber| subscriber.send(key.clone(), ()).is_ok());
    }
}
