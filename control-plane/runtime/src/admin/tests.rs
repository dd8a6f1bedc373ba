use std::net::{IpAddr, Ipv4Addr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::drain::{Drained, drain};
use crate::metrics::MetricsBuilder;

fn pages(readiness: &Readiness) -> AdminPages {
    AdminPages {
        metrics: MetricsBuilder::new("0").build(),
        readiness: readiness.clone(),
        debug: Router::new().route("/xds", get(async || "secret")),
    }
}

async fn bind() -> AdminServer {
    AdminServer::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .await
        .unwrap()
}

/// Sends raw bytes, returns the status and the whole answer.
async fn ask(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap_or("0").parse().unwrap();
    (status, answer)
}

async fn get_page(address: SocketAddr, path: &str, headers: &str) -> (u16, String) {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n"),
    )
    .await
}

#[tokio::test]
async fn pages_answer_and_readiness_follows() {
    let readiness = Readiness::new();
    let guard = readiness.register("files");
    let server = bind().await;
    let address = server.address();
    let (trigger, watcher) = drain();
    let serving = tokio::spawn(server.serve(pages(&readiness), watcher.signal()));

    let host = "Host: anything\r\n";
    assert_eq!(get_page(address, "/healthz", host).await.0, 200);
    let (status, text) = get_page(address, "/readyz", host).await;
    assert!(status == 503 && text.contains("files"), "{text}");
    drop(guard);
    assert_eq!(get_page(address, "/readyz", host).await.0, 200);
    readiness.remark("clock", Some("the clock is wrong".to_owned()));
    let (status, text) = get_page(address, "/readyz", host).await;
    assert!(
        status == 200 && text.contains("ready\nthe clock is wrong\n"),
        "{text}"
    );
    readiness.remark("clock", None);
    let (_, text) = get_page(address, "/readyz", host).await;
    assert!(!text.contains("clock"), "{text}");
    let (status, text) = get_page(address, "/metrics", host).await;
    assert!(
        status == 200 && text.contains("openmetrics-text") && text.contains("# EOF"),
        "{text}"
    );
    assert_eq!(get_page(address, "/", host).await.0, 404);

    // An idle connection must not hold the end up, nor a drain the answers before its end.
    let idle = TcpStream::connect(address).await.unwrap();
    let draining = tokio::spawn(trigger.drain(Duration::from_secs(5)));
    tokio::task::yield_now().await;
    let (status, text) = get_page(address, "/readyz", host).await;
    assert!(status == 503 && text.contains("ending"), "{text}");
    drop(watcher);
    assert_eq!(draining.await.unwrap(), Drained::Clean);
    tokio::time::timeout(Duration::from_secs(3), serving)
        .await
        .unwrap()
        .unwrap();
    drop(idle);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn debug_is_for_this_machine_under_its_own_names() {
    let server = bind().await;
    let address = server.address();
    let (_trigger, watcher) = drain();
    tokio::spawn(server.serve(pages(&Readiness::new()), watcher.signal()));

    let (status, _) = get_page(address, "/debug/", "Host: localhost\r\n").await;
    assert_eq!(status, 308);
    for host in [
        "localhost",
        "LOCALHOST:15014",
        "127.0.0.1:15014",
        "127.80.1.4",
        "[::1]:15014",
        "[::1]",
    ] {
        let (status, text) = get_page(address, "/debug/xds", &format!("Host: {host}\r\n")).await;
        assert!(
            status == 200 && text.contains("no-store") && text.contains("nosniff"),
            "{host}: {text}"
        );
    }
    for headers in [
        "Host: evil.example\r\n",
        "Host: localhost.evil.example\r\n",
        "Host: 127.0.0.1.evil.example:15014\r\n",
        "Host: x@localhost\r\n",
        "Host: 10.0.0.1\r\n",
        "Host: \r\n",
        "Host: localhost\r\nHost: evil.example\r\n",
        "Host: localhost\r\nOrigin: http://evil.example\r\n",
        "Host: localhost\r\nOrigin: null\r\n",
    ] {
        let (status, text) = get_page(address, "/debug/xds", headers).await;
        assert!(
            status == 403 && !text.contains("secret"),
            "{headers}: {text}"
        );
    }
    let (status, _) = get_page(
        address,
        "/debug/xds",
        "Host: localhost\r\nOrigin: http://localhost:15014\r\n",
    )
    .await;
    assert_eq!(status, 200);
    let (status, _) = ask(address, "GET /debug/xds HTTP/1.0\r\n\r\n").await;
    assert_eq!(status, 403);
    let (status, _) = get_page(
        address,
        "http://evil.example/debug/xds",
        "Host: localhost\r\n",
    )
    .await;
    assert_eq!(status, 403);
    for path in ["//debug/xds", "/debug/../debug/xds", "/%64ebug/xds"] {
        let (status, text) = get_page(address, path, "Host: evil.example\r\n").await;
        assert!(status != 200 && !text.contains("secret"), "{path}: {text}");
    }
}

#[tokio::test]
async fn peers_from_elsewhere_are_refused() {
    use tower::ServiceExt;

    for (peer, expected) in [
        (IpAddr::from([10, 0, 0, 7]), 403),
        (IpAddr::from([127, 0, 0, 1]), 200),
        ("::ffff:127.0.0.1".parse().unwrap(), 200),
        ("::ffff:10.0.0.1".parse().unwrap(), 403),
        ("::1".parse().unwrap(), 200),
    ] {
        let (_trigger, watcher) = drain();
        let router = router(pages(&Readiness::new()), watcher.signal());
        let request = http::Request::get("/debug/xds")
            .header("host", "localhost")
            .extension(PeerAddress(SocketAddr::new(peer, 1)))
            .body(axum::body::Body::empty())
            .unwrap();
        assert_eq!(
            router.oneshot(request).await.unwrap().status(),
            expected,
            "{peer}"
        );
    }
}

#[tokio::test]
async fn taken_port_is_a_clear_error() {
    let server = bind().await;
    let error = AdminServer::bind(server.address())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(&server.address().to_string()), "{error}");
}
