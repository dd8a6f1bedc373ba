//! All proxies of the process, and what is asked of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::Context;
use http::header::HeaderValue;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::answer::{Completion, Count, Others, Report, Seen};
use super::connect::{Bytes, Dial, TlsTemplate};
use super::marks::Marks;
use super::names::Names;
use super::protocol::{Fleet, Stuck, Transport, Watch, WatchId};
use super::proxy::{Gate, Proxy, Public, Setup};
use super::session::Session;
use crate::clock::{self, Nanos};
use crate::wire::request::{Common, Node};
use crate::wire::{Kind, dump};

/// What all proxies share.
#[derive(Debug)]
pub(super) struct Shared {
    names: Arc<Names>,
    pub(super) marks: Marks,
    pub(super) complete: watch::Sender<usize>,
    kinds: [[AtomicU64; 6]; 5],
    refused: Mutex<BTreeMap<String, u64>>,
    bytes: Arc<Bytes>,
}

impl Shared {
    pub(super) fn refused(&self, cause: &str) {
        *self.refused.lock().entry(cause.to_owned()).or_insert(0) += 1;
    }

    pub(super) fn count(&self, kind: Kind, count: &Count) {
        let counts = &self.kinds[kind.index()];
        let values = [
            count.messages,
            count.resources,
            count.removed,
            count.resource_bytes,
            count.message_bytes,
            count.acks,
        ];
        for (total, value) in counts.iter().zip(values) {
            total.fetch_add(value, Relaxed);
        }
    }

    fn counts(&self) -> BTreeMap<Kind, Count> {
        let read = |kind: Kind| {
            let [
                messages,
                resources,
                removed,
                resource_bytes,
                message_bytes,
                acks,
            ] = self.kinds[kind.index()]
                .each_ref()
                .map(|of| of.load(Relaxed));
            Count {
                messages,
                resources,
                removed,
                resource_bytes,
                message_bytes,
                acks,
            }
        };
        Kind::ALL
            .into_iter()
            .map(|kind| (kind, read(kind)))
            .collect()
    }
}

/// A line of the file of proxies.
#[derive(Debug, Deserialize)]
struct Line {
    id: String,
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    metadata: serde_json::Value,
}

/// The proxies. They end when this is dropped.
pub(super) struct Proxies {
    shared: Arc<Shared>,
    gate: watch::Sender<Gate>,
    public: Vec<Arc<Public>>,
    setup: Option<Arc<Setup>>,
    tasks: JoinSet<()>,
}

/// How long proxies may take to leave.
const LEAVING: Duration = Duration::from_secs(30);

impl Default for Proxies {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared {
                names: Arc::default(),
                marks: Marks::default(),
                complete: watch::Sender::new(0),
                kinds: Default::default(),
                refused: Mutex::default(),
                bytes: Arc::default(),
            }),
            gate: watch::Sender::new(Gate {
                up: true,
                epoch: 1,
                ..Gate::default()
            }),
            public: Vec::new(),
            setup: None,
            tasks: JoinSet::new(),
        }
    }
}

impl Proxies {
    pub(super) fn start(&mut self, fleet: &Fleet) -> anyhow::Result<Nanos> {
        let lines = lines(&fleet.proxies, fleet.first, fleet.count)?;
        let tls = fleet
            .tls
            .as_ref()
            .map(|tls| TlsTemplate::read(tls, fleet.transport != Transport::Raw))
            .transpose()?;
        let authority = match (&fleet.authority, &fleet.tls) {
            (Some(authority), _) => authority.clone(),
            (None, Some(tls)) => format!("{}:{}", tls.name, fleet.target.port()),
            (None, None) => fleet.target.to_string(),
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (first, most) = fleet.backoff_ms;
        let setup = Arc::new(Setup {
            transport: fleet.transport,
            uri: format!("{scheme}://{authority}{}", Setup::method(fleet.transport)).parse()?,
            windows: fleet.windows,
            backoff: (Duration::from_millis(first), Duration::from_millis(most)),
            dialing: (fleet.dialing > 0).then(|| Arc::new(Semaphore::new(fleet.dialing))),
            held: Mutex::default(),
        });
        if fleet.keep {
            self.shared.names.keep();
        }
        let common = Common::new(fleet.extensions);
        let mut proxies = Vec::with_capacity(lines.len());
        for (at, line) in lines.into_iter().enumerate() {
            let token = match line.token {
                Some(token) => Some(
                    HeaderValue::from_str(&format!("Bearer {token}")).with_context(|| {
                        format!("the token of '{}' is no header value", line.id)
                    })?,
                ),
                None => None,
            };
            proxies.push(Proxy {
                index: self.public.len() + at,
                shared: self.shared.clone(),
                setup: setup.clone(),
                public: Arc::default(),
                dial: Dial::new(fleet.target, tls.as_ref(), self.shared.bytes.clone()),
                node: Node::new(&line.id, &line.cluster, &line.metadata, common.clone()),
                token,
                session: Session::new(
                    self.shared.names.clone(),
                    fleet.transport == Transport::Sotw,
                    fleet.secrets,
                ),
                deaf: false,
            });
        }
        self.public
            .extend(proxies.iter().map(|proxy| proxy.public.clone()));
        self.setup.get_or_insert(setup);
        let t0 = clock::now();
        for proxy in proxies {
            self.tasks.spawn(proxy.live(self.gate.subscribe()));
        }
        Ok(t0)
    }

    pub(super) async fn complete(&self, count: usize, timeout: Duration) -> Completion {
        let mut complete = self.shared.complete.subscribe();
        let _ = tokio::time::timeout(timeout, complete.wait_for(|now| *now >= count)).await;
        let moments = |of: fn(&Public) -> &AtomicU64| {
            let mut moments: Vec<Nanos> = self
                .public
                .iter()
                .map(|public| of(public).load(Relaxed))
                .filter(|moment| *moment != 0)
                .collect();
            moments.sort_unstable();
            moments
        };
        Completion {
            proxies: self.public.len(),
            first: moments(|public| &public.first),
            complete: moments(|public| &public.complete),
            connected: moments(|public| &public.connected),
        }
    }

    fn responses(&self) -> Vec<u64> {
        self.public
            .iter()
            .map(|public| public.responses.load(Relaxed))
            .collect()
    }

    fn connected(&self) -> usize {
        self.public
            .iter()
            .filter(|public| public.up.load(Relaxed))
            .count()
    }

    pub(super) fn report(&self) -> Report {
        let mut responses = self.responses();
        responses.sort_unstable();
        let at = |index: usize| responses.get(index).copied().unwrap_or(0);
        let refused = self.shared.refused.lock().clone();
        Report {
            proxies: self.public.len(),
            connected: self.connected(),
            complete: *self.shared.complete.borrow(),
            unreadable: refused.get("unreadable").copied().unwrap_or(0),
            refused,
            kinds: self.shared.counts(),
            wire: self.shared.bytes.wire(),
            messages_each: [
                at(0),
                at(responses.len() / 2),
                at(responses.len().max(1) - 1),
            ],
            held: self
                .setup
                .as_ref()
                .and_then(|setup| setup.held.lock().clone())
                .unwrap_or_default(),
        }
    }

    pub(super) fn watch(&self, watch: Watch) -> WatchId {
        self.shared.marks.add(watch, self.responses())
    }

    pub(super) async fn seen(
        &self,
        id: WatchId,
        count: usize,
        timeout: Duration,
    ) -> anyhow::Result<Seen> {
        let mark = self
            .shared
            .marks
            .get(id)
            .with_context(|| format!("no watch {id}"))?;
        let mut acked = mark.count.subscribe();
        let _ = tokio::time::timeout(timeout, acked.wait_for(|now| *now >= count)).await;
        self.shared.marks.remove(id);
        let acks = mark.acks();
        let mut seen = Seen {
            since: mark.since,
            ..Seen::default()
        };
        for (proxy, now) in self.responses().into_iter().enumerate() {
            let new = now - mark.before.get(proxy).copied().unwrap_or(0);
            if acks.contains_key(&proxy) {
                seen.messages += new;
            } else if new > 0 {
                let Others { proxies, messages } = &mut seen.others;
                *proxies += 1;
                *messages += new;
            }
        }
        seen.acks = acks.into_values().collect();
        seen.acks.sort_unstable();
        Ok(seen)
    }

    pub(super) fn dump(&self, path: &Path) -> anyhow::Result<usize> {
        let kept = self.shared.names.kept().context("no resources were kept")?;
        let count = kept.len();
        dump::write(path, kept)?;
        Ok(count)
    }

    pub(super) fn stick(&self, stuck: Option<(usize, Stuck)>) -> usize {
        self.gate.send_modify(|gate| gate.stuck = stuck);
        stuck.map_or(0, |(count, _)| count.min(self.public.len()))
    }

    pub(super) async fn disconnect(&self) -> anyhow::Result<()> {
        self.gate.send_modify(|gate| gate.up = false);
        let gone = async {
            while self.connected() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(LEAVING, gone)
            .await
            .with_context(|| format!("{} proxies did not leave", self.connected()))
    }

    pub(super) async fn reconnect(&self, warm: bool) -> anyhow::Result<Nanos> {
        self.disconnect().await?;
        self.public.iter().for_each(|public| public.renew());
        self.shared.complete.send_replace(0);
        let t0 = clock::now();
        self.gate.send_modify(|gate| {
            gate.up = true;
            gate.epoch += 1;
            gate.warm = warm;
        });
        Ok(t0)
    }
}

/// So many lines of the file of proxies.
fn lines(path: &Path, first: usize, count: usize) -> anyhow::Result<Vec<Line>> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("{shown}"))?;
    let lines: Vec<Line> = BufReader::new(file)
        .lines()
        .enumerate()
        .skip(first)
        .take(count)
        .map(|(at, line)| {
            let read = serde_json::from_str(&line?);
            read.with_context(|| format!("{shown}: line {}", at + 1))
        })
        .collect::<anyhow::Result<_>>()?;
    anyhow::ensure!(
        lines.len() == count,
        "{shown} has {} proxies from line {}, not {count}",
        lines.len(),
        first + 1
    );
    Ok(lines)
}
