//! What happened, for the rest of the control plane.
//!
//! A door, not a queue: one place per kind, stream and type, where the newest stands; a reader that falls behind sees
//! less, later, and never makes this side grow. Who needs the state of things rather than news of it asks
//! [`crate::Server::snapshot`].

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::resource::ResourceKey;
use crate::scope::Scope;
use crate::session::Variant;
use crate::type_url::TypeUrl;

/// A stream's number, unique within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct StreamId(pub(crate) u64);

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// News.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A stream began.
    Connected {
        /// Its scope.
        scope: Scope,
        /// The stream.
        stream: StreamId,
        /// The caller's name.
        caller: Arc<str>,
        /// The protocol's variant.
        variant: Variant,
    },
    /// A stream ended.
    Disconnected {
        /// Its scope.
        scope: Scope,
        /// The stream.
        stream: StreamId,
        /// The caller's name.
        caller: Arc<str>,
    },
    /// A stream waits for a scope that nobody has filled: [`crate::Store::replace`] it.
    Interest {
        /// The scope.
        scope: Scope,
    },
    /// No stream has used a scope for the grace period: it may be dropped with [`crate::Store::drop_scope`].
    Idle {
        /// The scope.
        scope: Scope,
    },
    /// A client asks for resources of its own: fill its own scope with [`crate::Store::replace`].
    Asked {
        /// The scope of the caller's own resources.
        scope: Scope,
        /// The stream.
        stream: StreamId,
        /// The type.
        type_url: TypeUrl,
        /// What it says it holds, with versions. A resource of equal version is not sent again.
        holds: Vec<(Arc<str>, Arc<str>)>,
    },
    /// A client accepted resources.
    Acked {
        /// Its scope.
        scope: Scope,
        /// The stream.
        stream: StreamId,
        /// The type.
        type_url: TypeUrl,
        /// Names with the accepted version; `None` for a removal. Several ACKs that nobody read in between are one;
        /// past [`Event::MOST_NAMES`] names are left out.
        names: Vec<(Arc<str>, Option<Arc<str>>)>,
        /// How many there were.
        total: usize,
        /// When the last of them came.
        at: Instant,
    },
    /// A client rejected resources.
    Nacked {
        /// Its scope.
        scope: Scope,
        /// The stream.
        stream: StreamId,
        /// The type.
        type_url: TypeUrl,
        /// Whose fault it was; all of the response, if it is not known which.
        names: Vec<Arc<str>>,
        /// The client's words, bounded, control characters escaped.
        message: String,
    },
    /// A resource is kept back.
    Held {
        /// Its scope.
        scope: Scope,
        /// The stream.
        stream: StreamId,
        /// The resource.
        resource: ResourceKey,
        /// What is missing; past [`Event::MOST_NAMES`] it is left out.
        waits_for: Vec<ResourceKey>,
        /// What is missing was rejected: the client stays with the version it has.
        rejected: bool,
    },
    /// A resource was sent although something it requires is still missing.
    HoldExpired {
        /// Its scope.
        scope: Scope,
        /// The stream.
        stream: StreamId,
        /// The resource.
        resource: ResourceKey,
        /// What was waited for; past [`Event::MOST_NAMES`] it is left out.
        waited_for: Vec<ResourceKey>,
    },
    /// A client has accepted all it wants, up to a batch of [`crate::Store::apply`].
    Converged {
        /// Its scope.
        scope: Scope,
        /// The stream.
        stream: StreamId,
        /// The batch.
        batch: u64,
        /// How many resources it goes without, or with an earlier version of, because they were rejected.
        withheld: usize,
        /// When the last ACK came.
        at: Instant,
    },
}

impl Event {
    /// Most names in an event that could be thousands.
    pub const MOST_NAMES: usize = 64;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Connected,
    Disconnected,
    Acked,
    Nacked,
    Held,
    HoldExpired,
    Converged,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    /// Interest and idleness of a scope replace each other.
    Scope(Scope),
    /// Never without room: who asks waits for an answer.
    Asked(Scope),
    Stream(StreamId, Kind, Option<TypeUrl>),
}

#[derive(Debug, Default)]
struct Door {
    order: VecDeque<Place>,
    events: HashMap<Place, Event>,
    lost: u64,
}

#[derive(Debug)]
struct Shared {
    door: Mutex<Door>,
    news: Notify,
    most: usize,
}

/// The reading end. One reader.
#[derive(Debug)]
pub struct Feed(Arc<Shared>);

/// The writing end.
#[derive(Clone, Debug)]
pub(crate) struct FeedSender(Arc<Shared>);

/// A feed with room for `most` events of streams; news about scopes always has room, one place a scope.
pub(crate) fn feed(most: usize) -> (FeedSender, Feed) {
    let shared = Arc::new(Shared {
        door: Mutex::default(),
        news: Notify::new(),
        most,
    });
    (FeedSender(shared.clone()), Feed(shared))
}

impl Feed {
    /// Waits for the next event.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.try_next() {
                return event;
            }
            // what came in between has left its permit
            self.0.news.notified().await;
        }
    }

    /// The next event, if there is one.
    pub fn try_next(&mut self) -> Option<Event> {
        let mut door = self.0.door.lock();
        let place = door.order.pop_front()?;
        let event = door.events.remove(&place);
        if door.events.is_empty() {
            // a storm's worth of room is not kept
            door.events.shrink_to(64);
            door.order.shrink_to(64);
        }
        event
    }

    /// How many events found no room so far.
    pub fn lost(&self) -> u64 {
        self.0.door.lock().lost
    }
}

impl FeedSender {
    pub(crate) fn push(&self, event: Event) {
        let place = place(&event);
        {
            let mut door = self.0.door.lock();
            if let Some(waiting) = door.events.get_mut(&place) {
                merge(waiting, event);
            } else {
                if door.events.len() >= self.0.most && matches!(place, Place::Stream(..)) {
                    door.lost += 1;
                    return;
                }
                door.order.push_back(place.clone());
                door.events.insert(place, event);
            }
        }
        self.0.news.notify_one();
    }
}

fn place(event: &Event) -> Place {
    match event {
        Event::Interest { scope } | Event::Idle { scope } => Place::Scope(scope.clone()),
        Event::Asked { scope, .. } => Place::Asked(scope.clone()),
        Event::Connected { stream, .. } => Place::Stream(*stream, Kind::Connected, None),
        Event::Disconnected { stream, .. } => Place::Stream(*stream, Kind::Disconnected, None),
        Event::Acked {
            stream, type_url, ..
        } => Place::Stream(*stream, Kind::Acked, Some(*type_url)),
        Event::Nacked {
            stream, type_url, ..
        } => Place::Stream(*stream, Kind::Nacked, Some(*type_url)),
        Event::Held {
            stream, resource, ..
        } => Place::Stream(*stream, Kind::Held, Some(resource.0)),
        Event::HoldExpired {
            stream, resource, ..
        } => Place::Stream(*stream, Kind::HoldExpired, Some(resource.0)),
        Event::Converged { stream, .. } => Place::Stream(*stream, Kind::Converged, None),
    }
}

fn merge(waiting: &mut Event, event: Event) {
    match (waiting, event) {
        (
            Event::Acked {
                names, total, at, ..
            },
            Event::Acked {
                names: more,
                total: further,
                at: later,
                ..
            },
        ) => {
            let again = names.len();
            names.retain(|(name, _)| more.iter().all(|(newer, _)| newer != name));
            *total = *total + further - (again - names.len());
            names.extend(more);
            names.truncate(Event::MOST_NAMES);
            *at = later;
        }
        (waiting, event) => *waiting = event,
    }
}

#[cfg(test)]
mod tests;
