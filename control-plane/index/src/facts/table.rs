//! Tables of fragments that remember what a batch changed.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, RangeBounds};
use std::sync::Arc;

use tulle_model::ObjectId;
use tulle_model::fragment::Translated;

use super::part::Part;
use crate::few::Few;

/// An object of the input.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: ObjectId,
    pub(crate) translated: Arc<Translated>,
}

/// A fragment, held where its object holds it.
pub(crate) struct Held<T> {
    entry: Arc<Entry>,
    at: usize,
    part: PhantomData<fn() -> T>,
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self {
            entry: self.entry.clone(),
            at: self.at,
            part: PhantomData,
        }
    }
}

impl<T> Held<T> {
    /// The object that holds it.
    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }
}

impl<T: Part> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        T::part(&self.entry.translated.fragments[self.at])
            .expect("a row is made from a fragment of its own kind")
    }
}

impl<T: Part> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entry, &other.entry) && self.at == other.at
            || self.entry.id == other.entry.id && **self == **other
    }
}

impl<T> fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.entry.id, self.at)
    }
}

/// Fragments of one kind by key. Where several objects declare the same thing the first object by
/// group, kind, namespace and name counts, whatever the order of arrival.
#[derive(Debug)]
pub(crate) struct Table<T: Part> {
    rows: BTreeMap<T::Key, Few<Held<T>>>,
    before: BTreeMap<T::Key, Few<Held<T>>>,
}

/// What a batch did under one key; `before` and `after` differ.
#[derive(Debug)]
pub(crate) struct Change<T: Part> {
    pub(crate) key: T::Key,
    pub(crate) before: Few<Held<T>>,
    pub(crate) after: Few<Held<T>>,
}

impl<T: Part> Default for Table<T> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            before: BTreeMap::new(),
        }
    }
}

impl<T: Part> Table<T> {
    /// The fragment that counts under a key.
    pub(crate) fn get(&self, key: &T::Key) -> Option<Held<T>> {
        self.rows(key).first().cloned()
    }

    /// Every fragment under a key, the one that counts first.
    pub(crate) fn rows(&self, key: &T::Key) -> &[Held<T>] {
        self.rows.get(key).map_or(&[], |rows| rows)
    }

    /// The objects that declare something under a key.
    pub(crate) fn objects(&self, key: &T::Key) -> Vec<&ObjectId> {
        self.rows(key).iter().map(|row| &row.entry.id).collect()
    }

    /// The fragments that count, by key.
    pub(crate) fn range(
        &self,
        range: impl RangeBounds<T::Key>,
    ) -> impl Iterator<Item = (&T::Key, &Held<T>)> {
        self.rows
            .range(range)
            .filter_map(|(key, rows)| Some((key, rows.first()?)))
    }

    /// The fragments that count, by key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&T::Key, &Held<T>)> {
        self.range(..)
    }

    pub(super) fn edit(&mut self, part: &T, entry: &Arc<Entry>, at: usize, add: bool) {
        let key = part.key();
        let rows = self.rows.entry(key.clone()).or_default();
        self.before
            .entry(key.clone())
            .or_insert_with(|| rows.clone());
        if add {
            let place = rows.partition_point(|row| (&row.entry.id, row.at) < (&entry.id, at));
            let row = Held {
                entry: entry.clone(),
                at,
                part: PhantomData,
            };
            rows.insert_at(place, row);
        } else {
            while let Some(place) = rows.iter().position(|row| row.entry.id == entry.id) {
                rows.remove_at(place);
            }
            if rows.is_empty() {
                self.rows.remove(&key);
            }
        }
    }

    /// What changed since the last call.
    pub(super) fn changes(&mut self) -> Vec<Change<T>> {
        std::mem::take(&mut self.before)
            .into_iter()
            .map(|(key, before)| {
                let after = self.rows.get(&key).cloned().unwrap_or_default();
                Change { key, before, after }
            })
            .filter(|change| change.before != change.after)
            .collect()
    }
}
