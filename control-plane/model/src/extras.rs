//! What users ask for by annotations of our own group, beyond what their manifests' language can say.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::Str;

/// The annotation that names more hosts of a service.
pub const HOST_ALIASES: &str = "tulle.dev/host-aliases";

/// How much of something, in millionths of the whole.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Share(u32);

impl Share {
    /// All of it.
    pub const ALL: Self = Self(1_000_000);

    /// So many millionths; `None` if that is more than the whole.
    pub fn of_millionths(millionths: u32) -> Option<Self> {
        (millionths <= Self::ALL.0).then_some(Self(millionths))
    }

    /// In millionths, from 0 to 1,000,000.
    pub fn millionths(self) -> u32 {
        self.0
    }
}

/// How often a listener takes a request (HTTP) or a connection (TCP), counted in each proxy on its own: a
/// bucket of tokens, each of which lets one through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RateLimit {
    /// Tokens that come every `interval`; at least 1.
    pub tokens: u32,
    /// Time between two fillings; Envoy takes nothing under 50 ms.
    pub interval: Duration,
    /// Tokens that the bucket holds; at least 1.
    pub burst: u32,
}

/// What is done to headers. Names are in lower case; no name occurs in more than one list, none twice in
/// `set` or `remove`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HeaderEdits {
    /// Headers that get this value in place of any they have, sorted by name.
    pub set: Vec<(Str, Str)>,
    /// Headers that get one more value, in the user's order.
    pub add: Vec<(Str, Str)>,
    /// Headers that are taken away, sorted.
    pub remove: Vec<Str>,
}

impl HeaderEdits {
    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.add.is_empty() && self.remove.is_empty()
    }
}

/// What becomes of some requests on purpose, to see how clients bear it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Fault {
    /// They wait first.
    pub delay: Option<Delay>,
    /// They are answered by the client's own proxy.
    pub abort: Option<Abort>,
}

/// Requests that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Delay {
    /// How many of them.
    pub share: Share,
    /// How long; more than zero.
    pub duration: Duration,
}

/// Requests that are answered without asking anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Abort {
    /// How many of them.
    pub share: Share,
    /// The answer.
    pub answer: AbortAnswer,
}

/// An answer nobody was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AbortAnswer {
    /// An HTTP status, 200 to 599.
    Http(u16),
    /// A gRPC status, 0 to 16.
    Grpc(u32),
}

/// A copy of some requests, whose answers nobody waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mirror<T> {
    /// Where to.
    pub to: T,
    /// How many of them.
    pub share: Share,
}

/// What a route does beyond forwarding; `T` is how a mirror's destination is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouteExtras<T> {
    /// To the request on its way to the server.
    pub request_headers: HeaderEdits,
    /// To the answer on its way back.
    pub response_headers: HeaderEdits,
    /// Failures on purpose.
    pub fault: Option<Fault>,
    /// Copies.
    pub mirrors: Vec<Mirror<T>>,
}

impl<T> Default for RouteExtras<T> {
    fn default() -> Self {
        Self {
            request_headers: HeaderEdits::default(),
            response_headers: HeaderEdits::default(),
            fault: None,
            mirrors: Vec::new(),
        }
    }
}
