//! A client that plays a table of requests, one connection each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use super::http_server::Seen;

/// One request of a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// What it shows, for the report.
    pub id: String,
    /// Where the connection goes.
    pub to: SocketAddr,
    /// Host or `:authority`.
    pub host: String,
    /// Method.
    #[serde(default = "get")]
    pub method: String,
    /// Path and query.
    #[serde(default = "root")]
    pub path: String,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// HTTP/2 with prior knowledge, as gRPC clients do.
    #[serde(default)]
    pub http2: bool,
}

fn get() -> String {
    "GET".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

/// What came back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The request's id.
    pub id: String,
    /// Status; 0 if there was no response.
    pub status: u16,
    /// What the application saw, if it was one of ours that answered.
    pub seen: Option<Seen>,
    /// The body as text otherwise, or why there was no response.
    pub text: String,
    /// Response headers.
    pub headers: BTreeMap<String, String>,
    /// gRPC status, from trailers or headers.
    pub grpc_status: Option<String>,
}

/// Plays the table in order.
pub async fn play(calls: Vec<Call>) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(calls.len());
    for call in calls {
        let id = call.id.clone();
        let answer = tokio::time::timeout(Duration::from_secs(30), one(call)).await;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => none(id, format!("{error:#}")),
            Err(_) => none(id, "no answer in 30 s".to_owned()),
        };
        answers.push(answer);
    }
    answers
}

fn none(id: String, text: String) -> Answer {
    Answer {
        id,
        status: 0,
        seen: None,
        text,
        headers: BTreeMap::new(),
        grpc_status: None,
    }
}

async fn one(call: Call) -> anyhow::Result<Answer> {
    let stream = TcpStream::connect(call.to).await.context("connect")?;
    let io = TokioIo::new(stream);
    let mut request = Request::builder().method(call.method.as_str());
    for (name, value) in &call.headers {
        request = request.header(name, value);
    }
    let response = if call.http2 {
        let request = request
            .uri(format!("http://{}{}", call.host, call.path))
            .body(Full::new(Bytes::new()))?;
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        sender.send_request(request).await?
    } else {
        let request = request
            .uri(call.path.as_str())
            .header("host", &call.host)
            .body(Full::new(Bytes::new()))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        tokio::spawn(connection);
        sender.send_request(request).await?
    };
    let (head, body) = response.into_parts();
    let body = body.collect().await?;
    let text_of =
        |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let grpc_status = body
        .trailers()
        .and_then(|trailers| trailers.get("grpc-status"))
        .or_else(|| head.headers.get("grpc-status"))
        .map(text_of);
    let bytes = body.to_bytes();
    let grpc = head
        .headers
        .get("content-type")
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    let payload = if grpc && bytes.len() > 5 {
        bytes.slice(5..)
    } else {
        bytes
    };
    Ok(Answer {
        id: call.id,
        status: head.status.as_u16(),
        seen: serde_json::from_slice(&payload).ok(),
        text: String::from_utf8_lossy(&payload).into_owned(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text_of(value)))
            .collect(),
        grpc_status,
    })
}
