//! What the proxies of all replicas hold and refuse: this replica's own report, and those of the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tulle_envoy::secrets::{CERTIFICATE, ROOTS};
use tulle_identity::{AuthoritySource, ClusterAuthority, Evidence, Generation};
use tulle_model::ObjectId;
use tulle_runtime::lease::Leadership;
use tulle_status::{Aggregate, Ledger, Refused, ReplicaReport};
use tulle_xds::{PeerCalls, Server};

use crate::wire::report::replica_report;

use super::super::Control;
use super::super::follow::publish;
use super::super::pods::Pods;

/// Encoding takes no more than one part in so many of the time.
const COST: u32 = 10;

/// All reports. Written by the mesh's task and by peers' streams.
pub(in crate::wire::cluster) struct Reports {
    replica: Arc<str>,
    epoch: u64,
    generation: AtomicU64,
    aggregate: Mutex<Aggregate>,
    /// The replica, and its run, whose reports come on a stream.
    streams: Mutex<BTreeMap<u64, (Arc<str>, u64)>>,
    /// This replica's newest report that says anything new.
    newest: watch::Sender<Option<Arc<ReplicaReport>>>,
    /// The same as bytes while another leads; empty else.
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
            newest: watch::Sender::new(None),
            encoded: watch::Sender::new(Bytes::new()),
            control,
            authority,
            news: Notify::new(),
        })
    }

    /// This replica's reports as bytes; empty before the first and while no other leads.
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
        if news {
            self.newest.send_replace(Some(report));
            self.news.notify_waiters();
        }
        news
    }

    /// When refusals of replicas that are not heard any more are to be forgotten.
    pub(super) fn expiry(&self) -> Option<Instant> {
        self.aggregate.lock().expiry()
    }

    /// Forgets those whose time has come. Whether there were any.
    pub(super) fn expire(&self) -> bool {
        self.aggregate.lock().expire()
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
        let (replica, epoch) = {
            let mut streams = self.streams.lock();
            let Some(ended) = streams.remove(&stream) else {
                return;
            };
            // After a break the replica dials anew, long before the end of its former stream is noticed.
            if streams.values().any(|other| *other == ended) {
                return;
            }
            ended
        };
        if self.aggregate.lock().end(&replica, epoch) {
            self.tell();
        }
    }
}

/// Makes bytes of this replica's reports while another leads, away from the task that makes them.
pub(super) async fn encode(reports: Arc<Reports>, mut leadership: watch::Receiver<Leadership>) {
    let mut newest = reports.newest.subscribe();
    let mut encoded = None;
    loop {
        let another = leadership
            .borrow_and_update()
            .holder()
            .is_some_and(|holder| *holder != *reports.replica);
        let report = newest.borrow_and_update().clone().filter(|_| another);
        let number = report.as_ref().map(|report| report.generation);
        let started = Instant::now();
        match report {
            // Leadership is renewed all the time.
            Some(_) if number == encoded => {}
            Some(report) => match tokio::task::spawn_blocking(move || report.encode()).await {
                Ok(Ok(bytes)) => {
                    reports.encoded.send_replace(bytes.into());
                }
                Ok(Err(error)) => tracing::error!(%error, "the report to the leader"),
                Err(error) => tracing::error!(%error, "the report to the leader"),
            },
            // What it says now must not be the first that a later leader hears.
            None => {
                let nothing = |bytes: &mut Bytes| !std::mem::take(bytes).is_empty();
                reports.encoded.send_if_modified(nothing);
            }
        }
        encoded = number;
        // A large one is made the less often.
        tokio::time::sleep(started.elapsed() * COST).await;
        tokio::select! {
            changed = newest.changed() => if changed.is_err() { return },
            changed = leadership.changed() => if changed.is_err() { return },
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
            publish(&evidence, now);
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

fn sum(reports: &Reports, pods: &Pods, own: &(Arc<str>, Arc<str>)) -> Evidence {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_late_end_of_a_former_stream_does_not_silence_the_new_one() {
        let (_secret, secrets) = watch::channel(None);
        let authority = ClusterAuthority::follow("cluster.local".parse().unwrap(), secrets);
        let (control, _controls) = mpsc::channel(1);
        let reports = Reports::new("tulle-a".into(), control, authority);
        let report = ReplicaReport {
            replica: "tulle-b".into(),
            epoch: 1,
            generation: 1,
            refusals: BTreeMap::new(),
            proxies: Vec::new(),
            signs: Default::default(),
            cut: false,
        };
        let peer: Arc<str> = "tulle-system/tulle-b@uid".into();
        let heard = || reports.aggregate.lock().replicas().count();
        for stream in [1, 2] {
            reports.heard(&peer, stream, report.encode().unwrap().into());
        }
        reports.left(&peer, 1);
        assert_eq!(heard(), 1);
        reports.left(&peer, 2);
        assert_eq!(heard(), 0);
    }
}
