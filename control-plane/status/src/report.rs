//! What one replica tells the others of its proxies.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tulle_model::Str;

use crate::message;
use crate::refusal::{Refusal, RefusalKey};

/// Most bytes of a report: some 20,000 proxies.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Most refusals in a report.
const MOST_REFUSALS: usize = 1000;
/// Most bytes of a refusal's words.
const MOST_WORDS: usize = 2048;

/// Everything that one replica knows of its proxies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaReport {
    /// The replica: its pod's name.
    pub replica: Str,
    /// Which run of the replica: greater after each start, such as the time of it.
    pub epoch: u64,
    /// Counts the reports of a run; a report replaces those with a smaller one.
    pub generation: u64,
    /// What proxies refuse now.
    #[serde(with = "pairs")]
    pub refusals: BTreeMap<RefusalKey, Refusal>,
    /// The connected proxies.
    pub proxies: Vec<ProxyReport>,
    /// The issuer with which the replica signs certificates; empty where it signs none.
    #[serde(default)]
    pub signs: Str,
    /// There was more than a report holds: it proves nothing of proxies that are not in it.
    #[serde(default)]
    pub cut: bool,
}

/// One connected proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyReport {
    /// Its proven name, such as its pod's.
    pub name: Str,
    /// The group whose resources it is served, such as `virtualnode/shop/front`.
    pub scope: Str,
    /// Envoy's version in its own words; empty if it says none.
    pub envoy: Str,
    /// Since when it has been connected.
    #[serde(with = "crate::time")]
    pub since: SystemTime,
    /// What it holds, by the type's short name ([`short_type`]).
    pub types: BTreeMap<Str, TypeReport>,
    /// Versions of trust bundles that it has accepted, by their SDS names.
    pub bundles: BTreeMap<Str, Str>,
}

/// One type of resources of one proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeReport {
    /// Resources that it has accepted.
    pub held: usize,
    /// Resources that it has yet to be sent or to accept.
    pub pending: usize,
    /// Since when there has been something pending.
    #[serde(with = "crate::time::option", default)]
    pub pending_since: Option<SystemTime>,
    /// Resources that it goes without, or with an earlier version of, because it rejected them.
    pub rejected: usize,
    /// Since when.
    #[serde(with = "crate::time::option", default)]
    pub rejected_since: Option<SystemTime>,
}

/// A report that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Too long.
    #[error("a report of {0} bytes; the most is {MOST_BYTES}")]
    TooLong(usize),
    /// Not a report.
    #[error("not a report of a replica")]
    Malformed(#[from] serde_json::Error),
}

impl ReplicaReport {
    /// The report as bytes, bounded: what has no room is left out, and that it is so is said in it.
    ///
    /// # Errors
    /// Not even the names of the proxies have room.
    pub fn encode(&self) -> Result<Vec<u8>, ReportError> {
        let refusals = self.refusals.iter().take(MOST_REFUSALS);
        let refusals = refusals.map(|(key, refusal)| {
            let message = message::cut(&refusal.message, MOST_WORDS).into();
            let refusal = Refusal {
                message,
                ..refusal.clone()
            };
            (key.clone(), refusal)
        });
        let mut report = Self {
            refusals: refusals.collect(),
            cut: self.cut || self.refusals.len() > MOST_REFUSALS,
            ..self.clone()
        };
        let mut bytes = serde_json::to_vec(&report)?;
        while bytes.len() > MOST_BYTES && !report.proxies.is_empty() {
            report.cut = true;
            report.proxies.truncate(report.proxies.len() / 2);
            bytes = serde_json::to_vec(&report)?;
        }
        if bytes.len() > MOST_BYTES {
            return Err(ReportError::TooLong(bytes.len()));
        }
        Ok(bytes)
    }

    /// Reads a report.
    ///
    /// # Errors
    /// Too many bytes, or not a report.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReportError> {
        if bytes.len() > MOST_BYTES {
            return Err(ReportError::TooLong(bytes.len()));
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Whether another report says the same of the proxies. Its generation does not count, nor do points in time that differ
    /// by a hair because they were reckoned from durations.
    pub fn says_the_same(&self, other: &Self) -> bool {
        (&self.replica, self.epoch, &self.signs, self.cut)
            == (&other.replica, other.epoch, &other.signs, other.cut)
            && self.refusals == other.refusals
            && self.proxies.len() == other.proxies.len()
            && self
                .proxies
                .iter()
                .zip(&other.proxies)
                .all(|(a, b)| a.says_the_same(b))
    }
}

impl ProxyReport {
    fn says_the_same(&self, other: &Self) -> bool {
        (&self.name, &self.scope, &self.envoy, &self.bundles)
            == (&other.name, &other.scope, &other.envoy, &other.bundles)
            && close(Some(self.since), Some(other.since))
            && self.types.len() == other.types.len()
            && self.types.iter().zip(&other.types).all(|(a, b)| {
                a.0 == b.0
                    && (a.1.held, a.1.pending, a.1.rejected)
                        == (b.1.held, b.1.pending, b.1.rejected)
                    && close(a.1.pending_since, b.1.pending_since)
                    && close(a.1.rejected_since, b.1.rejected_since)
            })
    }
}

/// Whether two points in time are the same but for rounding.
fn close(a: Option<SystemTime>, b: Option<SystemTime>) -> bool {
    const A_HAIR: Duration = Duration::from_secs(2);
    match (a, b) {
        (Some(a), Some(b)) => a
            .max(b)
            .duration_since(a.min(b))
            .is_ok_and(|gap| gap <= A_HAIR),
        (None, None) => true,
        _ => false,
    }
}

/// The short name of a resource type: `CDS` for clusters, and so on; the message's name for types that have none.
pub fn short_type(type_url: &str) -> &str {
    match type_url.rsplit('.').next().unwrap_or(type_url) {
        "Cluster" => "CDS",
        "Listener" => "LDS",
        "ClusterLoadAssignment" => "EDS",
        "RouteConfiguration" => "RDS",
        "Secret" => "SDS",
        other => other,
    }
}

/// A map with keys that JSON cannot have as such: a list of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::refusal::{Refusal, RefusalKey};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<RefusalKey, Refusal>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<RefusalKey, Refusal>, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
pub(crate) mod tests;
