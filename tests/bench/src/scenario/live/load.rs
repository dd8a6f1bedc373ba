//! Requests at a given rate, and how each was answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::stack::Space;

/// Connections of an application to its sidecar.
const CONNECTIONS: u32 = 16;
/// The longest that an answer may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How requests were answered.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How long the good answers took, seconds.
    pub(super) answers: Vec<f64>,
    /// How many others there were, by what they were.
    pub(super) failed: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    fn add(&mut self, other: Self) {
        self.answers.extend(other.answers);
        for (cause, count) in other.failed {
            *self.failed.entry(cause).or_default() += count;
        }
    }
}

/// Applications that ask until they are told to stop.
pub(super) struct Load {
    stop: watch::Sender<bool>,
    tasks: JoinSet<Tally>,
}

impl Load {
    /// One application in each space; each asks `rate` times in a second for `host` at `target`.
    pub(super) fn start(spaces: &[Arc<Space>], target: SocketAddr, host: &str, rate: u32) -> Self {
        let (stop, _) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let every = Duration::from_secs(1) * CONNECTIONS / rate;
        for space in spaces {
            for number in 0..CONNECTIONS {
                let mut connection = Connection {
                    space: space.clone(),
                    target,
                    request: format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"),
                    stream: None,
                };
                let first = Instant::now() + every / CONNECTIONS * number;
                let mut stop = stop.subscribe();
                tasks.spawn(async move {
                    let mut tally = Tally::default();
                    let mut ticks = interval_at(first, every);
                    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                    loop {
                        tokio::select! {
                            _ = stop.changed() => return tally,
                            _ = ticks.tick() => {}
                        }
                        connection.count(&mut tally).await;
                        if *stop.borrow() {
                            return tally;
                        }
                    }
                });
            }
        }
        Self { stop, tasks }
    }

    /// How all requests were answered.
    pub(super) async fn stop(mut self) -> anyhow::Result<Tally> {
        self.stop.send_replace(true);
        let mut tally = Tally::default();
        while let Some(one) = self.tasks.join_next().await {
            tally.add(one?);
        }
        Ok(tally)
    }
}

/// A connection that is opened when there is something to ask.
struct Connection {
    space: Arc<Space>,
    target: SocketAddr,
    request: String,
    stream: Option<TcpStream>,
}

impl Connection {
    async fn count(&mut self, tally: &mut Tally) {
        let started = Instant::now();
        let asked = tokio::time::timeout(LIMIT, self.ask()).await;
        let cause = match asked {
            Ok(Ok(None)) => {
                tally.answers.push(started.elapsed().as_secs_f64());
                return;
            }
            Ok(Ok(Some(refusal))) => refusal,
            Ok(Err(error)) => {
                self.stream = None;
                format!("{error:#}")
            }
            Err(_) => {
                self.stream = None;
                format!("no answer after {LIMIT:?}")
            }
        };
        *tally.failed.entry(cause).or_default() += 1;
    }

    /// `None` if all is well, else status and body of the answer.
    async fn ask(&mut self) -> anyhow::Result<Option<String>> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.space.connect(self.target).await.context("connect")?,
        };
        stream.write_all(self.request.as_bytes()).await?;
        let mut text = Vec::new();
        let (head, rest) = loop {
            if let Some(end) = text.windows(4).position(|end| end == b"\r\n\r\n") {
                let rest = text.split_off(end + 4);
                break (String::from_utf8_lossy(&text).to_lowercase(), rest);
            }
            anyhow::ensure!(
                stream.read_buf(&mut text).await? > 0,
                "closed without an answer"
            );
        };
        let mut body = rest;
        let field = |name: &str| {
            let found = head.lines().find_map(|line| line.strip_prefix(name));
            found.map(|value| value.trim().to_owned())
        };
        let length: usize = field("content-length:").context("no length")?.parse()?;
        while body.len() < length {
            anyhow::ensure!(
                stream.read_buf(&mut body).await? > 0,
                "closed within an answer"
            );
        }
        if field("connection:").as_deref() != Some("close") {
            self.stream = Some(stream);
        }
        let status = head.split(' ').nth(1).unwrap_or_default();
        let refused = || format!("{status} {}", String::from_utf8_lossy(&body));
        Ok((status != "200").then(refused))
    }
}

/// One request, which must be answered well.
pub(super) async fn once(space: &Arc<Space>, target: SocketAddr, host: &str) -> anyhow::Result<()> {
    let mut connection = Connection {
        space: space.clone(),
        target,
        request: format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"),
        stream: None,
    };
    match tokio::time::timeout(LIMIT, connection.ask()).await?? {
        None => Ok(()),
        Some(refusal) => anyhow::bail!("{host} at {target} answers {refusal}"),
    }
}
