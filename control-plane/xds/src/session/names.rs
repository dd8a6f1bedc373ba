//! A set of names, as small as it can be: thousands of streams hold thousands of names.

use std::sync::Arc;

/// Sorted, shared names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameSet(Vec<Arc<str>>);

impl NameSet {
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.position(name).is_ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter()
    }

    /// Adds all; cheap for one and for very many.
    pub(crate) fn extend(&mut self, names: impl IntoIterator<Item = Arc<str>>) {
        let mut added: Vec<Arc<str>> = names
            .into_iter()
            .filter(|name| !self.contains(name))
            .collect();
        if let [name] = added.as_slice()
            && let Err(at) = self.position(name)
        {
            self.0.insert(at, name.clone());
            return;
        }
        if !added.is_empty() {
            self.0.append(&mut added);
            self.0.sort();
            self.0.dedup();
            self.0.shrink_to_fit();
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let at = self.position(name);
        if let Ok(at) = at {
            self.0.remove(at);
        }
        at.is_ok()
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|probe| (**probe).cmp(name))
    }
}

impl FromIterator<Arc<str>> for NameSet {
    fn from_iter<I: IntoIterator<Item = Arc<str>>>(names: I) -> Self {
        let mut set = Self::default();
        set.extend(names);
        set
    }
}
