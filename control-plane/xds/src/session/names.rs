//! A set of names, as small as it can be: thousands of streams hold thousands of names.

use std::sync::Arc;

use crate::pool::Pool;

/// Sorted, shared names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameSet {
    names: Arc<Vec<Arc<str>>>,
    bytes: usize,
}

impl NameSet {
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.position(name).is_ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The length of all names together.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.iter()
    }

    /// Adds all; cheap for one and for very many.
    pub(crate) fn extend(&mut self, names: impl IntoIterator<Item = Arc<str>>) {
        let mut added: Vec<Arc<str>> = names
            .into_iter()
            .filter(|name| !self.contains(name))
            .collect();
        added.sort();
        added.dedup();
        self.bytes += added.iter().map(|name| name.len()).sum::<usize>();
        if let [name] = added.as_slice()
            && let Err(at) = self.position(name)
        {
            Arc::make_mut(&mut self.names).insert(at, name.clone());
            return;
        }
        if !added.is_empty() {
            let names = Arc::make_mut(&mut self.names);
            names.append(&mut added);
            names.sort();
            names.shrink_to_fit();
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let at = self.position(name);
        if let Ok(at) = at {
            self.bytes -= name.len();
            Arc::make_mut(&mut self.names).remove(at);
        }
        at.is_ok()
    }

    /// Gives up its own list for an equal one of many scopes (`layer`) or of another stream, if there is one.
    pub(crate) fn share(&mut self, layer: &Arc<Vec<Arc<str>>>, pool: &Pool<Arc<str>>) {
        // who shares it already does so with those in the pool
        if Arc::strong_count(&self.names) > 1 || Arc::weak_count(&self.names) > 0 {
            return;
        }
        self.names = match self.names == *layer {
            true => layer.clone(),
            false => pool.share(&self.names, |a, b| a == b),
        };
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.names.binary_search_by(|probe| (**probe).cmp(name))
    }
}

impl FromIterator<Arc<str>> for NameSet {
    fn from_iter<I: IntoIterator<Item = Arc<str>>>(names: I) -> Self {
        let mut set = Self::default();
        set.extend(names);
        set
    }
}
