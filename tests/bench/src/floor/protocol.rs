//! What the floor process is told, and what it answers.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::wire::Kind;

/// What a floor speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Speaks {
    /// ADS, incremental and state of the world, over HTTP/2.
    #[default]
    Ads,
    /// Frames of bytes, one way.
    Raw,
}

/// How a floor is set up.
#[derive(Clone, Debug)]
pub struct Floor {
    /// The resources to serve ([`crate::wire::dump`]).
    pub dump: PathBuf,
    /// What it speaks. A raw floor greets each connection with all resources in one frame.
    pub speaks: Speaks,
    /// Where to listen; port 0 takes any.
    pub listen: SocketAddr,
    /// Speak TLS: a certificate for `localhost` is made, and that of its authority is written to this file.
    pub tls: Option<PathBuf>,
}

/// What a floor says when it listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ready {
    /// Where.
    pub address: SocketAddr,
    /// Resources it serves.
    pub resources: usize,
    /// Their bytes, as `Any.value`.
    pub resource_bytes: u64,
}

/// A change for some streams: the resource is sent again, under a new version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Its type.
    pub kind: Kind,
    /// Its name; the first of its type, if empty.
    pub name: String,
    /// How many streams it is sent to: those that came first.
    pub streams: usize,
}

/// A command to the floor process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Send a change. Answer: the moment before the first stream is told.
    Event(Event),
    /// Answer: how many streams there are.
    Streams,
}
