//! What the proxies of all replicas hold and refuse: this replica's own report, and those of the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use tulle_envoy::secrets::{CERTIFICATE, ROOTS};
use tulle_identity::{AuthoritySource, ClusterAuthority, Evidence, Generation};
use tulle_model::ObjectId;
use tulle_runtime::lease::Leadership;
use tulle_status::{Aggregate, Ledger, Refused, ReplicaReport};
use tulle_xds::{PeerCalls, Server};

use crate::wire::report::replica_report;

use super::super::Control;
use super::super::pods::Pods;

/// All reports. Written by the mesh's task and by peers' streams.
pub(in crate::wire::cluster) struct Reports {
    replica: Arc<str>,
    epoch: u64,
    generation: AtomicU64,
    aggregate: Mutex<Aggregate>,
    /// The replica, and its run, whose reports come on a stream.
    streams: Mutex<BTreeMap<u64, (Arc<str>, u64)>>,
    encoded: watch::Sender<Bytes>,
    control: mpsc::Sender<Control>,
    authority: Arc<ClusterAuthority>,
    news: Notify,
}

impl Reports {
    pub(super) fn new(
        replica: Arc<str>,
        control: mpsc::Sender<Control>,
        authority: Arc<ClusterAuthority>,
    ) -> Arc<Self> {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Arc::new(Self {
            replica,
            epoch: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            generation: AtomicU64::new(0),
            aggregate: Mutex::default(),
            streams: Mutex::default(),
            encoded: watch::Sender::new(Bytes::new()),
            control,
            authority,
            news: Notify::new(),
        })
    }

    /// This replica's reports as bytes; empty before the first.
    pub(in crate::wire::cluster) fn encoded(&self) -> watch::Receiver<Bytes> {
        self.encoded.subscribe()
    }

    /// Makes this replica's report anew. Whether it says anything new.
    pub(super) fn own(&self, server: &Server, ledger: &Ledger) -> bool {
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        let mut report = replica_report(&self.replica, server, ledger);
        (report.epoch, report.generation) = (self.epoch, generation);
        if let Some(snapshot) = self.authority.snapshot() {
            report.signs = snapshot.issuer().generation().as_str().into();
        }
        let report = Arc::new(report);
        let news = self.aggregate.lock().merge(report.clone());
        if news || self.encoded.borrow().is_empty() {
            match report.encode() {
                Ok(bytes) => {
                    self.encoded.send_replace(bytes.into());
                }
                Err(error) => tracing::error!(%error, "the report to the leader"),
            }
            self.news.notify_waiters();
        }
        news
    }

    /// All refusals, by object.
    pub(super) fn refused(&self) -> BTreeMap<ObjectId, Vec<Refused>> {
        self.aggregate.lock().refused()
    }

    fn tell(&self) {
        self.news.notify_waiters();
        // A full door: word of this is on its way already.
        let _ = self.control.try_send(Control::Status);
    }
}

impl PeerCalls for Reports {
    fn heard(&self, peer: &Arc<str>, stream: u64, report: Bytes) {
        let report = match ReplicaReport::decode(&report) {
            Ok(report) => Arc::new(report),
            Err(error) => {
                tracing::warn!(%peer, %error, "a replica's report");
                return;
            }
        };
        // A replica speaks for itself alone: its caller's name begins with its pod's.
        let named = peer
            .split_once('/')
            .and_then(|(_, pod)| pod.split_once('@'));
        if named.is_none_or(|(pod, _)| *pod != *report.replica) {
            tracing::warn!(%peer, replica = %report.replica, "a replica reports for another");
            return;
        }
        self.streams
            .lock()
            .insert(stream, (report.replica.clone(), report.epoch));
        if self.aggregate.lock().merge(report) {
            self.tell();
        }
    }

    fn left(&self, _: &Arc<str>, stream: u64) {
        let Some((replica, epoch)) = self.streams.lock().remove(&stream) else {
            return;
        };
        if self.aggregate.lock().end(&replica, epoch) {
            self.tell();
        }
    }
}

/// Sums up for the keeper of the certificate authority what proxies hold.
pub(super) async fn evidence(
    reports: Arc<Reports>,
    pods: Arc<Pods>,
    own: (Arc<str>, Arc<str>),
    evidence: watch::Sender<Evidence>,
    leadership: watch::Receiver<Leadership>,
) {
    loop {
        if leadership.borrow().is_leader() {
            let now = sum(&reports, &pods, &own);
            evidence.send_if_modified(|held| {
                let news = *held != now;
                if news {
                    *held = now;
                }
                news
            });
        }
        tokio::select! {
            () = reports.news.notified() => tokio::time::sleep(Duration::from_millis(200)).await,
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
        if evidence.is_closed() {
            return;
        }
    }
}

fn sum(
    reports: &Reports,
    pods: &Pods,
    own: &(Arc<str>, Arc<str>),
) -> Evidence {
    let expected = pods.running_as(&own.0, &own.1);
    let aggregate = reports.aggregate.lock();
    let heard: BTreeMap<_, _> = aggregate
        .replicas()
        .map(|report| (report.replica.clone(), report))
        .collect();
    let mut sum = Evidence {
        complete: expected
            .iter()
            .all(|replica| heard.get(replica).is_some_and(|report| !report.cut)),
        ..Evidence::default()
    };
    for report in heard.values() {
        sum.issuers.extend(report.signs.parse::<Generation>().ok());
    }
    for proxy in heard.values().flat_map(|report| &report.proxies) {
        sum.bundles.extend(proxy.bundles.get(ROOTS).cloned());
        let issuer = proxy
            .bundles
            .get(CERTIFICATE)
            .and_then(|version| version.split('.').next())
            .and_then(|issuer| issuer.parse::<Generation>().ok());
        sum.issuers.extend(issuer);
    }
    sum
}
