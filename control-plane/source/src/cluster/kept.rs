//! The objects of one kind: a pure state machine from what a watch tells to changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use tulle_crds::{Kind, ObjectKey};

use super::reading::{self, Reading};
use super::records::Records;
use crate::change::{Change, Observed};
use crate::problem::Problem;

/// The objects of one kind, as they were told last.
///
/// - What says the same as before is no change, wherever it comes from: so a list that is read
///   again changes only what has changed meanwhile, and takes away what it does not hold when it is
///   complete, not before.
/// - An object that its kind's definition rejects keeps its last good version until it is gone.
#[derive(Debug)]
pub(super) struct Kept {
    kind: Kind,
    records: Arc<Records>,
    held: BTreeMap<ObjectKey, Held>,
    /// Counts the lists; what the last one did not hold has an older number.
    list: u64,
    problems_changed: bool,
}

#[derive(Debug)]
struct Held {
    /// The last good version, if there was one.
    observed: Option<Arc<Observed>>,
    /// What is wrong with the version of now.
    problems: Vec<Problem>,
    /// A hash of the uid.
    uid: u128,
    list: u64,
}

impl Kept {
    pub(super) fn new(kind: Kind, records: Arc<Records>) -> Self {
        Self {
            kind,
            records,
            held: BTreeMap::new(),
            list: 0,
            problems_changed: false,
        }
    }

    /// A list of all objects begins.
    pub(super) fn begin(&mut self) {
        self.list += 1;
    }

    /// An object is so.
    pub(super) fn put(&mut self, text: &RawValue) -> Option<Change> {
        let reading = match reading::read(self.kind, text) {
            Ok(reading) => reading,
            Err(error) => {
                tracing::error!(kind = %self.kind, %error, "an object without a name is passed over");
                return None;
            }
        };
        let Reading {
            key,
            uid,
            record,
            observed,
        } = reading;
        if let Some(record) = record {
            self.records.put(&key, record);
        }
        let before = self.held.remove(&key);
        let had_problems = before
            .as_ref()
            .is_some_and(|held| !held.problems.is_empty());
        // The last good version of an object that is gone is not this one's.
        let known = before
            .as_ref()
            .filter(|held| held.uid == uid)
            .and_then(|held| held.observed.clone());
        let told = before.and_then(|held| held.observed);
        let (observed, problems) = match observed {
            Ok(observed) => match &told {
                Some(told)
                    if told.says_the_same(&observed) && told.generation == observed.generation =>
                {
                    (Some(Arc::clone(told)), Vec::new())
                }
                _ => (Some(Arc::new(observed)), Vec::new()),
            },
            Err(problems) => (known, problems),
        };
        self.problems_changed |= had_problems || !problems.is_empty();
        let same = match (&told, &observed) {
            (Some(told), Some(observed)) => Arc::ptr_eq(told, observed),
            (None, None) => true,
            _ => false,
        };
        let change = (!same).then(|| Change {
            key: key.clone(),
            object: observed.clone(),
        });
        let held = Held {
            observed,
            problems,
            uid,
            list: self.list,
        };
        self.held.insert(key, held);
        change
    }

    /// An object is gone.
    pub(super) fn remove(&mut self, text: &RawValue) -> Option<Change> {
        let (key, _) = reading::name(self.kind, text).ok()?;
        let held = self.held.remove(&key)?;
        self.gone(key, &held)
    }

    /// The list is complete: what it did not hold is gone.
    pub(super) fn complete(&mut self) -> Vec<Change> {
        let list = self.list;
        let gone: Vec<_> = self
            .held
            .extract_if(.., |_, held| held.list != list)
            .collect();
        gone.into_iter()
            .filter_map(|(key, held)| self.gone(key, &held))
            .collect()
    }

    /// Everything that is wrong with objects of this kind, if that has changed since it was asked
    /// for last.
    pub(super) fn problems(&mut self) -> Option<Vec<Problem>> {
        if !std::mem::take(&mut self.problems_changed) {
            return None;
        }
        let problems = self.held.values().flat_map(|held| &held.problems);
        Some(problems.cloned().collect())
    }

    fn gone(&mut self, key: ObjectKey, held: &Held) -> Option<Change> {
        self.problems_changed |= !held.problems.is_empty();
        self.records.remove(&key);
        held.observed.as_ref()?;
        Some(Change { key, object: None })
    }
}
