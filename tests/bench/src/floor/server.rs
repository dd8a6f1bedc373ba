//! The ADS floor: a task a connection, shared bytes, and of a stream only which types it was sent.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use h2::server::Connection;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderValue, Response};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use super::frames::{Both, Frames};
use super::protocol::Event;
use crate::clock::{self, Nanos};
use crate::wire::reader::{Part, Reader};
use crate::wire::{Kind, SOTW};

/// A floor: its data and its streams, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Server {
    pub(super) frames: Frames,
    events: AtomicU64,
    streams: Mutex<BTreeMap<u64, Arc<Slot>>>,
    last: AtomicU64,
}

/// Where a stream finds what to send.
#[derive(Debug)]
pub(super) struct Slot {
    sotw: bool,
    queue: Mutex<VecDeque<Bytes>>,
    news: Notify,
}

/// A stream's place among the others, for as long as this lives.
pub(super) struct Place<'a> {
    server: &'a Server,
    number: u64,
    slot: Arc<Slot>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.server.streams.lock().remove(&self.number);
    }
}

impl Place<'_> {
    /// The next piece to send, when there is one.
    pub(super) async fn next(&self) -> Bytes {
        loop {
            if let Some(bytes) = self.slot.queue.lock().pop_front() {
                return bytes;
            }
            self.slot.news.notified().await;
        }
    }
}

impl Server {
    pub(super) fn new(frames: Frames) -> Self {
        Self {
            frames,
            events: AtomicU64::new(0),
            streams: Mutex::default(),
            last: AtomicU64::new(0),
        }
    }

    pub(crate) fn streams(&self) -> usize {
        self.streams.lock().len()
    }

    pub(super) fn enter(&self, sotw: bool) -> Place<'_> {
        let slot = Arc::new(Slot {
            sotw,
            queue: Mutex::default(),
            news: Notify::new(),
        });
        let number = self.last.fetch_add(1, Relaxed);
        self.streams.lock().insert(number, slot.clone());
        Place {
            server: self,
            number,
            slot,
        }
    }

    /// Sends a change. The moment before the first stream is told; `None` where there is no such resource.
    pub(crate) fn event(&self, event: &Event) -> Option<Nanos> {
        let version = format!("e{}", self.events.fetch_add(1, Relaxed));
        let update = self.frames.update(event.kind, &event.name, &version)?;
        Some(self.tell(&update, event.streams))
    }

    fn tell(&self, update: &Both, count: usize) -> Nanos {
        let slots: Vec<Arc<Slot>> = self.streams.lock().values().take(count).cloned().collect();
        let t0 = clock::now();
        for slot in slots {
            let bytes = if slot.sotw {
                &update.sotw
            } else {
                &update.delta
            };
            slot.queue.lock().push_back(bytes.clone());
            slot.news.notify_one();
        }
        t0
    }

    /// Serves a connection to its end.
    pub(super) async fn serve(
        &self,
        io: impl AsyncRead + AsyncWrite + Unpin,
    ) -> Result<(), h2::Error> {
        let mut connection: Connection<_, Bytes> = h2::server::Builder::new()
            .initial_window_size(64 * 1024)
            .initial_connection_window_size(256 * 1024)
            .max_concurrent_streams(16)
            .max_header_list_size(16 * 1024)
            .handshake(io)
            .await?;
        let mut stream: Option<Stream<'_>> = None;
        loop {
            tokio::select! {
                accepted = connection.accept() => {
                    let Some(accepted) = accepted else {
                        return Ok(());
                    };
                    let (request, mut respond) = accepted?;
                    let sotw = request.uri().path() == SOTW;
                    let mut head = Response::new(());
                    head.headers_mut()
                        .insert("content-type", HeaderValue::from_static("application/grpc"));
                    stream = Some(Stream {
                        out: respond.send_response(head, false)?,
                        requests: request.into_body(),
                        reader: Reader::default(),
                        asked: Asked::default(),
                        sent: 0,
                        place: self.enter(sotw),
                    });
                }
                turn = turn(&mut stream, &self.frames) => {
                    if !turn? {
                        stream = None;
                    }
                }
            }
        }
    }
}

struct Stream<'a> {
    out: SendStream<Bytes>,
    requests: RecvStream,
    reader: Reader,
    asked: Asked,
    /// A bit for each type.
    sent: u8,
    place: Place<'a>,
}

/// One thing that happens on a stream. Whether it goes on.
async fn turn(stream: &mut Option<Stream<'_>>, frames: &Frames) -> Result<bool, h2::Error> {
    let Some(stream) = stream else {
        return std::future::pending().await;
    };
    tokio::select! {
        update = stream.place.next() => stream.out.send_data(update, false)?,
        data = stream.requests.data() => {
            let Some(data) = data.transpose()? else {
                return Ok(false);
            };
            stream.requests.flow_control().release_capacity(data.len())?;
            stream.reader.push(&data);
            let sotw = stream.place.slot.sotw;
            while let Some(part) = stream.reader.next().map_err(|_| Reason::PROTOCOL_ERROR)? {
                let Some(kind) = stream.asked.take(part, sotw) else {
                    continue;
                };
                let bit = 1 << kind.index();
                if stream.sent & bit == 0 {
                    stream.sent |= bit;
                    let initial = frames.initial(kind);
                    let bytes = if sotw { &initial.sotw } else { &initial.delta };
                    stream.out.send_data(bytes.clone(), false)?;
                }
            }
        }
    }
    Ok(true)
}

/// A request as far as it was read.
#[derive(Debug, Default)]
struct Asked {
    kind: Option<Kind>,
    /// It says that something is held already.
    held: bool,
}

impl Asked {
    /// Takes a part of it; at its end the type that it asks for, unless that is held already.
    fn take(&mut self, part: Part, sotw: bool) -> Option<Kind> {
        match part {
            // `type_url` is field 2 in delta and 4 in state of the world, where 2 is the node; 4 is a name in delta
            Part::Field(2 | 4, url) => self.kind = Kind::of(&url).or(self.kind),
            // a version in state of the world; versions in delta, or a nonce in state of the world
            Part::Field(1, _) if sotw => self.held = true,
            Part::Field(5, _) => self.held = true,
            Part::Field(..) => {}
            Part::End(_) => {
                let Self { kind, held } = std::mem::take(self);
                return kind.filter(|_| !held);
            }
        }
        None
    }
}
