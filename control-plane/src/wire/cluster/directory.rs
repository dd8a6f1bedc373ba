//! What the webhooks look up: namespaces, meshes, workloads and gateways as they are watched.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use parking_lot::RwLock;
use tulle_appmesh::admit::{Directory as _, Listing};
use tulle_crds::{Kind, Object, ObjectKey};
use tulle_injector::inject::{Candidates, candidates};
use tulle_model::ObjectId;
use tulle_model::fragment::Translated;
use tulle_source::{Change, Records};

/// Written by the task that owns the mesh, read by webhooks.
#[derive(Debug)]
pub(in crate::wire) struct Directory {
    records: Arc<Records>,
    /// Together, so that what is looked at again is what is there.
    listed: RwLock<Listed>,
    /// Meshes, workloads and gateways.
    selecting: RwLock<BTreeMap<ObjectId, Arc<Translated>>>,
    /// What was made of these for pods, until something changes: a request must not look at a thousand workloads.
    made: RwLock<Made>,
}

/// What a namespace's pods are looked at with.
#[derive(Debug)]
pub(in crate::wire) struct Selecting {
    /// The namespace's labels.
    pub(in crate::wire) labels: BTreeMap<String, String>,
    /// The objects that may select its pods.
    pub(in crate::wire) candidates: Candidates,
}

#[derive(Debug, Default)]
struct Made {
    /// Changes so far: what was made before one of them is not kept after it.
    changes: u64,
    by_namespace: HashMap<String, Arc<Selecting>>,
}

#[derive(Debug)]
struct Listed {
    listing: Listing,
    /// Objects of which something that is no part of their declaration is listed.
    objects: BTreeMap<ObjectKey, Object>,
}

impl Directory {
    pub(in crate::wire) fn new(listing: Listing, records: Arc<Records>) -> Self {
        Self {
            records,
            listed: RwLock::new(Listed {
                listing,
                objects: BTreeMap::new(),
            }),
            selecting: RwLock::default(),
            made: RwLock::default(),
        }
    }

    /// Takes in a change and what was made of its object.
    pub(in crate::wire) fn apply(
        &self,
        change: &Change,
        id: &ObjectId,
        translated: Option<&Arc<Translated>>,
    ) {
        let key = &change.key;
        if matches!(
            key.kind,
            Kind::Mesh | Kind::VirtualNode | Kind::VirtualGateway
        ) {
            let mut selecting = self.selecting.write();
            match translated {
                Some(translated) => selecting.insert(id.clone(), translated.clone()),
                None => selecting.remove(id),
            };
        }
        if matches!(
            key.kind,
            Kind::Namespace | Kind::Mesh | Kind::VirtualGateway
        ) {
            let mut listed = self.listed.write();
            match &change.object {
                Some(observed) => {
                    let object = self.with_record(key, observed.object.clone());
                    listed.listing.put(&object);
                    if key.kind != Kind::Namespace {
                        listed.objects.insert(key.clone(), object);
                    }
                }
                None => {
                    listed.listing.remove(key);
                    listed.objects.remove(key);
                }
            }
        }
        self.forget_made(key);
    }

    fn forget_made(&self, key: &ObjectKey) {
        let mut made = self.made.write();
        match key.kind {
            Kind::Mesh => made.by_namespace.clear(),
            Kind::Namespace => drop(made.by_namespace.remove(&key.name)),
            Kind::VirtualNode | Kind::VirtualGateway => {
                let namespace = key.namespace.as_deref().unwrap_or_default();
                made.by_namespace.remove(namespace);
            }
            _ => return,
        }
        made.changes += 1;
    }

    /// Looks again at what is no part of these objects' declarations, such as that a mesh is being deleted.
    pub(in crate::wire) fn refresh<'a>(&self, keys: impl IntoIterator<Item = &'a ObjectKey>) {
        for key in keys {
            // Released between two, so that admission need not wait for a thousand.
            let mut listed = self.listed.write();
            let Listed { listing, objects } = &mut *listed;
            if let Some(object) = objects.get_mut(key) {
                *object = self.with_record(key, object.clone());
                listing.put(object);
            }
        }
    }

    /// What is known beside the declaration: it is not in a change.
    fn with_record(&self, key: &ObjectKey, mut object: Object) -> Object {
        let Some(record) = self.records.get(key) else {
            return object;
        };
        let metadata = object.metadata_mut();
        metadata.uid = Some(record.uid.clone());
        metadata.deletion_timestamp = record
            .deletion_timestamp
            .as_ref()
            .and_then(|time| time.parse().ok())
            .map(Time);
        object
    }

    /// Looks at what admission of App Mesh objects needs.
    pub(in crate::wire) fn listing<T>(&self, look: impl FnOnce(&Listing) -> T) -> T {
        look(&self.listed.read().listing)
    }

    /// What the pods of a namespace are looked at with; `None` for a namespace that is not known (yet).
    pub(in crate::wire) fn selecting(&self, namespace: &str) -> Option<Arc<Selecting>> {
        let changes = {
            let made = self.made.read();
            if let Some(known) = made.by_namespace.get(namespace) {
                return Some(known.clone());
            }
            made.changes
        };
        let selecting = Arc::new(self.make(namespace)?);
        let mut made = self.made.write();
        if made.changes == changes {
            made.by_namespace
                .insert(namespace.to_owned(), selecting.clone());
        }
        Some(selecting)
    }

    fn make(&self, namespace: &str) -> Option<Selecting> {
        let labels: BTreeMap<String, String> = self
            .listed
            .read()
            .listing
            .namespace_labels(namespace)?
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        let selecting = self.selecting.read();
        let fragments = selecting
            .values()
            .flat_map(|translated| &translated.fragments);
        let candidates = candidates(fragments, namespace, &labels);
        Some(Selecting { labels, candidates })
    }
}

#[cfg(test)]
mod tests;
