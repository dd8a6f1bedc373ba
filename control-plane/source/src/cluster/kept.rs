//! The objects of one kind: a pure state machine from what a watch tells to changes. It holds hashes, not objects.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::value::RawValue;
use tulle_crds::{Kind, ObjectKey};

use super::letter::{Content, Turn};
use super::reading::{self, Reading};
use super::records::Records;
use super::slot::Slot;
use super::watch::version_of;
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
    held: BTreeMap<Slot, Held>,
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
    uid: u64,
    list: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    content: Content,
    generation: Option<i64>,
}

impl Held {
    /// Whether this is what was read the last time, and was good.
    fn is(&self, uid: u64, said: Said) -> bool {
        self.uid == uid && self.problems.is_empty() && self.said == Some(said)
    }
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

    /// An object is so. Its version, if that can be read, and what has changed by it.
    pub(super) fn put(&mut self, text: &RawValue) -> (Option<String>, Option<(ObjectKey, Turn)>) {
        // A flaw of ours that one object brings to light must not stop the others.
        let Ok(read) = catch_unwind(AssertUnwindSafe(|| reading::read(self.kind, text))) else {
            tracing::error!(kind = %self.kind, "an object cannot be read by a mistake in Tulle: it stays as it was");
            self.still_there(text);
            return (version_of(text), None);
        };
        match read {
            Ok(mut reading) => (reading.version.take(), self.take(reading)),
            Err(error) => {
                tracing::error!(kind = %self.kind, %error, "an object without a name is passed over");
                (None, None)
            }
        }
    }

    /// What is held of an object that is listed, and cannot be read, is not taken for gone.
    fn still_there(&mut self, text: &RawValue) {
        if let Ok((slot, _)) = reading::name(self.kind, text)
            && let Some(held) = self.held.get_mut(&slot)
        {
            held.list = self.list;
        }
    }

    fn take(&mut self, reading: Reading) -> Option<(ObjectKey, Turn)> {
        let Reading {
            slot,
            uid,
            record,
            pruned,
            ..
        } = reading;
        let generation = record.as_ref().and_then(|record| record.generation);
        if let Some(record) = record {
            self.records.put(self.kind, &slot, record);
        }
        let said = |content| Said {
            content,
            generation,
        };
        // Most of what an API server tells is nobody's business here: it is not even decoded.
        if let Ok((_, content)) = &pruned
            && let Some(held) = self.held.get_mut(&slot)
            && held.is(uid, said(*content))
        {
            held.list = self.list;
            return None;
        }
        let key = slot.key(self.kind);
        let observed = reading::observe(&key, pruned, generation);
        let held = self.held.get(&slot);
        let had_problems = held.is_some_and(|held| !held.problems.is_empty());
        let told = held.and_then(|held| held.said);
        // The last good version of an object that is gone is not this one's.
        let known = held.filter(|held| held.uid == uid).and(told);
        let (said, now, problems) = match observed {
            Ok((observed, content)) => (Some(said(content)), Some((observed, content)), Vec::new()),
            Err(problems) => (known, None, problems),
        };
        self.problems_changed |= had_problems || !problems.is_empty();
        let change = (said != told).then(|| {
            let turn = Turn {
                before: told.map(|told| told.content),
                now: now.map(|(observed, content)| (Arc::new(observed), content)),
            };
            (key, turn)
        });
        let held = Held {
            said,
            problems,
            uid,
            list: self.list,
        };
        self.held.insert(slot, held);
        change
    }

    /// An object is gone.
    pub(super) fn remove(&mut self, text: &RawValue) -> Option<(ObjectKey, Turn)> {
        let (slot, _) = reading::name(self.kind, text).ok()?;
        let held = self.held.remove(&slot)?;
        self.gone(&slot, &held)
    }

    /// The list is complete: what it did not hold is gone.
    pub(super) fn complete(&mut self) -> Vec<(ObjectKey, Turn)> {
        let list = self.list;
        let gone: Vec<_> = self
            .held
            .extract_if(.., |_, held| held.list != list)
            .collect();
        gone.into_iter()
            .filter_map(|(slot, held)| self.gone(&slot, &held))
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

    fn gone(&mut self, slot: &Slot, held: &Held) -> Option<(ObjectKey, Turn)> {
        self.problems_changed |= !held.problems.is_empty();
        self.records.remove(self.kind, slot);
        let before = Some(held.said?.content);
        Some((slot.key(self.kind), Turn { before, now: None }))
    }
}
