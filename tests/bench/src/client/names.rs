//! What all proxies of the process know together: names and resources, each once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::wire::Kind;
use crate::wire::dump::Resource;
use crate::wire::fields::{Malformed, one};
use crate::wire::refs::{name, refs};

/// A name.
pub(super) type NameId = u32;
/// A resource: a name with a version and a content.
pub(super) type ResourceId = u32;

/// Said of a name: there is no such resource.
pub(super) const NONE: ResourceId = 0;

/// A resource as it was once read.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) kind: Kind,
    pub(super) name: NameId,
    pub(super) version: Arc<str>,
    pub(super) refs: Box<[(Kind, NameId)]>,
    pub(super) bytes: u32,
}

/// The tables. Clones are the same tables.
#[derive(Debug, Default)]
pub(super) struct Names(RwLock<Tables>);

#[derive(Debug, Default)]
struct Tables {
    names: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, NameId>,
    versions: HashSet<Arc<str>>,
    known: Vec<Arc<Known>>,
    by_hash: HashMap<u128, ResourceId>,
    /// The last of each type and name, where bodies are kept.
    kept: Option<BTreeMap<(Kind, String), Resource>>,
}

/// Ids are their own hash, spread.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, id: u32) {
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// What is held, by name.
pub(super) type Held = HashMap<NameId, ResourceId, BuildHasherDefault<IdHasher>>;
/// Names that are subscribed to.
pub(super) type Wanted = HashSet<NameId, BuildHasherDefault<IdHasher>>;

impl Tables {
    fn intern(&mut self, text: &str) -> NameId {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let text: Arc<str> = text.into();
        let id = self.names.len() as NameId;
        self.names.push(text.clone());
        self.ids.insert(text, id);
        id
    }

    fn version(&mut self, text: &str) -> Arc<str> {
        if let Some(version) = self.versions.get(text) {
            return version.clone();
        }
        let version: Arc<str> = text.into();
        self.versions.insert(version.clone());
        version
    }

    fn add(&mut self, resource: &Resource) -> ResourceId {
        let known = Known {
            kind: resource.kind,
            name: self.intern(&resource.name),
            version: self.version(&resource.version),
            refs: refs(resource.kind, &resource.body)
                .into_iter()
                .map(|(kind, name)| (kind, self.intern(name)))
                .collect(),
            bytes: resource.body.len() as u32,
        };
        if let Some(kept) = &mut self.kept {
            let mut own = resource.clone();
            own.body = Bytes::copy_from_slice(&own.body);
            kept.insert((own.kind, own.name.clone()), own);
        }
        self.known.push(Arc::new(known));
        // ids begin at 1
        self.known.len() as ResourceId
    }
}

impl Names {
    /// From now on bodies are kept.
    pub(super) fn keep(&self) {
        self.0.write().kept.get_or_insert_default();
    }

    /// The bodies that were kept.
    pub(super) fn kept(&self) -> Option<Vec<Resource>> {
        let tables = self.0.read();
        Some(tables.kept.as_ref()?.values().cloned().collect())
    }

    pub(super) fn id(&self, name: &str) -> NameId {
        if let Some(id) = self.0.read().ids.get(name) {
            return *id;
        }
        self.0.write().intern(name)
    }

    pub(super) fn name(&self, id: NameId) -> Arc<str> {
        self.0.read().names[id as usize].clone()
    }

    /// The resource in an element of a response: a `Resource` message, or in `sotw` an `Any`. `None` where it has no content of
    /// a known type.
    pub(super) fn read(
        &self,
        element: &Bytes,
        sotw: bool,
    ) -> Result<Option<(ResourceId, Arc<Known>)>, Malformed> {
        let hash = xxh3_128_with_seed(element, u64::from(sotw));
        {
            let tables = self.0.read();
            if let Some(id) = tables.by_hash.get(&hash) {
                return Ok(Some((*id, tables.known[*id as usize - 1].clone())));
            }
        }
        let resource = if sotw {
            unwrapped(element)?
        } else {
            Resource::read(element)?
        };
        let Some(resource) = resource else {
            return Ok(None);
        };
        let mut tables = self.0.write();
        let id = match tables.by_hash.get(&hash) {
            Some(id) => *id,
            None => {
                let id = tables.add(&resource);
                tables.by_hash.insert(hash, id);
                id
            }
        };
        Ok(Some((id, tables.known[id as usize - 1].clone())))
    }

    /// The names that these resources name, of one type.
    pub(super) fn named<'a>(&self, of: Kind, held: impl Iterator<Item = &'a Held>) -> Wanted {
        let tables = self.0.read();
        held.flat_map(|held| held.values())
            .filter(|id| **id != NONE)
            .flat_map(|id| &tables.known[*id as usize - 1].refs)
            .filter(|(kind, _)| *kind == of)
            .map(|(_, name)| *name)
            .collect()
    }

    /// Names as text, in a certain order.
    pub(super) fn texts(&self, ids: impl Iterator<Item = NameId>) -> Vec<Arc<str>> {
        let mut ids: Vec<NameId> = ids.collect();
        ids.sort_unstable();
        let tables = self.0.read();
        ids.iter()
            .map(|id| tables.names[*id as usize].clone())
            .collect()
    }

    /// Name and version of what is held, and how many bytes it is.
    pub(super) fn versions(&self, held: &Held) -> Vec<(Arc<str>, Arc<str>, u32)> {
        let tables = self.0.read();
        let mut known: Vec<&Arc<Known>> = held
            .values()
            .filter(|id| **id != NONE)
            .map(|id| &tables.known[*id as usize - 1])
            .collect();
        known.sort_unstable_by_key(|known| known.name);
        known
            .iter()
            .map(|of| {
                (
                    tables.names[of.name as usize].clone(),
                    of.version.clone(),
                    of.bytes,
                )
            })
            .collect()
    }
}

/// A resource in an `Any`, which may be wrapped in a `Resource`.
fn unwrapped(any: &Bytes) -> Result<Option<Resource>, Malformed> {
    let (Some(url), Some(body)) = (one(any, 1), one(any, 2)) else {
        return Ok(None);
    };
    if url == b"type.googleapis.com/envoy.service.discovery.v3.Resource" {
        return Resource::read(&any.slice_ref(body));
    }
    Ok(Kind::of(url).map(|kind| Resource {
        kind,
        name: name(body).unwrap_or_default().to_owned(),
        version: String::new(),
        body: any.slice_ref(body),
    }))
}
