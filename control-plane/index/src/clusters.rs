//! The clusters of a view: one for each destination and client policy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tulle_model::hash::version_of;
use tulle_model::linked::{ClusterMtls, Destination, Route, ViewCluster};
use tulle_model::policy::{ClientPolicy, MtlsMode};
use tulle_model::traffic::Pool;
use tulle_model::{ObjectId, Str};

use crate::gateway::pool;
use crate::reader::Reader;
use crate::value::Source;
use crate::{mtls, tls};

/// Hexadecimal digits of a suffix.
const SUFFIX: usize = 8;

/// The sources of all that routes lead to.
pub(crate) fn sources(routes: &[Route], reader: &mut Reader<'_>) -> Vec<Arc<Source>> {
    let destinations: BTreeSet<_> = routes.iter().flat_map(Route::destinations).collect();
    let source = |to: &tulle_model::linked::Destination| {
        reader
            .source(&to.workload, to.port)
            .expect("a destination is made from the listener and discovery of its workload")
    };
    destinations.into_iter().map(source).collect()
}

/// Collects what a view's routes lead to.
#[derive(Debug, Default)]
pub(crate) struct Clusters {
    sources: Vec<(Arc<Source>, Option<Arc<ClientPolicy>>)>,
    /// How much may be sent at a time, where anything limits it.
    pools: BTreeMap<Destination, Pool>,
}

impl Clusters {
    /// Adds sources that are called under a policy.
    pub(crate) fn add(&mut self, sources: &[Arc<Source>], policy: Option<&Arc<ClientPolicy>>) {
        let sources = sources.iter();
        self.sources
            .extend(sources.map(|source| (source.clone(), policy.cloned())));
    }

    /// Lets one more caller send so much to a destination at a time.
    pub(crate) fn limit(&mut self, to: &Destination, more: Pool) {
        self.pools
            .entry(to.clone())
            .and_modify(|pool| *pool = pool::sum(*pool, more))
            .or_insert(more);
    }

    /// The clusters, sorted by destination and policy. A destination under several policies keeps its
    /// plain name for the client's default; the others get a suffix from what the policy says, so that
    /// it stays the same whatever else the view holds. `mode` is the client's
    /// own.
    pub(crate) fn finish(
        mut self,
        client: &ObjectId,
        default: Option<&ClientPolicy>,
        mode: MtlsMode,
        reader: &mut Reader<'_>,
    ) -> Arc<Vec<Arc<ViewCluster>>> {
        self.sources
            .sort_by(|(a, of_a), (b, of_b)| (&a.to, of_a).cmp(&(&b.to, of_b)));
        self.sources
            .dedup_by(|(a, of_a), (b, of_b)| a.to == b.to && of_a == of_b);
        let mut clusters = Vec::with_capacity(self.sources.len());
        for calls in self.sources.chunk_by(|(a, _), (b, _)| a.to == b.to) {
            for (source, policy) in calls {
                let policy = policy.as_ref();
                let said = policy.map(|policy| &**policy);
                let plain = calls.len() == 1 || said == default;
                let cluster = ViewCluster {
                    to: source.to.clone(),
                    policy: policy.cloned(),
                    suffix: (!plain).then(|| suffix(said)),
                    origin: source.origin.clone(),
                    discovery: source.discovery.clone(),
                    hostname: source.hostname.clone(),
                    ip: source.ip,
                    pool: self.pool(&source.to),
                    mtls: mtls(client, source, said, mode, reader),
                    tls: tls::client(client, source, said, reader),
                    outlier_detection: source.outlier_detection,
                    health_check: source.health_check.clone(),
                };
                clusters.push(reader.shares().clusters.one(cluster));
            }
        }
        reader.shares().lists.one(clusters)
    }

    fn pool(&self, to: &Destination) -> Option<Pool> {
        let pool = self.pools.get(to).copied();
        pool.filter(|pool| *pool != Pool::default())
    }
}

/// What is secured of itself: neither by the user's own words, nor by a client or a server without
/// certificates.
fn mtls(
    client: &ObjectId,
    source: &Source,
    policy: Option<&ClientPolicy>,
    mode: MtlsMode,
    reader: &mut Reader<'_>,
) -> Option<ClusterMtls> {
    let covering = policy.and_then(|policy| policy.tls.as_ref());
    let covering = covering.filter(|tls| tls.covers(source.to.port));
    // With TLS that is enforced nothing goes in plaintext.
    if source.strict && !covering.is_some_and(|tls| tls.enforce) {
        mtls::check_call(client, source, covering.is_some(), mode, reader);
    }
    let said = covering.is_some() || source.tls.is_some();
    if said || mode == MtlsMode::Off || source.identities.is_empty() {
        return None;
    }
    Some(ClusterMtls {
        identities: source.identities.to_vec(),
    })
}

fn suffix(policy: Option<&ClientPolicy>) -> Str {
    let hash = version_of(&policy);
    format!("_{}", &hash[..SUFFIX.min(hash.len())]).into()
}
