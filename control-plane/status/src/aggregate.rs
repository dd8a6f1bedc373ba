//! What all replicas say together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tulle_model::{ObjectId, Str};

use crate::refusal::{Refusal, RefusalKey, Refused};
use crate::report::{ReplicaReport, short_type};
use crate::table::{ProxyRow, ProxyStatus};

/// How long refusals outlive the stream that told of them: the same replica dials again, or its proxies go to another, which
/// hears the same from them. Statuses would go back and forth otherwise.
const KEPT: Duration = Duration::from_secs(15);

/// The newest report of each replica whose stream is there, and the refusals of those whose stream has just ended. A plain
/// value of one owner.
#[derive(Debug, Default, Clone)]
pub struct Aggregate {
    replicas: BTreeMap<Str, Arc<ReplicaReport>>,
    /// Reports of runs that are not heard any more; only their refusals count.
    ended: BTreeMap<Str, Ended>,
}

#[derive(Debug, Clone)]
struct Ended {
    report: Arc<ReplicaReport>,
    until: Instant,
}

impl Aggregate {
    /// Takes a report in. Returns whether it says anything new; one that is older than what is known says nothing.
    pub fn merge(&mut self, report: Arc<ReplicaReport>) -> bool {
        let known = self.replicas.get(&report.replica);
        let order = |report: &ReplicaReport| (report.epoch, report.generation);
        if known.is_some_and(|known| order(known) > order(&report)) {
            return false;
        }
        let news = known.is_none_or(|known| !known.says_the_same(&report));
        let replica = report.replica.clone();
        let epoch = report.epoch;
        if let Some(before) = self.replicas.insert(replica.clone(), report)
            && before.epoch != epoch
        {
            self.keep(before);
        }
        // What the same run says now is all that it has to say.
        let same_run = |ended: &Ended| ended.report.epoch == epoch;
        let replaced =
            self.ended.get(&replica).is_some_and(same_run) && self.ended.remove(&replica).is_some();
        news || replaced
    }

    /// A replica's stream has ended: what that run of it said of its proxies holds no more, what they refuse for a while yet.
    /// Returns whether that changes anything.
    pub fn end(&mut self, replica: &str, epoch: u64) -> bool {
        let same_run = |report: &Arc<ReplicaReport>| report.epoch == epoch;
        if !self.replicas.get(replica).is_some_and(same_run) {
            return false;
        }
        self.replicas
            .remove(replica)
            .inspect(|report| self.keep(report.clone()))
            .is_some()
    }

    fn keep(&mut self, report: Arc<ReplicaReport>) {
        if !report.refusals.is_empty() {
            let until = Instant::now() + KEPT;
            self.ended
                .insert(report.replica.clone(), Ended { report, until });
        }
    }

    /// When refusals that are only kept are to be forgotten ([`Aggregate::expire`]); `None` where there are none.
    pub fn expiry(&self) -> Option<Instant> {
        self.ended.values().map(|ended| ended.until).min()
    }

    /// Forgets the refusals that have been kept for long enough. Returns whether there were any.
    pub fn expire(&mut self) -> bool {
        let now = Instant::now();
        let before = self.ended.len();
        self.ended.retain(|_, ended| ended.until > now);
        self.ended.len() != before
    }

    /// The replicas that are heard.
    pub fn replicas(&self) -> impl Iterator<Item = &Arc<ReplicaReport>> {
        self.replicas.values()
    }

    /// Every refusal once, those that are only kept included, with its earliest time; where proxies say different things of one resource, one of them.
    pub fn refusals(&self) -> BTreeMap<&RefusalKey, &Refusal> {
        let mut all: BTreeMap<&RefusalKey, &Refusal> = BTreeMap::new();
        let kept = self.ended.values().map(|ended| &ended.report);
        let reports = self.replicas.values().chain(kept);
        for (key, refusal) in reports.flat_map(|report| &report.refusals) {
            let earliest = all.entry(key).or_insert(refusal);
            if (refusal.since, &refusal.message) < (earliest.since, &earliest.message) {
                *earliest = refusal;
            }
        }
        all
    }

    /// All refusals by the objects that they are about, for [`crate::Board::set_refused`].
    pub fn refused(&self) -> BTreeMap<ObjectId, Vec<Refused>> {
        let mut by_object: BTreeMap<ObjectId, Vec<Refused>> = BTreeMap::new();
        for (key, refusal) in self.refusals() {
            for object in BTreeSet::from_iter(&refusal.objects) {
                by_object.entry(object.clone()).or_default().push(Refused {
                    key: key.clone(),
                    message: refusal.message.clone(),
                });
            }
        }
        by_object
    }

    /// Every proxy and every refusal, as `tulle proxy status` shows them.
    pub fn proxy_status(&self) -> ProxyStatus {
        let mut proxies: Vec<ProxyRow> = self
            .replicas
            .values()
            .flat_map(|report| {
                let row = |proxy: &_| ProxyRow {
                    replica: report.replica.clone(),
                    proxy: Clone::clone(proxy),
                };
                report.proxies.iter().map(row)
            })
            .collect();
        proxies.sort_by(|a, b| {
            let key =
                |row: &ProxyRow| (row.proxy.name.clone(), row.replica.clone(), row.proxy.since);
            key(a).cmp(&key(b))
        });
        let refusals = self.refusals().into_iter().map(|(key, refusal)| {
            let key = RefusalKey {
                type_url: short_type(&key.type_url).into(),
                ..key.clone()
            };
            (key, refusal.clone())
        });
        ProxyStatus {
            refusals: refusals.collect(),
            proxies,
        }
    }
}

#[cfg(test)]
mod tests;
