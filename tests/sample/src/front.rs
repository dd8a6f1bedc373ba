//! An application that passes on what it is asked to others, and answers what they answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::grpc::{self, Color};
use crate::server::{self, Answer, text};

/// Whom it calls.
#[derive(Debug, Clone)]
pub struct Targets {
    /// `host:port` by the first part of the path.
    pub by_path: BTreeMap<String, String>,
    /// `host:port` of all others.
    pub default: Option<String>,
    /// HTTP/2 with prior knowledge.
    pub http2: bool,
}

/// Serves at an address until `stop` turns true.
///
/// # Errors
/// The address cannot be listened at.
pub async fn serve_until(
    listen: SocketAddr,
    targets: Arc<Targets>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    server::serve_until(listen, stop, move |request| {
        answer(request, targets.clone())
    })
    .await
}

async fn answer(request: Request<Incoming>, targets: Arc<Targets>) -> Answer {
    let path = request.uri().path().to_owned();
    let first = path.split('/').nth(1).unwrap_or_default();
    if path == "/ping" {
        return text(StatusCode::OK, "pong\n");
    }
    let Some(target) = targets.by_path.get(first).or(targets.default.as_ref()) else {
        return text(StatusCode::NOT_FOUND, "nobody to ask\n");
    };
    let passed = match first {
        "getColor" | "setColor" => call(request, target, first).await,
        _ => pass(request, target, targets.http2).await,
    };
    passed.unwrap_or_else(|error| text(StatusCode::BAD_GATEWAY, format!("{target}: {error:#}\n")))
}

/// Resolves `host:port`, with port 80 where none is given.
///
/// # Errors
/// It has no address.
pub async fn resolve(target: &str) -> anyhow::Result<SocketAddr> {
    let named = match target.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => target.to_owned(),
        _ => format!("{target}:80"),
    };
    let mut found = tokio::net::lookup_host(&named).await.context("resolve")?;
    found.next().context("no address")
}

async fn pass(request: Request<Incoming>, target: &str, http2: bool) -> anyhow::Result<Answer> {
    let (head, body) = request.into_parts();
    let body = Full::new(body.collect().await?.to_bytes());
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut onward = Request::builder().method(head.method);
    for (name, value) in passed_on(&head.headers) {
        onward = onward.header(name, value);
    }
    let io = TokioIo::new(TcpStream::connect(resolve(target).await?).await?);
    let response = if http2 {
        let onward = onward.uri(format!("http://{target}{path}")).body(body)?;
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        sender.send_request(onward).await?
    } else {
        let onward = onward.uri(path).header("host", target).body(body)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        tokio::spawn(connection);
        sender.send_request(onward).await?
    };
    let (head, body) = response.into_parts();
    let words = body.collect().await?.to_bytes();
    let mut answer = text(head.status, String::from_utf8_lossy(&words));
    for (name, value) in &head.headers {
        if name.as_str().starts_with("x-") {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    Ok(answer)
}

fn passed_on(headers: &HeaderMap) -> impl Iterator<Item = (&http::HeaderName, &http::HeaderValue)> {
    let own = ["host", "connection", "content-length", "transfer-encoding"];
    headers
        .iter()
        .filter(move |(name, _)| !own.contains(&name.as_str()))
}

/// `/getColor`, `/setColor/COLOR`: a call of the gRPC service; its failure is an answer too.
async fn call(request: Request<Incoming>, target: &str, method: &str) -> anyhow::Result<Answer> {
    let wanted = request.uri().path().rsplit('/').next().unwrap_or_default();
    let to = resolve(target).await?;
    let (method, asked) = match method {
        "getColor" => ("GetColor", String::new()),
        _ => ("SetColor", wanted.to_owned()),
    };
    let path = format!("/color.ColorService/{method}");
    let answered = grpc::unary::<Color>(to, target, &path, &Color { color: asked }).await;
    Ok(match answered {
        Ok(answered) => text(StatusCode::OK, answered.color),
        Err(status) => {
            let words = format!("grpc-status {}: {}", status.code, status.message);
            text(StatusCode::INTERNAL_SERVER_ERROR, words)
        }
    })
}
