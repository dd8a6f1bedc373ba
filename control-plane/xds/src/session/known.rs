//! Resources by name, most of them in a list that is shared with other streams.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::pool::Pool;
use crate::resource::Resource;

/// A set of resources.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Sorted by name.
    base: Arc<Vec<Arc<Resource>>>,
    /// What is other than in `base`, sorted by name; `None` is not there.
    changed: Vec<(Arc<str>, Option<Arc<Resource>>)>,
    len: usize,
    /// `base` was made by this stream and not yet offered to others.
    own: bool,
}

/// More changes than this are worked into a list of the stream's own.
const FEW: usize = 16;

impl Known {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Resource>> {
        match self.change(name) {
            Ok(at) => self.changed[at].1.as_ref(),
            Err(_) => self.in_base(name),
        }
    }

    /// All, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        let kept = self
            .base
            .iter()
            .filter(|resource| self.changed.is_empty() || self.change(resource.name()).is_err());
        kept.chain(self.changed.iter().filter_map(|(_, now)| now.as_ref()))
    }

    /// Adds a resource, or puts it in place of another of its name, which comes back.
    pub(super) fn insert(&mut self, resource: Arc<Resource>) -> Option<Arc<Resource>> {
        let old = self.get(resource.name()).cloned();
        self.len += usize::from(old.is_none());
        self.change_to(resource.name().clone(), Some(resource));
        old
    }

    /// Adds very many, none of which is there, of different names.
    pub(super) fn insert_new(&mut self, mut resources: Vec<Arc<Resource>>) {
        self.len += resources.len();
        if self.base.is_empty() && self.changed.is_empty() {
            resources.sort_by(|a, b| a.name().cmp(b.name()));
            resources.shrink_to_fit();
            self.base = Arc::new(resources);
            self.own = true;
            return;
        }
        let mut changed: BTreeMap<_, _> = std::mem::take(&mut self.changed).into_iter().collect();
        for resource in resources {
            changed.insert(resource.name().clone(), Some(resource));
        }
        self.changed = changed.into_iter().collect();
        self.fold();
    }

    /// Takes a resource away.
    pub(super) fn remove(&mut self, name: &str) -> Option<Arc<Resource>> {
        let old = self.get(name).cloned()?;
        self.len -= 1;
        if self.in_base(name).is_some() {
            self.change_to(old.name().clone(), None);
        } else if let Ok(at) = self.change(name) {
            self.changed.remove(at);
        }
        Some(old)
    }

    /// Gives up a list of its own for an equal one of another stream, if there is one.
    pub(super) fn share(&mut self, pool: &Pool<Arc<Resource>>) {
        if self.own {
            self.fold();
            self.base = pool.share(&self.base, Arc::ptr_eq);
            self.own = false;
        }
    }

    fn change_to(&mut self, name: Arc<str>, now: Option<Arc<Resource>>) {
        match self.change(&name) {
            Ok(at) => self.changed[at].1 = now,
            Err(at) => self.changed.insert(at, (name, now)),
        }
        if self.changed.len() > FEW {
            self.fold();
        }
    }

    /// Works the changes into a list of its own.
    fn fold(&mut self) {
        if self.changed.is_empty() {
            return;
        }
        let mut base = Vec::with_capacity(self.len);
        let mut changed = std::mem::take(&mut self.changed).into_iter().peekable();
        for resource in self.base.iter() {
            while let Some((_, now)) = changed.next_if(|(name, _)| name < resource.name()) {
                base.extend(now);
            }
            match changed.next_if(|(name, _)| name == resource.name()) {
                Some((_, now)) => base.extend(now),
                None => base.push(resource.clone()),
            }
        }
        base.extend(changed.filter_map(|(_, now)| now));
        self.base = Arc::new(base);
        self.own = true;
    }

    fn change(&self, name: &str) -> Result<usize, usize> {
        self.changed
            .binary_search_by(|(probe, _)| (**probe).cmp(name))
    }

    fn in_base(&self, name: &str) -> Option<&Arc<Resource>> {
        let at = self
            .base
            .binary_search_by(|probe| (**probe.name()).cmp(name));
        at.ok().map(|at| &self.base[at])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::type_url::TypeUrl;

    fn resource(name: u8, version: u8) -> Arc<Resource> {
        let (name, version) = (format!("{name:03}"), version.to_string());
        Arc::new(Resource::new(TypeUrl::EDS, name, version, b""))
    }

    fn listed(known: &Known) -> Vec<(String, String)> {
        let mut all: Vec<_> = known
            .iter()
            .map(|r| (r.name().to_string(), r.version().to_string()))
            .collect();
        all.sort();
        all
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u8, u8),
        InsertNew(Vec<u8>),
        Remove(u8),
        Share,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..60u8, 0..3u8).prop_map(|(name, version)| Step::Insert(name, version)),
            1 => prop::collection::vec(0..60u8, 0..40).prop_map(Step::InsertNew),
            2 => (0..60u8).prop_map(Step::Remove),
            1 => Just(Step::Share),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec(step(), 0..80)) {
            let pool = Pool::default();
            let mut known = Known::default();
            let mut map: BTreeMap<String, Arc<Resource>> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Insert(name, version) => {
                        let resource = resource(name, version);
                        let old = map.insert(resource.name().to_string(), resource.clone());
                        prop_assert_eq!(known.insert(resource), old);
                    }
                    Step::InsertNew(names) => {
                        let mut new: Vec<_> = names.iter().map(|&name| resource(name, 9)).collect();
                        new.sort_by(|a, b| a.name().cmp(b.name()));
                        new.dedup();
                        new.retain(|resource| !map.contains_key(&**resource.name()));
                        map.extend(new.iter().map(|r| (r.name().to_string(), r.clone())));
                        known.insert_new(new);
                    }
                    Step::Remove(name) => {
                        let name = format!("{name:03}");
                        prop_assert_eq!(known.remove(&name), map.remove(&name));
                    }
                    Step::Share => known.share(&pool),
                }
                prop_assert_eq!(known.len(), map.len());
                let expected: Vec<_> = map
                    .iter()
                    .map(|(name, r)| (name.clone(), r.version().to_string()))
                    .collect();
                prop_assert_eq!(listed(&known), expected);
            }
            for name in 0..60u8 {
                let name = format!("{name:03}");
                prop_assert_eq!(known.get(&name), map.get(&name));
            }
        }
    }

    #[test]
    fn streams_that_hold_the_same_share_it_and_few_changes_leave_it_so() {
        let pool = Pool::default();
        let all: Vec<_> = (0..100).map(|name| resource(name, 0)).collect();
        let mut streams: Vec<Known> = (0..3)
            .map(|_| {
                let mut known = Known::default();
                known.insert_new(all.clone());
                known.share(&pool);
                known
            })
            .collect();
        let shared = streams[0].base.clone();
        assert!(
            streams
                .iter()
                .all(|known| Arc::ptr_eq(&known.base, &shared))
        );
        streams[1].insert(resource(7, 1));
        streams[1].share(&pool);
        assert!(Arc::ptr_eq(&streams[1].base, &shared));
        // many changes make a new list, which the next one finds
        let news: Vec<_> = (0..20).map(|name| resource(name, 2)).collect();
        for known in &mut streams {
            for resource in &news {
                known.insert(resource.clone());
            }
            known.share(&pool);
        }
        let shared = &streams[0].base;
        assert!(streams.iter().all(|known| Arc::ptr_eq(&known.base, shared)));
    }
}
