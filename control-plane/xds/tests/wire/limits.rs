//! Clients that are slow, stuck or hostile.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tulle_xds::{ServerSettings, TypeUrl};

use crate::bed::{Bed, start};
use crate::client::{Connection, DELTA, names, tls, tls_config};

const RESOURCE_EXHAUSTED: u16 = 8;
const UNAVAILABLE: u16 = 14;

fn short(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

async fn serves(bed: &Bed) {
    let mut connection = Connection::open(bed).await;
    let mut call = connection.stream_as(DELTA, "group/two").await;
    call.ask(TypeUrl::CDS, &[]);
    assert!(!call.delta().await.resources.is_empty());
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_cut() {
    let bed = start(ServerSettings {
        handshake_timeout: short(300),
        ..ServerSettings::default()
    })
    .await;
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    let mut silent = TcpStream::connect(bed.address).await.unwrap();
    let mut slow = TcpStream::connect(bed.address).await.unwrap();
    let started = Instant::now();
    // the head of a handshake record, a byte at a time
    for byte in [22, 3, 1, 2, 0, 1] {
        let _ = slow.write_all(&[byte]).await;
        tokio::time::sleep(short(20)).await;
    }
    serves(&bed).await;
    for tcp in [&mut silent, &mut slow] {
        let mut got = Vec::new();
        let _ = timeout(short(5_000), tcp.read_to_end(&mut got))
            .await
            .expect("it is cut");
    }
    assert!(started.elapsed() < short(2_000));
    bed.until("both to be counted", |server| {
        server.counters().handshakes_failed == 2
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_proves_nobody_is_cut() {
    let bed = start(ServerSettings {
        unauthenticated_timeout: short(200),
        ..ServerSettings::default()
    })
    .await;
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    // one without a word of HTTP/2, one with, and one whose calls are refused
    let config = tls_config(&bed, &[&rustls::version::TLS13], &[b"h2"]);
    let mut mute = tls(&bed, config).await.unwrap();
    let idle = Connection::open(&bed).await;
    let mut refused = Connection::open(&bed).await;
    refused.stream_as(DELTA, "group/nobody").await.end().await;
    let mut got = Vec::new();
    let _ = timeout(short(5_000), mute.read_to_end(&mut got))
        .await
        .expect("it is cut");
    let _ = timeout(short(5_000), idle.ended).await.expect("it is cut");
    let _ = timeout(short(5_000), refused.ended)
        .await
        .expect("it is cut");
    bed.until("all to be gone", |server| server.connections() == 0)
        .await;
}

#[tokio::test]
async fn a_connection_that_nobody_uses_any_more_is_closed() {
    let bed = start(ServerSettings {
        idle_timeout: short(200),
        ..ServerSettings::default()
    })
    .await;
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    call.ask(TypeUrl::CDS, &[]);
    call.delta().await;
    tokio::time::sleep(short(400)).await;
    call.silent().await;
    drop(call);
    let _ = timeout(short(5_000), connection.ended)
        .await
        .expect("it is closed");
}

#[tokio::test]
async fn the_oldest_unproven_connection_makes_room() {
    let bed = start(ServerSettings {
        max_unauthenticated: 8,
        ..ServerSettings::default()
    })
    .await;
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    let mut flood = Vec::new();
    for _ in 0..50 {
        flood.push(TcpStream::connect(bed.address).await.unwrap());
    }
    serves(&bed).await;
    assert!(bed.server.counters().connections_evicted >= 42);
    assert!(bed.server.connections() <= 10);
}

#[tokio::test]
async fn there_are_no_more_connections_than_there_may_be() {
    let bed = start(ServerSettings {
        max_connections: 3,
        ..ServerSettings::default()
    })
    .await;
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut connection = Connection::open(&bed).await;
        let mut call = connection.stream(DELTA).await;
        call.ask(TypeUrl::CDS, &[]);
        call.delta().await;
        kept.push((connection, call));
    }
    let mut more = TcpStream::connect(bed.address).await.unwrap();
    let mut got = Vec::new();
    let _ = timeout(short(5_000), more.read_to_end(&mut got))
        .await
        .expect("it is closed");
    assert_eq!(bed.server.counters().connections_refused, 1);
    kept.pop();
    bed.until("room", |server| server.connections() == 2).await;
    serves(&bed).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_gets_the_newest_in_the_end() {
    let bed = start(ServerSettings::default()).await;
    let large = "x".repeat(100_000);
    bed.fill(&[(TypeUrl::EDS, "a", "0"), (TypeUrl::EDS, "b", &large)]);
    // a window that takes none of it
    let mut connection = Connection::open_with(&bed, 10).await;
    let mut slow = connection.stream(DELTA).await;
    slow.ask(TypeUrl::EDS, &["a", "b"]);
    bed.until("a response", |server| server.counters().responses == 1)
        .await;
    for version in 1..=1_000 {
        bed.put(&[(TypeUrl::EDS, "a", &version.to_string())]);
    }
    let other = async {
        let mut connection = Connection::open(&bed).await;
        let mut call = connection.stream_as(DELTA, "group/two").await;
        call.ask(TypeUrl::EDS, &["a"]);
        assert_eq!(
            names(&call.delta().await),
            ["a@1000"],
            "others are not kept waiting"
        );
    };
    timeout(short(5_000), other).await.unwrap();
    // one response was under way, the rest is one name
    assert_eq!(bed.server.counters().responses, 2);
    let first = slow.delta().await;
    assert_eq!(first.resources.len(), 2);
    slow.answer(&first, None);
    assert_eq!(names(&slow.delta().await), ["a@1000"]);
}

#[tokio::test]
async fn a_peer_that_is_dead_is_cut_by_keepalive() {
    let bed = start(ServerSettings {
        keepalive_interval: short(100),
        keepalive_timeout: short(200),
        ..ServerSettings::default()
    })
    .await;
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    call.ask(TypeUrl::CDS, &[]);
    call.delta().await;
    tokio::time::sleep(short(600)).await;
    assert_eq!(bed.server.streams(), 1, "who answers pings stays");
    connection.stalled.store(true, Ordering::Relaxed);
    bed.until("the stream to be cut", |server| {
        server.streams() == 0 && server.connections() == 0
    })
    .await;
}

#[tokio::test]
async fn a_response_left_unanswered_too_long_ends_the_stream() {
    let bed = start(ServerSettings {
        ack_deadline: Some(short(200)),
        ..ServerSettings::default()
    })
    .await;
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    call.ask(TypeUrl::CDS, &[]);
    let response = call.delta().await;
    call.answer(&response, None);
    tokio::time::sleep(short(400)).await;
    bed.put(&[(TypeUrl::CDS, "a", "2")]);
    call.delta().await;
    assert_eq!(call.end().await.code, UNAVAILABLE);
}

#[tokio::test]
async fn streams_that_are_reset_at_once_leave_nothing_behind() {
    let bed = start(ServerSettings::default()).await;
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    let mut connection = Connection::open(&bed).await;
    for _ in 0..500 {
        let request = crate::client::grpc(DELTA).header("authorization", "Bearer group/one");
        match timeout(short(1_000), connection.call(request)).await {
            Ok(Ok(call)) => drop(call),
            // the server has had enough, which is as good
            Ok(Err(_)) | Err(_) => break,
        }
    }
    serves(&bed).await;
    bed.until("all to be gone", |server| server.streams() == 0)
        .await;
}

#[tokio::test]
async fn too_many_names_end_the_stream() {
    let mut settings = ServerSettings::default();
    settings.session.max_names = 10;
    let bed = start(settings).await;
    bed.fill(&[]);
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    let many: Vec<String> = (0..11).map(|n| n.to_string()).collect();
    call.ask(
        TypeUrl::EDS,
        &many.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    assert_eq!(call.end().await.code, RESOURCE_EXHAUSTED);
}
