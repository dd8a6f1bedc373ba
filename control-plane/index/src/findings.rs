//! All findings, counted: two nodes may find the same, and it stays until neither does.

use std::collections::BTreeMap;

use tulle_model::{Finding, ObjectId};

/// The findings that hold now, by object, each once.
#[derive(Debug, Default)]
pub(crate) struct FindingSet {
    counts: BTreeMap<ObjectId, BTreeMap<Finding, usize>>,
    /// Findings that this batch touched, and whether they held before.
    before: BTreeMap<Finding, bool>,
}

impl FindingSet {
    /// Exchanges what one finder found for what it finds now.
    pub(crate) fn replace(&mut self, old: &[Finding], new: &[Finding]) {
        for finding in old {
            self.remember(finding);
            if let Some(counts) = self.counts.get_mut(&finding.object) {
                if let Some(count) = counts.get_mut(finding) {
                    *count -= 1;
                    if *count == 0 {
                        counts.remove(finding);
                    }
                }
                if counts.is_empty() {
                    self.counts.remove(&finding.object);
                }
            }
        }
        for finding in new {
            self.remember(finding);
            let counts = self.counts.entry(finding.object.clone()).or_default();
            *counts.entry(finding.clone()).or_default() += 1;
        }
    }

    fn remember(&mut self, finding: &Finding) {
        if !self.before.contains_key(finding) {
            self.before.insert(finding.clone(), self.holds(finding));
        }
    }

    fn holds(&self, finding: &Finding) -> bool {
        let counts = self.counts.get(&finding.object);
        counts.is_some_and(|counts| counts.contains_key(finding))
    }

    /// Whether anything differs from what it was at the last call.
    pub(crate) fn changed(&mut self) -> bool {
        std::mem::take(&mut self.before)
            .iter()
            .any(|(finding, before)| self.holds(finding) != *before)
    }

    /// Every finding, sorted by object.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.counts.values().flat_map(BTreeMap::keys)
    }

    /// The findings on one object, sorted.
    pub(crate) fn of(&self, object: &ObjectId) -> impl Iterator<Item = &Finding> {
        self.counts.get(object).into_iter().flat_map(BTreeMap::keys)
    }
}
