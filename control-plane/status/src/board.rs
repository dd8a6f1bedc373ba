//! The statuses that all objects should have, kept up to date as findings, refusals and names change.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tulle_model::{Finding, ObjectId};

use crate::arn::ArnSpace;
use crate::desired::{AppMeshStatus, desired};
use crate::facts::Facts;
use crate::kind::is_app_mesh;
use crate::refusal::Refused;

/// What is known of all objects, and what has been given out of it. A plain value of one owner.
#[derive(Debug, Default)]
pub struct Board {
    space: ArnSpace,
    objects: BTreeMap<ObjectId, Object>,
    findings: BTreeMap<ObjectId, Vec<Finding>>,
    problems: BTreeMap<ObjectId, Vec<Finding>>,
    refused: BTreeMap<ObjectId, Vec<Refused>>,
    touched: BTreeSet<ObjectId>,
    /// Hashes of it: the writer holds what was said.
    given: BTreeMap<ObjectId, u64>,
}

#[derive(Debug, Default, PartialEq)]
struct Object {
    generation: Option<i64>,
    facts: Option<Facts>,
}

impl Board {
    /// A board with nothing on it.
    pub fn new(space: ArnSpace) -> Self {
        Self {
            space,
            ..Self::default()
        }
    }

    /// Exchanges region and account.
    pub fn set_space(&mut self, space: ArnSpace) {
        if self.space != space {
            self.space = space;
            self.touched.extend(self.objects.keys().cloned());
        }
    }

    /// An App Mesh object is there, in force in this generation, with these names. Has to be told of every change of any of
    /// them. Objects of other kinds count as there as long as there is something to say on them.
    pub fn observe(&mut self, object: &ObjectId, generation: Option<i64>, facts: Option<Facts>) {
        let now = Object { generation, facts };
        if self.objects.get(object) != Some(&now) {
            self.objects.insert(object.clone(), now);
            self.touched.insert(object.clone());
        }
    }

    /// An object is gone.
    pub fn forget(&mut self, object: &ObjectId) {
        if self.objects.remove(object).is_some() {
            self.touched.insert(object.clone());
        }
    }

    /// Replaces all findings.
    pub fn set_findings(&mut self, findings: impl IntoIterator<Item = Finding>) {
        let now = by_object(findings);
        differing(&self.findings, &now, &mut self.touched);
        self.findings = now;
    }

    /// Replaces all that is wrong with objects as they are written, so that they have not come as far as findings.
    pub fn set_problems(&mut self, problems: impl IntoIterator<Item = Finding>) {
        let now = by_object(problems);
        differing(&self.problems, &now, &mut self.touched);
        self.problems = now;
    }

    /// Replaces all refusals, those of other replicas' proxies included ([`crate::Aggregate::refused`]).
    pub fn set_refused(&mut self, refused: BTreeMap<ObjectId, Vec<Refused>>) {
        differing(&self.refused, &refused, &mut self.touched);
        self.refused = refused;
    }

    /// What is to be said anew since the last call, for the [`crate::Writer`]'s mailbox; `None`: nothing any more.
    pub fn changes(&mut self) -> Vec<(ObjectId, Option<Arc<AppMeshStatus>>)> {
        self.some_changes(usize::MAX)
    }

    /// Whether there may be any.
    pub fn has_changes(&self) -> bool {
        !self.touched.is_empty()
    }

    /// As [`Board::changes`], of at most so many objects; the rest is for the next call.
    pub fn some_changes(&mut self, most: usize) -> Vec<(ObjectId, Option<Arc<AppMeshStatus>>)> {
        let mut changes = Vec::new();
        for _ in 0..most {
            let Some(object) = self.touched.pop_first() else {
                break;
            };
            let known = match self.objects.get(&object) {
                None if is_app_mesh(&object) => None,
                known => Some(known),
            };
            let now = known.and_then(|known| {
                let all = [&self.problems, &self.findings].map(|all| all.get(&object));
                let findings: Vec<Finding> = all.into_iter().flatten().flatten().cloned().collect();
                desired(
                    &object,
                    known.and_then(|known| known.generation),
                    known.and_then(|known| known.facts.as_ref()),
                    &findings,
                    self.refused.get(&object).map_or(&[], Vec::as_slice),
                    &self.space,
                )
            });
            let before = match &now {
                Some(status) => self.given.insert(object.clone(), hash(status)),
                None => self.given.remove(&object),
            };
            if before != now.as_ref().map(hash) {
                changes.push((object, now.map(Arc::new)));
            }
        }
        changes
    }
}

fn hash(status: &AppMeshStatus) -> u64 {
    let mut hasher = DefaultHasher::new();
    status.hash(&mut hasher);
    hasher.finish()
}

fn by_object(findings: impl IntoIterator<Item = Finding>) -> BTreeMap<ObjectId, Vec<Finding>> {
    let mut all: BTreeMap<ObjectId, Vec<Finding>> = BTreeMap::new();
    for finding in findings {
        all.entry(finding.object.clone()).or_default().push(finding);
    }
    all
}

/// Adds the keys whose values differ.
fn differing<V: PartialEq>(
    old: &BTreeMap<ObjectId, V>,
    new: &BTreeMap<ObjectId, V>,
    into: &mut BTreeSet<ObjectId>,
) {
    let changed = new
        .iter()
        .filter(|(key, value)| old.get(*key) != Some(*value));
    into.extend(changed.map(|(key, _)| key.clone()));
    into.extend(old.keys().filter(|key| !new.contains_key(*key)).cloned());
}

#[cfg(test)]
mod tests;
