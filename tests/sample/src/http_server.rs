//! An application that answers every request with what it got: HTTP/1.1, HTTP/2 and gRPC on one port.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::server::{self, Answer};

/// What the application saw of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The application's name.
    pub name: String,
    /// Which of its requests it is, from 1.
    #[serde(default)]
    pub number: u64,
    /// Method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Host or `:authority`.
    pub host: String,
    /// Headers; several values of one name joined by commas.
    pub headers: BTreeMap<String, String>,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
}

/// How the application behaves.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// What it calls itself.
    pub name: String,
    /// Every n-th request is answered with 503; 0: none.
    pub fail_every: u64,
    /// It waits this long before each answer.
    pub delay: Duration,
}

/// Serves until the process ends.
///
/// # Errors
/// The address cannot be listened at.
pub async fn serve(listen: SocketAddr, behaviour: Behaviour) -> anyhow::Result<()> {
    let (_never, stop) = watch::channel(false);
    serve_until(listen, behaviour, stop).await
}

/// Serves until `stop` turns true, then closes the listener, lets requests that are being answered end, and returns.
///
/// # Errors
/// The address cannot be listened at.
pub async fn serve_until(
    listen: SocketAddr,
    behaviour: Behaviour,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let behaviour = Arc::new(behaviour);
    let count = Arc::new(AtomicU64::new(0));
    server::serve_until(listen, stop, move |request| {
        answer(request, behaviour.clone(), count.clone())
    })
    .await
}

async fn answer(
    request: Request<Incoming>,
    behaviour: Arc<Behaviour>,
    count: Arc<AtomicU64>,
) -> Answer {
    tokio::time::sleep(behaviour.delay).await;
    let n = count.fetch_add(1, Ordering::Relaxed) + 1;
    let grpc = request
        .headers()
        .get("content-type")
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    let asked_status = request
        .headers()
        .get("x-answer-status")
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let seen = see(&request, &behaviour.name, n);
    let _ = request.into_body().collect().await;
    let fails = behaviour.fail_every > 0 && n.is_multiple_of(behaviour.fail_every);
    let status = match asked_status {
        Some(status) => status,
        None if fails => StatusCode::SERVICE_UNAVAILABLE.as_u16(),
        None => 200,
    };
    let json = serde_json::to_vec(&seen).unwrap_or_default();
    let mut response = if grpc {
        let mut frame = vec![0];
        frame.extend((json.len() as u32).to_be_bytes());
        frame.extend(json);
        let trailers = HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            HeaderValue::from_static("0"),
        )]);
        let body = Full::new(Bytes::from(frame)).with_trailers(async move { Some(Ok(trailers)) });
        Response::new(body.boxed())
    } else {
        Response::new(Full::new(Bytes::from(json)).boxed())
    };
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let content_type = if grpc {
        "application/grpc"
    } else {
        "application/json"
    };
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static(content_type));
    response
}

fn see(request: &Request<Incoming>, name: &str, number: u64) -> Seen {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(key.to_string())
            .and_modify(|known| {
                known.push(',');
                known.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    let host = request
        .uri()
        .authority()
        .map(ToString::to_string)
        .or_else(|| headers.get("host").cloned())
        .unwrap_or_default();
    Seen {
        name: name.to_owned(),
        number,
        method: request.method().to_string(),
        path: request
            .uri()
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        host,
        headers,
        version: format!("{:?}", request.version()),
    }
}
