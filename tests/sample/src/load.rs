//! A bounded load over kept connections that counts what is lost and who answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::http_server::Seen;

/// What is asked, how often, how long.
#[derive(Debug, Clone)]
pub struct Load {
    /// Where connections go.
    pub to: SocketAddr,
    /// Host.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// Connections in parallel.
    pub connections: u32,
    /// Requests a second over all connections.
    pub rate: u32,
    /// When it stops.
    pub duration: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Requests sent.
    pub requests: u64,
    /// Requests without an answer of status 2xx.
    pub lost: u64,
    /// Answers by application.
    pub answers: BTreeMap<String, u64>,
    /// What went wrong, with its count.
    pub errors: BTreeMap<String, u64>,
    /// Median latency in microseconds.
    pub p50_us: u64,
    /// 99th percentile in microseconds.
    pub p99_us: u64,
}

/// Sends the load and waits for its end.
pub async fn run(load: Load) -> Outcome {
    let end = Instant::now() + load.duration;
    let mut tasks = Vec::new();
    for n in 0..load.connections {
        tasks.push(tokio::spawn(connection(load.clone(), n, end)));
    }
    let mut outcome = Outcome::default();
    let mut latencies = Vec::new();
    for task in tasks {
        let Ok((part, times)) = task.await else {
            continue;
        };
        outcome.requests += part.requests;
        outcome.lost += part.lost;
        for (name, count) in part.answers {
            *outcome.answers.entry(name).or_default() += count;
        }
        for (name, count) in part.errors {
            *outcome.errors.entry(name).or_default() += count;
        }
        latencies.extend(times);
    }
    latencies.sort_unstable();
    let at = |share: f64| {
        latencies
            .get((latencies.len() as f64 * share) as usize)
            .copied()
            .unwrap_or(0)
    };
    outcome.p50_us = at(0.5);
    outcome.p99_us = at(0.99);
    outcome
}

async fn connection(load: Load, n: u32, end: Instant) -> (Outcome, Vec<u64>) {
    let mut outcome = Outcome::default();
    let mut times = Vec::new();
    let pause = Duration::from_secs_f64(f64::from(load.connections) / f64::from(load.rate.max(1)));
    let mut next = Instant::now() + pause.mul_f64(f64::from(n) / f64::from(load.connections));
    let mut kept = None;
    // Answers that are late make up for their time, but not beyond the end.
    while next.max(Instant::now()) < end {
        tokio::time::sleep_until(next).await;
        next += pause;
        outcome.requests += 1;
        let started = Instant::now();
        match tokio::time::timeout(Duration::from_secs(20), request(&load, &mut kept)).await {
            Ok(Ok(name)) => {
                *outcome.answers.entry(name).or_default() += 1;
                times.push(started.elapsed().as_micros() as u64);
            }
            Ok(Err(error)) => {
                kept = None;
                outcome.lost += 1;
                *outcome.errors.entry(error).or_default() += 1;
            }
            Err(_) => {
                kept = None;
                outcome.lost += 1;
                *outcome
                    .errors
                    .entry("no answer in 20 s".to_owned())
                    .or_default() += 1;
            }
        }
    }
    (outcome, times)
}

type Sender = SendRequest<Full<Bytes>>;

async fn request(load: &Load, kept: &mut Option<Sender>) -> Result<String, String> {
    let response = match reuse(load, kept.take()).await? {
        Some((response, sender)) => (response, sender),
        None => {
            let mut sender = connect(load).await?;
            let response = sender.send_request(ask(load)?).await;
            (
                response.map_err(|error| format!("request: {error}"))?,
                sender,
            )
        }
    };
    let (response, sender) = response;
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| format!("body: {error}"))?;
    *kept = Some(sender);
    let bytes = body.to_bytes();
    if !status.is_success() {
        let text: String = String::from_utf8_lossy(&bytes).chars().take(120).collect();
        return Err(format!("{} {text}", status.as_u16()));
    }
    let seen: Option<Seen> = serde_json::from_slice(&bytes).ok();
    Ok(seen.map_or_else(|| "?".to_owned(), |seen| seen.name))
}

/// Asks on a kept connection. `None`: the server had closed it before the request was written, so a new
/// one is needed, as every HTTP client knows.
async fn reuse(
    load: &Load,
    kept: Option<Sender>,
) -> Result<Option<(Response<Incoming>, Sender)>, String> {
    let Some(mut sender) = kept else {
        return Ok(None);
    };
    if sender.ready().await.is_err() {
        return Ok(None);
    }
    match sender.send_request(ask(load)?).await {
        Ok(response) => Ok(Some((response, sender))),
        Err(error) if error.is_canceled() => Ok(None),
        Err(error) => Err(format!("request: {error}")),
    }
}

fn ask(load: &Load) -> Result<Request<Full<Bytes>>, String> {
    Request::get(load.path.as_str())
        .header("host", &load.host)
        .body(Full::new(Bytes::new()))
        .map_err(|error| error.to_string())
}

async fn connect(load: &Load) -> Result<Sender, String> {
    let stream = TcpStream::connect(load.to)
        .await
        .map_err(|error| format!("connect: {error}"))?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| format!("handshake: {error}"))?;
    tokio::spawn(connection);
    Ok(sender)
}
