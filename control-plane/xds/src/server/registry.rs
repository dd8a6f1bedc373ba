//! The live streams.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::auth::Caller;
use crate::feed::{Event, FeedSender, StreamId};
use crate::session::{Node, Session, Variant};
use crate::snapshot::StreamView;

/// A live stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    pub(crate) caller: Caller,
    pub(crate) peer: SocketAddr,
    pub(crate) variant: Variant,
    pub(crate) since: Instant,
    pub(crate) session: Mutex<Session>,
    /// Told when the stream is to end.
    pub(crate) end: Notify,
    /// Types of which the client is to see nothing more, as a bit mask.
    pub(crate) withdrawn: AtomicU32,
    /// Told when `withdrawn` is different.
    pub(crate) withdrew: Notify,
}

#[derive(Debug, Default)]
pub(crate) struct Registry {
    last: AtomicU64,
    last_peer: AtomicU64,
    live: Mutex<Live>,
}

#[derive(Debug, Default)]
struct Live {
    streams: BTreeMap<StreamId, Arc<Stream>>,
    by_caller: HashMap<Arc<str>, OfCaller>,
    /// What was withdrawn from a caller, on this stream and those to come.
    withdrawn: HashMap<Arc<str>, u32>,
}

/// The live streams of one caller.
#[derive(Debug, Default)]
struct OfCaller {
    streams: BTreeMap<StreamId, Arc<Stream>>,
    /// Its reports, each with what tells it to end.
    peers: BTreeMap<u64, Arc<Notify>>,
}

/// A stream's place among the live ones, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) stream: Arc<Stream>,
    registry: Arc<Registry>,
    feed: FeedSender,
}

/// The same of a peer's stream.
#[derive(Debug)]
pub(crate) struct RegisteredPeer {
    /// Unique among the streams of peers.
    pub(crate) number: u64,
    /// Told when the stream is to end.
    pub(crate) end: Arc<Notify>,
    name: Arc<str>,
    registry: Arc<Registry>,
}

impl Registry {
    /// Adds a stream, unless its caller has `most` already.
    pub(crate) fn add(
        self: &Arc<Self>,
        caller: Caller,
        peer: SocketAddr,
        variant: Variant,
        session: Session,
        most: usize,
        feed: &FeedSender,
    ) -> Option<Registered> {
        let mut live = self.live.lock();
        if live.count(&caller.name) >= most {
            return None;
        }
        let withdrawn = live.withdrawn.get(&caller.name).copied().unwrap_or(0);
        let id = StreamId(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        let stream = Arc::new(Stream {
            id,
            caller,
            peer,
            variant,
            since: Instant::now(),
            session: Mutex::new(session),
            end: Notify::new(),
            withdrawn: AtomicU32::new(withdrawn),
            withdrew: Notify::new(),
        });
        live.streams.insert(id, stream.clone());
        let name = stream.caller.name.clone();
        let of_caller = live.by_caller.entry(name).or_default();
        of_caller.streams.insert(id, stream.clone());
        drop(live);
        feed.push(Event::Connected {
            scope: stream.caller.scope.clone(),
            stream: id,
            caller: stream.caller.name.clone(),
            variant,
        });
        Some(Registered {
            stream,
            registry: self.clone(),
            feed: feed.clone(),
        })
    }

    /// Adds a peer's stream, unless its caller has `most` already.
    pub(crate) fn add_peer(
        self: &Arc<Self>,
        name: &Arc<str>,
        most: usize,
    ) -> Option<RegisteredPeer> {
        let mut live = self.live.lock();
        if live.count(name) >= most {
            return None;
        }
        let number = self.last_peer.fetch_add(1, Ordering::Relaxed) + 1;
        let end = Arc::new(Notify::new());
        let of_caller = live.by_caller.entry(name.clone()).or_default();
        of_caller.peers.insert(number, end.clone());
        Some(RegisteredPeer {
            number,
            end,
            name: name.clone(),
            registry: self.clone(),
        })
    }

    /// Tells all streams of a caller to end. How many there were.
    pub(crate) fn end(&self, caller: &str) -> usize {
        let live = self.live.lock();
        let Some(of_caller) = live.by_caller.get(caller) else {
            return 0;
        };
        for stream in of_caller.streams.values() {
            stream.end.notify_one();
        }
        for end in of_caller.peers.values() {
            end.notify_one();
        }
        of_caller.len()
    }

    pub(crate) fn streams(&self) -> Vec<Arc<Stream>> {
        self.live.lock().streams.values().cloned().collect()
    }

    /// Sets the types of which a caller is to see nothing, now and on its streams to come. Whether that is new.
    pub(crate) fn withdraw(&self, caller: &str, types: u32) -> bool {
        let mut live = self.live.lock();
        let before = match types {
            0 => live.withdrawn.remove(caller),
            _ => live.withdrawn.insert(caller.into(), types),
        };
        let of_caller = live.by_caller.get(caller).into_iter();
        for stream in of_caller.flat_map(|of_caller| of_caller.streams.values()) {
            stream.withdrawn.store(types, Ordering::Release);
            stream.withdrew.notify_one();
        }
        before.unwrap_or(0) != types
    }

    pub(crate) fn len(&self) -> usize {
        self.live.lock().streams.len()
    }
}

impl Live {
    fn count(&self, caller: &str) -> usize {
        self.by_caller.get(caller).map_or(0, OfCaller::len)
    }

    fn leave(&mut self, caller: &str, leave: impl FnOnce(&mut OfCaller)) {
        if let Some(of_caller) = self.by_caller.get_mut(caller) {
            leave(of_caller);
            if of_caller.len() == 0 {
                self.by_caller.remove(caller);
            }
        }
    }
}

impl OfCaller {
    fn len(&self) -> usize {
        self.streams.len() + self.peers.len()
    }
}

impl Stream {
    pub(crate) fn view(&self, now: Instant) -> StreamView {
        let session = self.session.lock();
        let node = session.node();
        StreamView {
            id: self.id,
            caller: self.caller.name.clone(),
            scope: self.caller.scope.clone(),
            peer: self.peer,
            variant: self.variant,
            connected_ms: now
                .saturating_duration_since(self.since)
                .as_millis()
                .try_into()
                .unwrap_or(u64::MAX),
            node: node.map(Node::id).unwrap_or_default().to_owned(),
            client: node.map(Node::client).unwrap_or_default().to_owned(),
            stale: session.stale(),
            types: session.view(now),
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut live = self.registry.live.lock();
        live.streams.remove(&self.stream.id);
        live.leave(&self.stream.caller.name, |of_caller| {
            of_caller.streams.remove(&self.stream.id);
        });
        drop(live);
        self.feed.push(Event::Disconnected {
            scope: self.stream.caller.scope.clone(),
            stream: self.stream.id,
            caller: self.stream.caller.name.clone(),
        });
    }
}

impl Drop for RegisteredPeer {
    fn drop(&mut self) {
        let mut live = self.registry.live.lock();
        live.leave(&self.name, |of_caller| {
            of_caller.peers.remove(&self.number);
        });
    }
}
