//! Proxies against the floor, over loopback.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::fleet::Proxies;
use super::*;
use crate::clock;
use crate::floor::{Event, Listening, Server, Speaks};
use crate::wire::{dump, synthetic};

struct Bed {
    folder: tempfile::TempDir,
    server: Arc<Server>,
    fleet: Fleet,
    proxies: Proxies,
}

const PATIENCE: Duration = Duration::from_secs(20);
const SERVICES: usize = 40;

fn file_of_proxies(folder: &Path, count: usize) -> PathBuf {
    let lines: String = (0..count)
        .map(|at| format!("{{\"id\":\"p{at}\",\"token\":\"t{at}\",\"metadata\":{{\"N\":{at}}}}}\n"))
        .collect();
    let path = folder.join("proxies");
    std::fs::write(&path, lines).unwrap();
    path
}

impl Bed {
    async fn new(count: usize, transport: Transport, tls: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca");
        let speaks = if transport == Transport::Raw {
            Speaks::Raw
        } else {
            Speaks::Ads
        };
        let resources = synthetic::resources(SERVICES, 3);
        let any = "127.0.0.1:0".parse().unwrap();
        let floor = Listening::new(resources, speaks, any, tls.then_some(ca.as_path())).unwrap();
        let proxies = file_of_proxies(folder.path(), count);
        let mut fleet = Fleet::new(floor.ready().unwrap().address, proxies, count);
        fleet.transport = transport;
        fleet.backoff_ms = (10, 50);
        fleet.tls = tls.then(|| Tls {
            ca,
            name: "localhost".to_owned(),
            resume: true,
        });
        let server = floor.server.clone();
        tokio::spawn(floor.accept());
        Self {
            folder,
            server,
            fleet,
            proxies: Proxies::default(),
        }
    }

    async fn start(&mut self) -> u64 {
        let t0 = self.proxies.start(&self.fleet).unwrap();
        self.all_complete(t0).await;
        t0
    }

    async fn all_complete(&self, t0: u64) {
        let count = self.fleet.count;
        let complete = self.proxies.complete(count, PATIENCE).await;
        assert_eq!(
            complete.complete.len(),
            count,
            "{:?}",
            self.proxies.report()
        );
        assert!(complete.connected[0] >= t0 && complete.last_after(t0).unwrap() < PATIENCE);
    }

    fn event(&self, kind: Kind, streams: usize) -> u64 {
        let name = String::new();
        self.server
            .event(&Event {
                kind,
                name,
                streams,
            })
            .unwrap()
    }

    async fn seen(&self, watch: WatchId, count: usize) -> Seen {
        self.proxies.seen(watch, count, PATIENCE).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transport_to_complete_with_tls_and_without() {
    for transport in [Transport::Delta, Transport::Sotw, Transport::Raw] {
        for tls in [false, true] {
            let mut bed = Bed::new(20, transport, tls).await;
            bed.start().await;
            let report = bed.proxies.report();
            assert_eq!((report.connected, report.complete), (20, 20));
            assert_eq!(report.refused.len(), 0);
            let total = report.total();
            assert_eq!(
                total.resources,
                20 * (2 * SERVICES as u64 + 2),
                "{transport:?}"
            );
            assert_eq!((total.messages, total.acks, total.removed), (80, 80, 0));
            assert_eq!(report.messages_each, [4, 4, 4]);
            assert_eq!(report.held[&Kind::Eds].0, SERVICES as u64);
            let held: u64 = report.held.values().map(|(_, bytes)| bytes).sum();
            assert_eq!(total.resource_bytes, 20 * held);
            assert!(total.message_bytes > total.resource_bytes);
            assert!(
                report.wire.read > total.message_bytes,
                "{transport:?} {tls}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_reaches_those_it_concerns() {
    for transport in [Transport::Delta, Transport::Sotw, Transport::Raw] {
        let mut bed = Bed::new(20, transport, true).await;
        bed.start().await;
        let address = synthetic::address(0, 1);
        let watch = bed
            .proxies
            .watch(Watch::new(Kind::Eds, "svc-0.", With::Address(address)));
        let never = bed
            .proxies
            .watch(Watch::new(Kind::Eds, "svc-0.", With::Removed));
        let t0 = bed.event(Kind::Eds, 7);
        let seen = bed.seen(watch, 7).await;
        assert_eq!((seen.acks.len(), seen.messages), (7, 7));
        assert_eq!(seen.others, Others::default());
        assert!(seen.since <= t0 && seen.acks[0] > t0 && seen.after(t0).is_sorted());
        let seen = bed
            .proxies
            .seen(never, 1, Duration::from_millis(1))
            .await
            .unwrap();
        assert_eq!(seen.acks.len(), 0);
        assert_eq!(
            seen.others,
            Others {
                proxies: 7,
                messages: 7
            }
        );
        assert!(bed.proxies.seen(never, 1, PATIENCE).await.is_err());
        let routes = bed
            .proxies
            .watch(Watch::new(Kind::Rds, "outbound", With::Any));
        bed.event(Kind::Rds, 20);
        assert_eq!(bed.seen(routes, 20).await.acks.len(), 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_warm_is_sent_nothing_and_cold_everything() {
    for transport in [Transport::Delta, Transport::Sotw] {
        let mut bed = Bed::new(10, transport, true).await;
        bed.start().await;
        let watch = bed
            .proxies
            .watch(Watch::new(Kind::Eds, "svc-0.", With::Any));
        bed.event(Kind::Eds, 10);
        bed.seen(watch, 10).await;
        let before = bed.proxies.report();
        bed.proxies.disconnect().await.unwrap();
        assert_eq!(bed.proxies.report().connected, 0);
        let t0 = bed.proxies.reconnect(true).await.unwrap();
        bed.all_complete(t0).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let warm = bed.proxies.report().since(&before);
        assert_eq!((warm.connected, warm.total().messages), (10, 0));
        assert!(warm.wire.written > 0);
        let t0 = bed.proxies.reconnect(false).await.unwrap();
        bed.all_complete(t0).await;
        let cold = bed.proxies.report().since(&before);
        assert_eq!(cold.total().resources, before.total().resources - 10);
        assert_eq!(cold.refused.len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stuck_proxies_are_silent_until_they_go_on() {
    for how in [Stuck::Socket, Stuck::Window, Stuck::Ack] {
        let mut bed = Bed::new(10, Transport::Delta, true).await;
        bed.start().await;
        assert_eq!(bed.proxies.stick(Some((4, how))), 4);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let acks = bed.proxies.report().kinds[&Kind::Eds].acks;
        let watch = bed
            .proxies
            .watch(Watch::new(Kind::Eds, "svc-0.", With::Any));
        bed.event(Kind::Eds, 10);
        let patience = Duration::from_secs(1);
        let seen = bed.proxies.seen(watch, 10, patience).await.unwrap();
        assert_eq!(seen.acks.len(), 6, "{how:?}");
        assert_eq!(
            bed.proxies.report().kinds[&Kind::Eds].acks,
            acks + 6,
            "{how:?}"
        );
        let watch = bed
            .proxies
            .watch(Watch::new(Kind::Eds, "svc-0.", With::Any));
        bed.proxies.stick(None);
        bed.event(Kind::Eds, 10);
        assert_eq!(bed.seen(watch, 10).await.acks.len(), 10, "{how:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_plane_that_comes_late_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut fleet = Fleet::new(address, file_of_proxies(folder.path(), 3), 3);
    fleet.backoff_ms = (5, 20);
    fleet.dialing = 1;
    let mut proxies = Proxies::default();
    proxies.start(&fleet).unwrap();
    let none = proxies.complete(1, Duration::from_millis(100)).await;
    assert!(none.complete.is_empty() && none.connected.is_empty());
    let refused = proxies.report().refused;
    assert!(refused.keys().all(|cause| cause.starts_with("connect:")) && !refused.is_empty());
    let floor = Listening::new(synthetic::resources(2, 1), Speaks::Ads, address, None);
    tokio::spawn(floor.unwrap().accept());
    assert_eq!(proxies.complete(3, PATIENCE).await.complete.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_is_what_is_served() {
    let mut bed = Bed::new(1, Transport::Delta, false).await;
    bed.fleet.keep = true;
    bed.start().await;
    let path = bed.folder.path().join("dump");
    assert_eq!(bed.proxies.dump(&path).unwrap(), 2 * SERVICES + 2);
    let mut expected = synthetic::resources(SERVICES, 3);
    expected.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    assert_eq!(dump::read(&path).unwrap(), expected);
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_of_proxies(folder.path(), 2);
    let mut proxies = Proxies::default();
    let target = "127.0.0.1:1".parse().unwrap();
    let mut fleet = Fleet::new(target, path.clone(), 3);
    let error = proxies.start(&fleet).unwrap_err().to_string();
    assert!(
        error.contains("has 2 proxies from line 1, not 3"),
        "{error}"
    );
    fleet.count = 1;
    fleet.tls = Some(Tls {
        ca: path.clone(),
        ..Tls::default()
    });
    let error = proxies.start(&fleet).unwrap_err().to_string();
    assert!(error.contains("no certificate in it"), "{error}");
    std::fs::write(&path, "{}\n").unwrap();
    fleet.tls = None;
    let error = format!("{:#}", proxies.start(&fleet).unwrap_err());
    assert!(error.contains("line 1: missing field `id`"), "{error}");
    assert!(proxies.dump(&path).is_err());
    assert!(clock::now() > 0);
}
