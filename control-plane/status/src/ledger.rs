//! The current state of the report, and what is new in it.

use std::collections::{BTreeMap, BTreeSet};

use tulle_model::Finding;

use crate::refusal::{Refusal, RefusalKey};

/// Current findings and refusals.
#[derive(Debug, Default)]
pub struct Ledger {
    findings: BTreeSet<Finding>,
    refusals: BTreeMap<RefusalKey, Refusal>,
}

/// What changed between two states of the findings.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Findings that were not there before.
    pub appeared: Vec<Finding>,
    /// Findings that are gone.
    pub mended: Vec<Finding>,
}

impl Ledger {
    /// Replaces all findings and tells the difference.
    pub fn set_findings(&mut self, findings: BTreeSet<Finding>) -> News {
        let news = News {
            appeared: findings.difference(&self.findings).cloned().collect(),
            mended: self.findings.difference(&findings).cloned().collect(),
        };
        self.findings = findings;
        news
    }

    /// The current findings, by severity, then by object.
    pub fn findings(&self) -> Vec<Finding> {
        let mut all: Vec<Finding> = self.findings.iter().cloned().collect();
        all.sort_by(|a, b| {
            (b.severity, &a.object, &a.field).cmp(&(a.severity, &b.object, &b.field))
        });
        all
    }

    /// Notes a refusal. Returns true if it is news; the first `since` is kept.
    pub fn refuse(&mut self, key: RefusalKey, refusal: Refusal) -> bool {
        match self.refusals.get_mut(&key) {
            Some(known) if known.message == refusal.message && known.objects == refusal.objects => {
                false
            }
            Some(known) => {
                let since = known.since;
                *known = Refusal { since, ..refusal };
                true
            }
            None => {
                self.refusals.insert(key, refusal);
                true
            }
        }
    }

    /// The resource has new content or is gone: an older refusal of it says nothing any more.
    pub fn clear(&mut self, key: &RefusalKey) -> Option<Refusal> {
        self.refusals.remove(key)
    }

    /// Forgets the refusals of a group of proxies that is gone.
    pub fn clear_scope(&mut self, scope: &str) {
        self.refusals.retain(|key, _| &*key.scope != scope);
    }

    /// The current refusals.
    pub fn refusals(&self) -> &BTreeMap<RefusalKey, Refusal> {
        &self.refusals
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use tulle_model::{ObjectId, Severity, codes};

    use super::*;

    fn finding(name: &str) -> Finding {
        let object = ObjectId::new("appmesh.k8s.aws", "VirtualRouter", "shop", name);
        Finding::new(
            Severity::Error,
            codes::DANGLING_REFERENCE,
            &object,
            "spec",
            "nobody there",
        )
    }

    #[test]
    fn only_differences_are_news() {
        let mut ledger = Ledger::default();
        let first = ledger.set_findings([finding("a"), finding("b")].into());
        assert_eq!((first.appeared.len(), first.mended.len()), (2, 0));
        let second = ledger.set_findings([finding("b"), finding("c")].into());
        assert_eq!(
            second,
            News {
                appeared: vec![finding("c")],
                mended: vec![finding("a")]
            }
        );
        assert_eq!(
            ledger.set_findings([finding("b"), finding("c")].into()),
            News::default()
        );
    }

    #[test]
    fn a_repeated_refusal_is_no_news_and_keeps_its_time() {
        let mut ledger = Ledger::default();
        let key = RefusalKey {
            scope: "s".into(),
            type_url: "t".into(),
            name: "n".into(),
        };
        let refusal = |message: &str, since| Refusal {
            message: message.into(),
            objects: vec![],
            since,
        };
        assert!(ledger.refuse(key.clone(), refusal("bad", SystemTime::UNIX_EPOCH)));
        assert!(!ledger.refuse(key.clone(), refusal("bad", SystemTime::now())));
        assert!(ledger.refuse(key.clone(), refusal("worse", SystemTime::now())));
        assert_eq!(ledger.refusals()[&key].since, SystemTime::UNIX_EPOCH);
        ledger.clear_scope("s");
        assert!(ledger.refusals().is_empty());
    }
}
