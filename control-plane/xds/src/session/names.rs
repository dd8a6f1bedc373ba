//! A set of names, as small as it can be: thousands of streams hold thousands of names.

use std::sync::Arc;

/// Sorted, shared names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameSet {
    names: Vec<Arc<str>>,
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
            self.names.insert(at, name.clone());
            return;
        }
        if !added.is_empty() {
            self.names.append(&mut added);
            self.names.sort();
            self.names.shrink_to_fit();
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let at = self.position(name);
        if let Ok(at) = at {
            self.bytes -= name.len();
            self.names.remove(at);
        }
        at.is_ok()
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
