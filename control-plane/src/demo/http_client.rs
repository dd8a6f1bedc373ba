//! The demo's HTTP client: keep-alive connections, a bound on the time and on the size of each answer.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// How long a request may take in all.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most that is read of an answer.
const MOST: usize = 16 << 20;

/// Asks, over connections that are kept.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient(Client<HttpConnector, Empty<Bytes>>);

/// An answer, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its body.
    pub(crate) body: Bytes,
}

impl HttpClient {
    /// A client with no connections yet.
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(2)));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(connector);
        Self(client)
    }

    /// GET of the path at the address, with the address as Host unless the headers have one.
    pub(crate) async fn get(
        &self,
        address: SocketAddr,
        path: &str,
        headers: HeaderMap,
    ) -> Result<Answer> {
        let mut request = Request::get(format!("http://{address}{path}"))
            .body(Empty::new())
            .with_context(|| format!("no usable path: {path}"))?;
        *request.headers_mut() = headers;
        let whole = async {
            let response = self
                .0
                .request(request)
                .await
                .with_context(|| format!("no answer from {address}"))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MOST)
                .collect()
                .await
                .map_err(|error| anyhow::anyhow!("the answer of {address} broke off: {error}"))?
                .to_bytes();
            Ok(Answer { status, body })
        };
        tokio::time::timeout(TIMEOUT, whole)
            .await
            .with_context(|| format!("{address} took longer than {} s", TIMEOUT.as_secs()))?
    }
}

/// A header map that asks for another Host.
pub(crate) fn with_host(host: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(host) {
        headers.insert(header::HOST, value);
    }
    headers
}
