//! Who is not proven learns nothing and costs nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tulle_xds::{Event, PEER_REPORT, PeerCalls, ServerSettings, TypeUrl};

use crate::bed::{TOKEN, start, start_for};
use crate::client::{Connection, DELTA, End, SOTW, grpc};

const UNAUTHENTICATED: u16 = 16;
const UNAVAILABLE: u16 = 14;
const RESOURCE_EXHAUSTED: u16 = 8;

#[tokio::test]
async fn every_call_is_refused_alike() {
    let bed = start(ServerSettings::default()).await;
    bed.fill(&[(TypeUrl::CDS, "secret", "1")]);
    let mut connection = Connection::open(&bed).await;
    let good = format!("Bearer {TOKEN}");
    let headers: [&[&str]; 9] = [
        &[],
        &[""],
        &["Bearer"],
        &["Bearer "],
        &["Bearer group/nobody"],
        &["Bearer group/one,"],
        &["Basic Z3JvdXAvb25l"],
        &["group/one"],
        // two tokens, one of them good: which one would be proof?
        &[&good, "Bearer group/two"],
    ];
    let paths = [
        DELTA,
        SOTW,
        "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters",
        "/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets",
        "/",
        "/envoy.service.discovery.v3.AggregatedDiscoveryService/../x",
    ];
    let mut ends = Vec::new();
    for path in paths {
        for values in headers {
            let mut request = grpc(path);
            for value in values {
                request = request.header("authorization", *value);
            }
            let mut call = connection.call(request).await.unwrap();
            call.ask(TypeUrl::CDS, &[]);
            assert_eq!(call.headers()["content-type"], "application/grpc");
            ends.push(call.end().await);
        }
    }
    let refused = End {
        code: UNAUTHENTICATED,
        message: "the caller is not authenticated".into(),
    };
    assert!(ends.iter().all(|end| *end == refused), "{ends:?}");
    assert_eq!(bed.server.counters().denied, ends.len() as u64);
    assert_eq!(
        (
            bed.server.counters().streams,
            bed.server.counters().requests
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn a_get_without_proof_learns_no_more() {
    let bed = start(ServerSettings::default()).await;
    let mut connection = Connection::open(&bed).await;
    let request = http::Request::get("https://xds.test/debug/config_dump");
    let mut call = connection.call(request).await.unwrap();
    assert_eq!(call.end().await.code, UNAUTHENTICATED);
}

#[tokio::test]
async fn the_scheme_may_be_written_as_one_likes() {
    let bed = start(ServerSettings::default()).await;
    bed.fill(&[]);
    let mut connection = Connection::open(&bed).await;
    let request = grpc(DELTA).header("authorization", format!("bearer {TOKEN}"));
    let mut call = connection.call(request).await.unwrap();
    call.ask(TypeUrl::CDS, &[]);
    assert!(call.delta().await.resources.is_empty());
}

#[tokio::test]
async fn a_caller_is_served_its_own_scope_whatever_its_node_says() {
    let mut bed = start(ServerSettings::default()).await;
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream_as(DELTA, "other/three").await;
    call.ask(TypeUrl::CDS, &["a"]);
    call.silent().await;
    let events: Vec<Event> = std::iter::from_fn(|| bed.feed.try_next()).collect();
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Interest { scope } if scope.as_str() == "other")),
        "{events:?}"
    );
    let view = &bed.server.snapshot().streams[0];
    assert_eq!(
        (&*view.caller, view.scope.as_str(), &*view.node),
        ("three", "other", "me")
    );
}

#[tokio::test]
async fn streams_end_with_their_proof() {
    let life = Duration::from_millis(300);
    let bed = start_for(
        [
            ("group/one", Some(life)),
            ("group/late", Some(Duration::ZERO)),
        ],
        ServerSettings::default(),
    )
    .await;
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream(DELTA).await;
    call.ask(TypeUrl::CDS, &[]);
    call.delta().await;
    assert_eq!(call.end().await.code, UNAVAILABLE);
    let mut call = connection.stream_as(DELTA, "group/late").await;
    assert_eq!(call.end().await.code, UNAUTHENTICATED);
}

#[tokio::test]
async fn streams_of_a_caller_can_be_ended() {
    let bed = start(ServerSettings::default()).await;
    bed.fill(&[]);
    let mut connection = Connection::open(&bed).await;
    let mut one = connection.stream(DELTA).await;
    let mut two = connection.stream_as(DELTA, "group/two").await;
    assert_eq!(bed.server.disconnect("one"), 1);
    assert_eq!(one.end().await.code, UNAVAILABLE);
    two.silent().await;
    bed.until("the stream to end", |server| server.streams() == 1)
        .await;
    assert_eq!(bed.server.disconnect("one"), 0);
}

#[tokio::test]
async fn who_was_disconnected_while_it_was_being_proven_has_no_stream() {
    let tokens = [("group/gone", None), ("peers/peer-gone", None)];
    let bed = start_for(tokens, ServerSettings::default()).await;
    bed.server.hear_peers(Arc::new(Deaf));
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    let mut connection = Connection::open(&bed).await;
    for (path, token) in [(DELTA, "group/gone"), (PEER_REPORT, "peers/peer-gone")] {
        let mut call = connection.stream_as(path, token).await;
        call.ask(TypeUrl::CDS, &[]);
        assert_eq!(call.end().await.code, UNAUTHENTICATED);
    }
    assert_eq!(bed.server.streams(), 0);
    for caller in ["gone", "peer-gone"] {
        assert_eq!(bed.server.disconnect(caller), 0);
    }
}

struct Deaf;

impl PeerCalls for Deaf {
    fn heard(&self, _: &Arc<str>, _: u64, _: Bytes) {
        panic!("nobody is to be heard");
    }

    fn left(&self, _: &Arc<str>, _: u64) {
        panic!("nobody was there");
    }
}

#[tokio::test]
async fn a_caller_has_no_more_connections_than_its_share() {
    let settings = ServerSettings {
        max_streams_per_caller: 2,
        max_connections_per_caller: 3,
        ..ServerSettings::default()
    };
    let bed = start(settings).await;
    bed.fill(&[]);
    let mut kept = Vec::new();
    // a call that is over leaves its connection behind
    for _ in 0..3 {
        let mut connection = Connection::open(&bed).await;
        drop(connection.stream(DELTA).await);
        kept.push(connection);
    }
    bed.until("the streams to end", |server| server.streams() == 0)
        .await;
    let mut more = Connection::open(&bed).await;
    let end = more.stream(DELTA).await.end().await;
    assert_eq!(end.code, RESOURCE_EXHAUSTED);
    assert_eq!(bed.server.counters().share_exceeded, 1);
    // others have theirs, and it has it again once one of its connections is gone
    let mut connection = Connection::open(&bed).await;
    connection
        .stream_as(DELTA, "group/two")
        .await
        .silent()
        .await;
    kept.pop();
    bed.until("room", |server| server.connections() == 4).await;
    more.stream(DELTA).await.silent().await;
}

#[tokio::test]
async fn a_caller_may_have_a_connection_for_each_stream_that_it_may_have() {
    let settings = ServerSettings {
        max_streams_per_caller: 12,
        ..ServerSettings::default()
    };
    let bed = start(settings).await;
    bed.fill(&[]);
    let mut kept = Vec::new();
    for _ in 0..12 {
        let mut connection = Connection::open(&bed).await;
        kept.push((connection.stream(DELTA).await, connection));
    }
    bed.until("all", |server| server.streams() == 12).await;
}

#[tokio::test]
async fn a_caller_has_no_more_streams_than_it_may() {
    let settings = ServerSettings {
        max_streams_per_caller: 2,
        ..ServerSettings::default()
    };
    let bed = start(settings).await;
    bed.fill(&[]);
    let mut connection = Connection::open(&bed).await;
    let first = connection.stream(DELTA).await;
    let _second = connection.stream(SOTW).await;
    assert_eq!(
        connection.stream(DELTA).await.end().await.code,
        RESOURCE_EXHAUSTED
    );
    let _other = connection.stream_as(DELTA, "group/two").await;
    drop(first);
    bed.until("a stream to end", |server| server.streams() == 2)
        .await;
    let mut next = connection.stream(DELTA).await;
    next.silent().await;
}
