//! What this replica's proxies hold and refuse, as a report.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tulle_envoy::secrets::{CERTIFICATE, ROOTS};
use tulle_status::{Ledger, ProxyReport, ReplicaReport, TypeReport, short_type};
use tulle_xds::{Server, StreamView, TypeUrl};

/// The report of now, without a number.
pub(super) fn replica_report(
    replica: &Arc<str>,
    server: &Server,
    ledger: &Ledger,
) -> ReplicaReport {
    let mut bundles: BTreeMap<_, BTreeMap<Arc<str>, Arc<str>>> = BTreeMap::new();
    for name in [ROOTS, CERTIFICATE] {
        for (stream, _, version) in server.accepted(TypeUrl::SDS, name) {
            if let Some(version) = version {
                bundles
                    .entry(stream)
                    .or_default()
                    .insert(name.into(), version);
            }
        }
    }
    let now = SystemTime::now();
    let streams = server.snapshot().streams;
    let proxies = streams.into_iter().map(|stream| {
        let bundles = bundles.remove(&stream.id).unwrap_or_default();
        proxy(stream, bundles, now)
    });
    ReplicaReport {
        replica: replica.clone(),
        epoch: 0,
        generation: 0,
        proxies: proxies.collect(),
        refusals: ledger.refusals().clone(),
        signs: Default::default(),
        cut: false,
    }
}

fn proxy(
    stream: StreamView,
    bundles: BTreeMap<Arc<str>, Arc<str>>,
    now: SystemTime,
) -> ProxyReport {
    let before = |millis: u64| rounded(now - Duration::from_millis(millis));
    let types = stream.types.iter().map(|of| {
        let waiting = of.held_back.iter().map(|held| held.for_ms);
        let pending_ms = waiting.chain(of.in_flight_ms).max();
        let report = TypeReport {
            held: of.held,
            pending: of.pending,
            pending_since: pending_ms.filter(|_| of.pending > 0).map(before),
            rejected: of.withheld.len(),
            rejected_since: of
                .last_nack
                .as_ref()
                .filter(|_| !of.withheld.is_empty())
                .map(|nack| before(nack.ago_ms)),
        };
        (short_type(of.type_url.as_str()).into(), report)
    });
    ProxyReport {
        types: types.collect(),
        name: stream.caller,
        scope: stream.scope.as_str().into(),
        envoy: stream.client.into(),
        since: before(stream.connected_ms),
        bundles,
    }
}

/// Whole seconds: times reckoned from durations would differ by a hair each time.
fn rounded(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs((since.as_millis() as u64 + 500) / 1000)
}
