//! Resources that many scopes hold alike: held once, and exchanged one by one without a look at the others.

use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

use crate::contents::Change;
use crate::resource::Resource;
use crate::type_url::TypeUrl;

/// How many resources lie together: as many pointers are copied when one of them is exchanged.
const CHUNK: usize = 32;

/// Resources of some types, each name of a type once. A clone is as cheap as a few pointers, and is not changed with the
/// original.
#[derive(Clone, Debug, Default)]
pub struct Layer(Vec<(TypeUrl, Arc<Sorted>)>);

/// The resources of one type.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// Sorted.
    names: Arc<Vec<Arc<str>>>,
    /// The resources in the order of their names, [`CHUNK`] in each but the last.
    chunks: Vec<Arc<[Arc<Resource>]>>,
    /// Types that any of them requires, or one before it did.
    requires: Vec<TypeUrl>,
}

/// A resource before and now; `None` is not there.
pub(crate) type Difference<'a> = (Option<&'a Arc<Resource>>, Option<&'a Arc<Resource>>);

impl Layer {
    /// A layer of these resources. Of two of one type and name the first counts.
    pub fn new(resources: impl IntoIterator<Item = Arc<Resource>>) -> Self {
        let mut types: Vec<(TypeUrl, Vec<Arc<Resource>>)> = Vec::new();
        for resource in resources {
            let url = resource.type_url();
            match types.iter_mut().find(|(known, _)| *known == url) {
                Some((_, of_type)) => of_type.push(resource),
                None => types.push((url, vec![resource])),
            }
        }
        let types = types.into_iter();
        Self(
            types
                .map(|(url, of_type)| (url, Arc::new(Sorted::new(of_type))))
                .collect(),
        )
    }

    /// The resource of that name.
    pub fn get(&self, type_url: TypeUrl, name: &str) -> Option<&Arc<Resource>> {
        self.of(type_url)?.get(name)
    }

    /// All, by type, each type's by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.0.iter().flat_map(|(_, of_type)| of_type.iter())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|(_, of_type)| of_type.names.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, of_type)| of_type.names.is_empty())
    }

    /// Puts a resource in place of the one of its type and name. Where there is none it changes nothing.
    pub fn exchange(&mut self, resource: Arc<Resource>) {
        let url = resource.type_url();
        if let Some((_, of_type)) = self.0.iter_mut().find(|(known, _)| *known == url)
            && let Some(place) = of_type.place(resource.name())
        {
            *of_type = Arc::new(of_type.with(place, resource));
        }
    }

    /// What has to be done to a scope that holds `before` so that it holds this.
    pub fn changes_since(&self, before: &Self) -> Vec<Change> {
        let none = Sorted::none();
        let mut changes = Vec::new();
        for (url, now) in &self.0 {
            for difference in now.since(before.of(*url).unwrap_or(&none)) {
                changes.extend(change(difference));
            }
        }
        for (_, before) in before.0.iter().filter(|(url, _)| self.of(*url).is_none()) {
            changes.extend(none.since(before).into_iter().filter_map(change));
        }
        changes
    }

    pub(crate) fn of(&self, type_url: TypeUrl) -> Option<&Arc<Sorted>> {
        self.0
            .iter()
            .find_map(|(url, of_type)| (*url == type_url).then_some(of_type))
    }
}

fn change(difference: Difference<'_>) -> Option<Change> {
    match difference {
        (_, Some(now)) => Some(Change::Put(now.clone())),
        (Some(before), None) => Some(Change::Remove(before.type_url(), before.name().clone())),
        (None, None) => None,
    }
}

impl Sorted {
    /// The one without resources.
    pub(crate) fn none() -> Arc<Self> {
        static NONE: LazyLock<Arc<Sorted>> = LazyLock::new(Arc::default);
        NONE.clone()
    }

    fn new(mut resources: Vec<Arc<Resource>>) -> Self {
        resources.sort_by(|a, b| a.name().cmp(b.name()));
        resources.dedup_by(|later, first| later.name() == first.name());
        let names = resources.iter().map(|resource| resource.name().clone());
        let mut requires: Vec<TypeUrl> = resources
            .iter()
            .flat_map(|resource| resource.requires())
            .map(|(url, _)| *url)
            .collect();
        requires.sort();
        requires.dedup();
        requires.shrink_to_fit();
        Self {
            names: Arc::new(names.collect()),
            chunks: resources.chunks(CHUNK).map(Arc::from).collect(),
            requires,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Resource>> {
        let place = self.place(name)?;
        Some(&self.chunks[place / CHUNK][place % CHUNK])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    pub(crate) fn names(&self) -> &Arc<Vec<Arc<str>>> {
        &self.names
    }

    pub(crate) fn requires(&self) -> &[TypeUrl] {
        &self.requires
    }

    /// What is other than it was before.
    pub(crate) fn since<'a>(&'a self, before: &'a Self) -> Vec<Difference<'a>> {
        if Arc::ptr_eq(&self.names, &before.names) {
            let chunks = before.chunks.iter().zip(&self.chunks);
            return chunks
                .filter(|(before, now)| !Arc::ptr_eq(before, now))
                .flat_map(|(before, now)| before.iter().zip(now.iter()))
                .filter(|(before, now)| before.version() != now.version())
                .map(|(before, now)| (Some(before), Some(now)))
                .collect();
        }
        let (mut before, mut now) = (before.iter().peekable(), self.iter().peekable());
        let mut differences = Vec::new();
        loop {
            let order = match (before.peek(), now.peek()) {
                (None, None) => return differences,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(before), Some(now)) if Arc::ptr_eq(before, now) => Ordering::Equal,
                (Some(before), Some(now)) => before.name().cmp(now.name()),
            };
            let difference = (
                order.is_le().then(|| before.next()).flatten(),
                order.is_ge().then(|| now.next()).flatten(),
            );
            match difference {
                (Some(before), Some(now))
                    if Arc::ptr_eq(before, now) || before.version() == now.version() => {}
                difference => differences.push(difference),
            }
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.names
            .binary_search_by(|probe| (**probe).cmp(name))
            .ok()
    }

    /// The same with another resource of that name in its place.
    fn with(&self, place: usize, resource: Arc<Resource>) -> Self {
        let mut requires = self.requires.clone();
        for (url, _) in resource.requires() {
            if !requires.contains(url) {
                requires.push(*url);
            }
        }
        let mut chunks = self.chunks.clone();
        let mut chunk = chunks[place / CHUNK].to_vec();
        chunk[place % CHUNK] = resource;
        chunks[place / CHUNK] = chunk.into();
        Self {
            names: self.names.clone(),
            chunks,
            requires,
        }
    }
}

#[cfg(test)]
mod tests;
