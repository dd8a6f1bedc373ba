//! Resources by name, most of them in a list that is shared with other streams, or with scopes.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::layer::Sorted;
use crate::pool::Pool;
use crate::resource::Resource;

/// A set of resources.
#[derive(Debug, Default)]
pub(super) struct Known {
    base: Base,
    /// What is other than in `base`.
    changed: Changed,
    len: usize,
    /// `base` was made by this stream and not yet offered to others.
    own: bool,
}

/// Names and what is there, sorted; `None` is not there.
type Changed = Vec<(Arc<str>, Option<Arc<Resource>>)>;

/// Resources sorted by name.
#[derive(Clone, Debug)]
enum Base {
    /// As streams of one scope hold them.
    List(Arc<Vec<Arc<Resource>>>),
    /// As many scopes hold them.
    Layer(Arc<Sorted>),
}

impl Default for Base {
    fn default() -> Self {
        Self::Layer(Sorted::none())
    }
}

impl Base {
    fn get(&self, name: &str) -> Option<&Arc<Resource>> {
        match self {
            Self::List(list) => {
                let at = list.binary_search_by(|probe| (**probe.name()).cmp(name));
                at.ok().map(|at| &list[at])
            }
            Self::Layer(layer) => layer.get(name),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        let (list, layer) = match self {
            Self::List(list) => (Some(list), None),
            Self::Layer(layer) => (None, Some(layer)),
        };
        let layer = layer.into_iter().flat_map(|layer| layer.iter());
        list.into_iter().flat_map(|list| list.iter()).chain(layer)
    }

    fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// What is other in a list than in a layer, if it is not much.
fn few_differences(list: &[Arc<Resource>], layer: &Sorted) -> Option<Changed> {
    let (mut list, mut layer) = (list.iter().peekable(), layer.iter().peekable());
    let mut differences = Vec::new();
    while differences.len() <= FEW {
        let order = match (list.peek(), layer.peek()) {
            (None, None) => return Some(differences),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(own), Some(theirs)) if Arc::ptr_eq(own, theirs) => Ordering::Equal,
            (Some(own), Some(theirs)) => own.name().cmp(theirs.name()),
        };
        let own = order.is_le().then(|| list.next()).flatten();
        let theirs = order.is_ge().then(|| layer.next()).flatten();
        match (own, theirs) {
            (Some(own), Some(theirs)) if Arc::ptr_eq(own, theirs) => {}
            (Some(own), _) => differences.push((own.name().clone(), Some(own.clone()))),
            (None, Some(theirs)) => differences.push((theirs.name().clone(), None)),
            (None, None) => {}
        }
    }
    None
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
            Err(_) => self.base.get(name),
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
            self.base = Base::List(Arc::new(resources));
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
        if self.base.get(name).is_some() {
            self.change_to(old.name().clone(), None);
        } else if let Ok(at) = self.change(name) {
            self.changed.remove(at);
        }
        Some(old)
    }

    /// Gives up a list of its own for what its scope and others hold, if it is much the same, or for an equal one of another
    /// stream, if there is one.
    pub(super) fn share(&mut self, layer: &Arc<Sorted>, pool: &Pool<Arc<Resource>>) {
        if !std::mem::take(&mut self.own) {
            return;
        }
        self.fold();
        let Base::List(list) = &self.base else {
            return;
        };
        let near = (!layer.names().is_empty()).then(|| few_differences(list, layer));
        match near.flatten() {
            Some(changed) => {
                self.changed = changed;
                self.base = Base::Layer(layer.clone());
            }
            None => self.base = Base::List(pool.share(list, Arc::ptr_eq)),
        }
        self.own = false;
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
        self.base = Base::List(Arc::new(base));
        self.own = true;
    }

    fn change(&self, name: &str) -> Result<usize, usize> {
        self.changed
            .binary_search_by(|(probe, _)| (**probe).cmp(name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::layer::Layer;
    use crate::type_url::TypeUrl;

    fn resource(name: u8, version: u8) -> Arc<Resource> {
        let (name, version) = (format!("{name:03}"), version.to_string());
        Arc::new(Resource::new(TypeUrl::EDS, name, version, b""))
    }

    fn list(known: &Known) -> &Arc<Vec<Arc<Resource>>> {
        match &known.base {
            Base::List(list) => list,
            Base::Layer(_) => panic!("a layer"),
        }
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
        /// With a layer of what is held but for these, and others of these.
        ShareLayer(Vec<u8>),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..60u8, 0..3u8).prop_map(|(name, version)| Step::Insert(name, version)),
            1 => prop::collection::vec(0..60u8, 0..40).prop_map(Step::InsertNew),
            2 => (0..60u8).prop_map(Step::Remove),
            1 => Just(Step::Share),
            1 => prop::collection::vec(0..60u8, 0..10).prop_map(Step::ShareLayer),
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
                    Step::Share => known.share(&Sorted::none(), &pool),
                    Step::ShareLayer(names) => {
                        let other: Vec<_> = names.iter().map(|&name| resource(name, 7)).collect();
                        let layer = Layer::new(other.into_iter().chain(map.values().cloned()));
                        if let Some(layer) = layer.of(TypeUrl::EDS) {
                            known.share(layer, &pool);
                        }
                    }
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
                known.share(&Sorted::none(), &pool);
                known
            })
            .collect();
        let shared = list(&streams[0]).clone();
        let is_shared = |known: &Known, shared: &Arc<Vec<_>>| Arc::ptr_eq(list(known), shared);
        assert!(streams.iter().all(|known| is_shared(known, &shared)));
        streams[1].insert(resource(7, 1));
        streams[1].share(&Sorted::none(), &pool);
        assert!(is_shared(&streams[1], &shared));
        // many changes make a new list, which the next one finds
        let news: Vec<_> = (0..20).map(|name| resource(name, 2)).collect();
        for known in &mut streams {
            for resource in &news {
                known.insert(resource.clone());
            }
            known.share(&Sorted::none(), &pool);
        }
        let shared = list(&streams[0]);
        assert!(streams.iter().all(|known| is_shared(known, shared)));
    }

    #[test]
    fn what_many_scopes_hold_is_held_as_they_do_and_what_is_other_beside_it() {
        let pool = Pool::default();
        let all: Vec<_> = (0..100).map(|name| resource(name, 0)).collect();
        let layer = Layer::new(all.iter().cloned());
        let layer = layer.of(TypeUrl::EDS).unwrap();
        let mut known = Known::default();
        let own = [resource(200, 0), resource(7, 1)];
        known.insert_new(all[8..].iter().cloned().chain(own).collect());
        known.share(layer, &pool);
        assert!(matches!(&known.base, Base::Layer(base) if Arc::ptr_eq(base, layer)));
        // one is its own, one is another, seven are not there
        assert_eq!((known.changed.len(), known.len()), (9, 94));
        assert_eq!(&**known.get("007").unwrap().version(), "1");
        assert!(known.get("200").is_some() && known.get("006").is_none());
    }
}
