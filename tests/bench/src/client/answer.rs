//! What the client process answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{self, Nanos};
use crate::wire::Kind;

/// Which proxies are complete: they have acknowledged clusters and listeners, and hold all endpoints and routes that these
/// name. A proxy that came back warm is complete when its stream is answered and nothing is missing: what is sent to it all
/// the same may still be under way then.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Completion {
    /// How many there are in all.
    pub proxies: usize,
    /// The moment of each one's first acknowledged response since it last dialled, in order.
    pub first: Vec<Nanos>,
    /// The moment at which each became complete, in order: one a complete proxy.
    pub complete: Vec<Nanos>,
    /// The moment at which each was connected (TLS done), in order.
    pub connected: Vec<Nanos>,
}

impl Completion {
    /// From `t0` to the last complete proxy.
    pub fn last_after(&self, t0: Nanos) -> Option<Duration> {
        Some(clock::between(t0, *self.complete.last()?))
    }

    /// From `t0` to each complete proxy, in seconds, in order.
    pub fn after(&self, t0: Nanos) -> Vec<f64> {
        seconds(t0, &self.complete)
    }
}

fn seconds(t0: Nanos, moments: &[Nanos]) -> Vec<f64> {
    moments
        .iter()
        .map(|at| clock::between(t0, *at).as_secs_f64())
        .collect()
}

/// What was counted of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Responses.
    pub messages: u64,
    /// Resources in them.
    pub resources: u64,
    /// Names of removed resources in them.
    pub removed: u64,
    /// Bytes of the resources, as `Any.value`: nothing of the protocol around them.
    pub resource_bytes: u64,
    /// Bytes of the responses, as gRPC messages.
    pub message_bytes: u64,
    /// Responses that were acknowledged.
    pub acks: u64,
}

/// Bytes on the sockets: TLS and HTTP/2 included, TCP and IP not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wire {
    /// From the server.
    pub read: u64,
    /// To the server.
    pub written: u64,
}

/// Totals over all proxies since they were started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Proxies there are.
    pub proxies: usize,
    /// Those with a live stream.
    pub connected: usize,
    /// Those that are complete.
    pub complete: usize,
    /// Attempts that failed and streams that ended without being asked to, by cause: a gRPC status such as
    /// `RESOURCE_EXHAUSTED`, or what failed. All were tried again.
    pub refused: BTreeMap<String, u64>,
    /// Responses that could not be read. A proxy rejects nothing else.
    pub unreadable: u64,
    /// Counts by type.
    pub kinds: BTreeMap<Kind, Count>,
    /// Bytes on the sockets.
    pub wire: Wire,
    /// Responses to the proxy that got fewest, to the middle one, and to the one that got most.
    pub messages_each: [u64; 3],
    /// Resource bytes of all that the first proxy holds, by type: `(resources, bytes)`.
    pub held: BTreeMap<Kind, (u64, u64)>,
}

impl Report {
    /// What was added since an earlier report; the state is that of `self`.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut left = self.clone();
        for (kind, was) in &earlier.kinds {
            let is = left.kinds.entry(*kind).or_default();
            is.messages -= was.messages;
            is.resources -= was.resources;
            is.removed -= was.removed;
            is.resource_bytes -= was.resource_bytes;
            is.message_bytes -= was.message_bytes;
            is.acks -= was.acks;
        }
        for (cause, was) in &earlier.refused {
            if let Some(is) = left.refused.get_mut(cause) {
                *is -= was;
            }
        }
        left.refused.retain(|_, count| *count > 0);
        left.unreadable -= earlier.unreadable;
        left.wire.read -= earlier.wire.read;
        left.wire.written -= earlier.wire.written;
        left
    }

    /// All types together.
    pub fn total(&self) -> Count {
        let mut total = Count::default();
        for count in self.kinds.values() {
            total.messages += count.messages;
            total.resources += count.resources;
            total.removed += count.removed;
            total.resource_bytes += count.resource_bytes;
            total.message_bytes += count.message_bytes;
            total.acks += count.acks;
        }
        total
    }
}

/// Who was sent something, and nothing of what was watched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    /// Proxies.
    pub proxies: u64,
    /// Responses to them.
    pub messages: u64,
}

/// What became of a [`super::Watch`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    /// When it was registered.
    pub since: Nanos,
    /// The moment at which each proxy first acknowledged the change, in order.
    pub acks: Vec<Nanos>,
    /// Responses to those that acknowledged it, since it was registered.
    pub messages: u64,
    /// The rest.
    pub others: Others,
}

impl Seen {
    /// From `t0` to each proxy's acknowledgement, in seconds, in order.
    pub fn after(&self, t0: Nanos) -> Vec<f64> {
        seconds(t0, &self.acks)
    }
}
