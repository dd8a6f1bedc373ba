//! What may not even say hello.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tulle_xds::ServerSettings;

use crate::bed::{Bed, start};
use crate::client::{tls, tls_config};

/// Nothing comes but, at most, a TLS alert, and then the end.
async fn is_closed(mut tcp: TcpStream) -> usize {
    let mut got = Vec::new();
    let _ = timeout(Duration::from_secs(5), tcp.read_to_end(&mut got))
        .await
        .expect("it is closed");
    got.len()
}

#[tokio::test]
async fn plaintext_is_refused() {
    let bed = start(ServerSettings::default()).await;
    for opening in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &[0; 64],
    ] {
        let mut tcp = TcpStream::connect(bed.address).await.unwrap();
        tcp.write_all(opening).await.unwrap();
        assert!(is_closed(tcp).await <= 7, "an alert at most");
    }
    bed.until("failures to be counted", |server| {
        server.counters().handshakes_failed == 3
    })
    .await;
}

#[tokio::test]
async fn tls_12_is_refused() {
    let bed = start(ServerSettings::default()).await;
    let config = tls_config(&bed, &[&rustls::version::TLS12], &[b"h2"]);
    let error = tls(&bed, config).await.unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
}

#[tokio::test]
async fn http_1_is_refused() {
    let bed = start(ServerSettings::default()).await;
    let config = tls_config(&bed, &[&rustls::version::TLS13], &[b"http/1.1"]);
    assert!(reads_nothing(&bed, config).await);
    let config = tls_config(&bed, &[&rustls::version::TLS13], &[]);
    assert!(reads_nothing(&bed, config).await);
}

async fn reads_nothing(bed: &Bed, config: rustls::ClientConfig) -> bool {
    match tls(bed, config).await {
        Err(_) => true,
        Ok(mut stream) => {
            let mut got = Vec::new();
            let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut got))
                .await
                .expect("it is closed");
            got.is_empty()
        }
    }
}

#[tokio::test]
async fn the_key_exchange_is_post_quantum() {
    let bed = start(ServerSettings::default()).await;
    let stream = tls(&bed, tls_config(&bed, &[&rustls::version::TLS13], &[b"h2"]))
        .await
        .unwrap();
    let (_, session) = stream.get_ref();
    let group = session.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
    assert_eq!(
        session.protocol_version(),
        Some(rustls::ProtocolVersion::TLSv1_3)
    );
}
