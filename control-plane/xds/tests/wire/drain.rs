//! Taking leave.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;
use tulle_xds::{ServerSettings, TypeUrl};

use crate::bed::start;
use crate::client::{Connection, DELTA};

const UNAVAILABLE: u16 = 14;

#[tokio::test]
async fn streams_end_cleanly_and_spread_over_the_period() {
    let bed = start(ServerSettings::default()).await;
    bed.fill(&[(TypeUrl::CDS, "a", "1")]);
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut connection = Connection::open(&bed).await;
        let mut call = connection.stream(DELTA).await;
        call.ask(TypeUrl::CDS, &[]);
        call.delta().await;
        clients.push((connection, call));
    }
    let started = Instant::now();
    bed.server.drain(Duration::from_secs(1));
    bed.server.drain(Duration::from_secs(600));
    let mut ends = Vec::new();
    for (connection, mut call) in clients {
        ends.push(tokio::spawn(async move {
            assert_eq!(call.end().await.code, UNAVAILABLE);
            let at = started.elapsed();
            // a GOAWAY, not a reset
            connection.ended.await.unwrap().unwrap();
            at
        }));
    }
    let mut times = Vec::new();
    for end in ends {
        times.push(end.await.unwrap());
    }
    times.sort();
    assert!(times[0] < Duration::from_millis(300), "{times:?}");
    assert!(times[19] > Duration::from_millis(700), "{times:?}");
    timeout(Duration::from_secs(3), bed.running)
        .await
        .expect("serving ends")
        .unwrap();
    assert!(
        TcpStream::connect(bed.address).await.is_err(),
        "nobody listens any more"
    );
    assert_eq!((bed.server.streams(), bed.server.connections()), (0, 0));
}

#[tokio::test]
async fn a_client_that_does_not_go_is_left() {
    let bed = start(ServerSettings {
        drain_grace: Duration::from_millis(300),
        ..ServerSettings::default()
    })
    .await;
    bed.fill(&[(TypeUrl::EDS, "a", &"x".repeat(200_000))]);
    let mut connection = Connection::open_with(&bed, 10).await;
    let call = connection.stream(DELTA).await;
    call.ask(TypeUrl::EDS, &["a"]);
    bed.until("a response", |server| server.counters().responses == 1)
        .await;
    bed.server.drain(Duration::ZERO);
    timeout(Duration::from_secs(5), bed.running)
        .await
        .expect("serving ends all the same")
        .unwrap();
}

#[tokio::test]
async fn dropping_the_server_closes_everything() {
    let bed = start(ServerSettings::default()).await;
    bed.fill(&[]);
    let mut connection = Connection::open(&bed).await;
    let _call = connection.stream(DELTA).await;
    bed.running.abort();
    let _ = timeout(Duration::from_secs(5), connection.ended)
        .await
        .expect("it is closed");
    bed.until("nothing to be left", |server| server.streams() == 0)
        .await;
}
