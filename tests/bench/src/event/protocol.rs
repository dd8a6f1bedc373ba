//! What the event source is told, and what it answers.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::clock::Nanos;

/// A change of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A service has these endpoints from now on.
    Endpoints {
        /// Which.
        service: String,
        /// Their addresses.
        addresses: Vec<Ipv4Addr>,
    },
    /// A service is rolled: these endpoints are ready, and those are about to end.
    Roll {
        /// Which.
        service: String,
        /// Addresses of pods that are ready.
        ready: Vec<Ipv4Addr>,
        /// Those of pods that still serve, and were told to end.
        leaving: Vec<Ipv4Addr>,
    },
    /// So many of a hundred requests go to the node that is to follow.
    Weights {
        /// The service that shares its requests.
        service: String,
        /// So many.
        next: u32,
    },
    /// An annotation of the service's Service gets a new value: nobody's configuration is another for it.
    Annotation {
        /// Which.
        service: String,
        /// The value.
        value: String,
    },
    /// A pod's status is written as a kubelet does that has nothing new to say.
    Heartbeat {
        /// Number of the pod.
        pod: usize,
        /// When, RFC 3339.
        at: String,
    },
    /// The annotation of an object in another namespace, of which nothing follows.
    Elsewhere {
        /// The value.
        value: String,
    },
}

/// A change that the API server has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The moment before it was sent.
    pub sent: Nanos,
    /// The moment at which its acknowledgement arrived: t0.
    pub acknowledged: Nanos,
}

/// Changes that go on meanwhile: an endpoint comes to one service after the other, and leaves it the next time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noise {
    /// How many in a second.
    pub per_second: u32,
    /// Whose endpoints these are, in turn.
    pub services: Vec<String>,
}

/// A command to the event source.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Make a change. Answer: [`Written`].
    Change(Change),
    /// Begin to make noise, or end it. Answer: how many changes the noise so far has made.
    Noise(Option<Noise>),
}
