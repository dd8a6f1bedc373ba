//! The objects of one kind: a pure state machine from what a watch tells to changes. It holds hashes, not objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use tulle_crds::{Kind, ObjectKey};

use super::letter::{Content, Turn};
use super::reading::{self, Reading};
use super::records::Records;
use crate::problem::Problem;

/// The objects of one kind, as they were told last.
///
/// - What says the same as before is no change, wherever it comes from: so a list that is read
///   again changes only what has changed meanwhile, and takes away what it does not hold when it is
///   complete, not before.
/// - An object that its kind's definition rejects stays as its last good version was until it is gone.
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
    said: Option<Said>,
    /// What is wrong with the version of now.
    problems: Vec<Problem>,
    /// A hash of the uid.
    uid: u128,
    list: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    content: Content,
    generation: Option<i64>,
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
    pub(super) fn put(&mut self, text: &RawValue) -> Option<(ObjectKey, Turn)> {
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
        let held = self.held.get(&key);
        let had_problems = held.is_some_and(|held| !held.problems.is_empty());
        let told = held.and_then(|held| held.said);
        // The last good version of an object that is gone is not this one's.
        let known = held.filter(|held| held.uid == uid).and(told);
        let (said, now, problems) = match observed {
            Ok(observed) => {
                let content = Content::of(&observed);
                let said = Said {
                    content,
                    generation: observed.generation,
                };
                (Some(said), Some((observed, content)), Vec::new())
            }
            Err(problems) => (known, None, problems),
        };
        self.problems_changed |= had_problems || !problems.is_empty();
        let change = (said != told).then(|| {
            let turn = Turn {
                before: told.map(|told| told.content),
                now: now.map(|(observed, content)| (Arc::new(observed), content)),
            };
            (key.clone(), turn)
        });
        let held = Held {
            said,
            problems,
            uid,
            list: self.list,
        };
        self.held.insert(key, held);
        change
    }

    /// An object is gone.
    pub(super) fn remove(&mut self, text: &RawValue) -> Option<(ObjectKey, Turn)> {
        let (key, _) = reading::name(self.kind, text).ok()?;
        let held = self.held.remove(&key)?;
        self.gone(key, &held)
    }

    /// The list is complete: what it did not hold is gone.
    pub(super) fn complete(&mut self) -> Vec<(ObjectKey, Turn)> {
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

    fn gone(&mut self, key: ObjectKey, held: &Held) -> Option<(ObjectKey, Turn)> {
        self.problems_changed |= !held.problems.is_empty();
        self.records.remove(&key);
        let before = Some(held.said?.content);
        Some((key, Turn { before, now: None }))
    }
}
