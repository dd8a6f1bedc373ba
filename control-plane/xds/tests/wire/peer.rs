//! Reports of other replicas.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use parking_lot::Mutex;
use tulle_xds::{PEER_REPORT, PeerCalls, ServerSettings, TypeUrl};

use crate::bed::{Bed, TOKEN, start_for};
use crate::client::{Connection, DELTA};

const PEER: &str = "peers/peer-1";

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl PeerCalls for Heard {
    fn heard(&self, peer: &Arc<str>, _: u64, report: Bytes) {
        let text = String::from_utf8_lossy(&report);
        self.0.lock().push(format!("{peer}: {text}"));
    }

    fn left(&self, peer: &Arc<str>, _: u64) {
        self.0.lock().push(format!("{peer} left"));
    }
}

fn frame(text: &str) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(text.len() as u32);
    frame.put_slice(text.as_bytes());
    frame.freeze()
}

async fn bed() -> Bed {
    start_for([(PEER, None), (TOKEN, None)], ServerSettings::default()).await
}

#[tokio::test]
async fn a_peer_is_heard_until_its_stream_ends() {
    let bed = bed().await;
    let heard = Arc::new(Heard::default());
    bed.server.hear_peers(heard.clone());
    let mut connection = Connection::open(&bed).await;
    let call = connection.stream_as(PEER_REPORT, PEER).await;
    call.raw(frame("one"));
    call.raw(frame("two"));
    let seen = || heard.0.lock().clone();
    bed.until("the reports", |_| seen().len() == 2).await;
    assert_eq!(seen(), ["peer-1: one", "peer-1: two"]);
    drop(call);
    drop(connection);
    bed.until("the end", |_| seen().len() == 3).await;
    assert_eq!(seen()[2], "peer-1 left");
}

#[tokio::test]
async fn nobody_does_what_is_not_its_role() {
    let bed = bed().await;
    let heard = Arc::new(Heard::default());
    bed.server.hear_peers(heard.clone());
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    let mut connection = Connection::open(&bed).await;
    let unimplemented = 12;
    let mut call = connection.stream_as(PEER_REPORT, TOKEN).await;
    call.raw(frame("lies"));
    assert_eq!(call.end().await.code, unimplemented);
    let mut call = connection.stream_as(DELTA, PEER).await;
    assert_eq!(call.end().await.code, unimplemented);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(heard.0.lock().is_empty());
}

#[tokio::test]
async fn a_peer_that_is_disconnected_is_heard_no_more() {
    let bed = bed().await;
    let heard = Arc::new(Heard::default());
    bed.server.hear_peers(heard.clone());
    let mut connection = Connection::open(&bed).await;
    let mut call = connection.stream_as(PEER_REPORT, PEER).await;
    call.raw(frame("one"));
    let seen = || heard.0.lock().clone();
    bed.until("the report", |_| seen().len() == 1).await;
    assert_eq!(bed.server.disconnect("peer-1"), 1);
    let unavailable = 14;
    assert_eq!(call.end().await.code, unavailable);
    bed.until("the end", |_| seen().len() == 2).await;
    assert_eq!(seen()[1], "peer-1 left");
    assert_eq!(bed.server.disconnect("peer-1"), 0);
}

#[tokio::test]
async fn a_report_may_be_larger_than_any_request() {
    let bed = bed().await;
    let heard = Arc::new(Heard::default());
    bed.server.hear_peers(heard.clone());
    let mut connection = Connection::open(&bed).await;
    let report = "r".repeat(16 << 20);
    let call = connection.stream_as(PEER_REPORT, PEER).await;
    call.raw(frame(&report));
    let len = || heard.0.lock().first().map(String::len);
    bed.until("the report", |_| {
        len() == Some("peer-1: ".len() + report.len())
    })
    .await;
    let exhausted = 8;
    let mut larger = connection.stream_as(PEER_REPORT, PEER).await;
    larger.raw(frame(&"r".repeat((17 << 20) + 1)));
    assert_eq!(larger.end().await.code, exhausted);
    let mut request = connection.stream_as(DELTA, TOKEN).await;
    request.raw(frame(&"r".repeat((4 << 20) + 1)));
    assert_eq!(request.end().await.code, exhausted);
}
