//! What all replicas say together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tulle_model::{ObjectId, Str};

use crate::refusal::{Refusal, RefusalKey, Refused};
use crate::report::{ReplicaReport, short_type};
use crate::table::{ProxyRow, ProxyStatus};

/// The newest report of each replica whose stream is there. A plain value of one owner.
#[derive(Debug, Default, Clone)]
pub struct Aggregate {
    replicas: BTreeMap<Str, Arc<ReplicaReport>>,
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
        self.replicas.insert(report.replica.clone(), report);
        news
    }

    /// A replica's stream has ended: what that run of it said holds no more. Returns whether that changes anything.
    pub fn end(&mut self, replica: &str, epoch: u64) -> bool {
        let same_run = |report: &Arc<ReplicaReport>| report.epoch == epoch;
        self.replicas.get(replica).is_some_and(same_run) && self.replicas.remove(replica).is_some()
    }

    /// The replicas that are heard.
    pub fn replicas(&self) -> impl Iterator<Item = &Arc<ReplicaReport>> {
        self.replicas.values()
    }

    /// Every refusal once, with its earliest time; where proxies say different things of one resource, one of them.
    pub fn refusals(&self) -> BTreeMap<&RefusalKey, &Refusal> {
        let mut all: BTreeMap<&RefusalKey, &Refusal> = BTreeMap::new();
        for (key, refusal) in self.replicas.values().flat_map(|report| &report.refusals) {
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
