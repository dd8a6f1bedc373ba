//! One simulated proxy: connects, speaks, is stuck, leaves and comes back as its gate says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, TE};
use parking_lot::Mutex;
use tokio::io::AsyncReadExt;
use tokio::sync::watch;

use super::connect::{Dial, DialError, Socket};
use super::end::{End, data, failed, http2, status};
use super::fleet::Shared;
use super::protocol::{Stuck, Transport};
use super::session::Session;
use crate::clock::{self, Nanos};
use crate::wire::reader::{Part, Reader};
use crate::wire::request::Node;
use crate::wire::{DELTA, SOTW};

/// What all proxies are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gate {
    /// Whether they are to be connected.
    pub(super) up: bool,
    /// Counts up whenever they are to connect anew…
    pub(super) epoch: u32,
    /// …saying what they hold.
    pub(super) warm: bool,
    /// How many are stuck, and how.
    pub(super) stuck: Option<(usize, Stuck)>,
}

/// What is known of a proxy outside its task.
#[derive(Debug, Default)]
pub(super) struct Public {
    pub(super) up: AtomicBool,
    pub(super) responses: AtomicU64,
    pub(super) connected: AtomicU64,
    pub(super) first: AtomicU64,
    pub(super) complete: AtomicU64,
}

impl Public {
    pub(super) fn renew(&self) {
        for moment in [&self.connected, &self.first, &self.complete] {
            moment.store(0, Relaxed);
        }
    }
}

/// A proxy.
pub(super) struct Proxy {
    pub(super) index: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) setup: Arc<Setup>,
    pub(super) public: Arc<Public>,
    pub(super) dial: Dial,
    pub(super) node: Node,
    pub(super) token: Option<HeaderValue>,
    pub(super) session: Session,
    /// Takes all and acknowledges nothing.
    pub(super) deaf: bool,
}

/// What the proxies of a fleet have in common.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) transport: Transport,
    pub(super) uri: http::Uri,
    pub(super) windows: (u32, u32),
    pub(super) backoff: (Duration, Duration),
    pub(super) dialing: Option<Arc<tokio::sync::Semaphore>>,
    pub(super) held: Mutex<Option<std::collections::BTreeMap<crate::wire::Kind, (u64, u64)>>>,
}

impl Proxy {
    /// Lives until the gate is dropped.
    pub(super) async fn live(mut self, mut gate: watch::Receiver<Gate>) {
        let mut epoch = 0;
        let mut chance = clock::now() ^ (self.index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut pause = self.setup.backoff.0;
        loop {
            let Ok(now) = gate.wait_for(|gate| gate.up).await.map(|gate| *gate) else {
                return;
            };
            if now.epoch != epoch {
                epoch = now.epoch;
                pause = self.setup.backoff.0;
                if !now.warm {
                    self.session.reset();
                }
            }
            let end = self.once(&mut gate, epoch).await;
            if self.public.up.swap(false, Relaxed) && self.public.first.load(Relaxed) != 0 {
                pause = self.setup.backoff.0;
            }
            match end {
                End::Gone => return,
                End::Told => {}
                End::Failed(cause) => {
                    self.shared.refused(&cause);
                    let wait = jitter(&mut chance, pause);
                    pause = (pause * 2).min(self.setup.backoff.1);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        changed = gate.wait_for(|gate| !gate.up || gate.epoch != epoch) => {
                            if changed.is_err() {
                                return;
                            }
                        }
                    }
                }
            }
        }
    }

    async fn once(&mut self, gate: &mut watch::Receiver<Gate>, epoch: u32) -> End {
        let socket = tokio::select! {
            told = gate.wait_for(|gate| !gate.up || gate.epoch != epoch) => {
                return if told.is_ok() { End::Told } else { End::Gone };
            }
            socket = self.connect() => match socket {
                Ok(socket) => socket,
                Err(error) => return End::Failed(error.to_string()),
            },
        };
        self.public.connected.store(clock::now(), Relaxed);
        let ended = match self.setup.transport {
            Transport::Raw => self.raw(socket, gate, epoch).await,
            Transport::Delta | Transport::Sotw => self.http2(socket, gate, epoch).await,
        };
        match ended {
            Ok(()) => End::Told,
            Err(end) => end,
        }
    }

    async fn connect(&self) -> Result<Socket, DialError> {
        let _turn = match &self.setup.dialing {
            Some(turns) => turns.acquire().await.ok(),
            None => None,
        };
        self.dial.connect().await
    }

    /// How this proxy is stuck, if it is. An error where its stream is to end.
    fn stuck(&self, gate: &mut watch::Receiver<Gate>, epoch: u32) -> Result<Option<Stuck>, End> {
        let gate = *gate.borrow_and_update();
        if !gate.up || gate.epoch != epoch {
            return Err(End::Told);
        }
        Ok(gate
            .stuck
            .filter(|(count, _)| self.index < *count)
            .map(|(_, how)| how))
    }

    /// Reads frames and answers nothing.
    async fn raw(
        &mut self,
        mut socket: Socket,
        gate: &mut watch::Receiver<Gate>,
        epoch: u32,
    ) -> Result<(), End> {
        self.public.up.store(true, Relaxed);
        let mut reader = Reader::default();
        self.session.open(&self.node);
        let mut buffer = Vec::with_capacity(16 * 1024);
        loop {
            let stuck = self.stuck(gate, epoch)?;
            tokio::select! {
                changed = gate.changed() => changed.map_err(|_| End::Gone)?,
                read = socket.read_buf(&mut buffer), if stuck.is_none() => {
                    if read.map_err(|_| failed("connection"))? == 0 {
                        return Err(failed("connection"));
                    }
                    reader.push(&buffer);
                    buffer.clear();
                    self.take(&mut reader, |_| Ok(()))?;
                }
            }
        }
    }

    async fn http2(
        &mut self,
        socket: Socket,
        gate: &mut watch::Receiver<Gate>,
        epoch: u32,
    ) -> Result<(), End> {
        let (stream, connection) = self.setup.windows;
        let handshake = h2::client::Builder::new()
            .initial_window_size(stream)
            .initial_connection_window_size(connection)
            .enable_push(false)
            .max_send_buffer_size(1 << 20)
            .handshake::<_, bytes::Bytes>(socket)
            .await;
        let (requests, mut connection) = handshake.map_err(http2)?;
        let mut requests = requests.ready().await.map_err(http2)?;
        let (response, mut out) = requests.send_request(self.call(), false).map_err(http2)?;
        let mut response = std::pin::pin!(response);
        for request in self.session.open(&self.node) {
            out.send_data(request, false).map_err(http2)?;
        }
        let mut reader = Reader::default();
        let mut body: Option<h2::RecvStream> = None;
        let mut alive = true;
        loop {
            let stuck = self.stuck(gate, epoch)?;
            self.deaf = stuck == Some(Stuck::Ack);
            let reads = !matches!(stuck, Some(Stuck::Socket | Stuck::Window));
            tokio::select! {
                biased;
                changed = gate.changed() => changed.map_err(|_| End::Gone)?,
                // what came before its end is still read from the stream
                _ = &mut connection, if alive && stuck != Some(Stuck::Socket) => alive = false,
                answered = &mut response, if body.is_none() => {
                    let answered = answered.map_err(http2)?;
                    if let Some(cause) = status(answered.headers()) {
                        return Err(End::Failed(cause));
                    }
                    if !answered.status().is_success() {
                        return Err(failed(answered.status().as_str()));
                    }
                    body = Some(answered.into_body());
                    self.public.up.store(true, Relaxed);
                    self.judge(clock::now());
                }
                data = data(&mut body), if reads && body.is_some() => {
                    let data = data?;
                    reader.push(&data);
                    self.take(&mut reader, |request| {
                        out.send_data(request, false).map_err(http2)
                    })?;
                }
            }
        }
    }

    fn call(&self) -> Request<()> {
        let mut request = Request::post(self.setup.uri.clone())
            .body(())
            .unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        request
    }

    /// Takes what has been read, and sends what follows from it.
    fn take(
        &mut self,
        reader: &mut Reader,
        mut send: impl FnMut(bytes::Bytes) -> Result<(), End>,
    ) -> Result<(), End> {
        let shared = self.shared.clone();
        while let Some(part) = reader.next()? {
            let len = match part {
                Part::Field(number, bytes) => {
                    self.session.field(number, bytes, &shared.marks)?;
                    continue;
                }
                Part::End(len) => len,
            };
            let mut answer = self.session.end(len, &shared.marks)?;
            self.public.responses.fetch_add(1, Relaxed);
            if self.deaf {
                answer.count.acks = 0;
                shared.count(answer.kind, &answer.count);
                continue;
            }
            for request in answer.requests {
                send(request)?;
            }
            let at = clock::now();
            shared.count(answer.kind, &answer.count);
            let _ = self.public.first.compare_exchange(0, at, Relaxed, Relaxed);
            for mark in &answer.marks {
                mark.acked(self.index, at);
            }
            self.judge(at);
        }
        Ok(())
    }

    /// Says that the proxy is complete, if it has become so.
    fn judge(&self, at: Nanos) {
        if self.public.complete.load(Relaxed) == 0 && self.session.complete() {
            self.public.complete.store(at, Relaxed);
            if self.index == 0 {
                *self.setup.held.lock() = Some(self.session.held());
            }
            self.shared.complete.send_modify(|count| *count += 1);
        }
    }
}

/// A random share of `most`.
fn jitter(chance: &mut u64, most: Duration) -> Duration {
    *chance ^= *chance << 13;
    *chance ^= *chance >> 7;
    *chance ^= *chance << 17;
    most.mul_f64((*chance >> 11) as f64 / (1_u64 << 53) as f64)
}

impl Setup {
    /// The method that is called.
    pub(super) fn method(transport: Transport) -> &'static str {
        if transport == Transport::Sotw {
            SOTW
        } else {
            DELTA
        }
    }
}
