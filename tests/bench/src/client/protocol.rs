//! What the client process is told.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::wire::Kind;

/// What proxies speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Incremental ADS.
    #[default]
    Delta,
    /// State-of-the-world ADS.
    Sotw,
    /// No ADS at all: frames of the raw broadcast ([`crate::floor`]). A frame counts as acknowledged when it is read.
    Raw,
}

/// TLS of the proxies' connections.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tls {
    /// PEM file of the certificates that may have signed the server's.
    pub ca: PathBuf,
    /// The name in the server's certificate.
    pub name: String,
    /// Whether a proxy that comes back resumes its session.
    #[serde(default)]
    pub resume: bool,
}

/// Proxies to start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fleet {
    /// Where the control plane listens.
    pub target: SocketAddr,
    /// A line of JSON for each proxy: `{"id": …, "cluster": …, "token": …, "metadata": {…}}`, all but `id` optional. `token` is
    /// sent as bearer token, `metadata` as that of the node.
    pub proxies: PathBuf,
    /// How many lines of the file are passed over.
    #[serde(default)]
    pub first: usize,
    /// How many proxies to start.
    pub count: usize,
    /// What they speak.
    #[serde(default)]
    pub transport: Transport,
    /// TLS; `None` is plaintext.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// The `:authority` of the calls; that of the TLS name or the target if there is none.
    #[serde(default)]
    pub authority: Option<String>,
    /// Whether secrets that clusters and listeners take from ADS are subscribed to.
    #[serde(default)]
    pub secrets: bool,
    /// Whether resources are kept whole, for [`Command::Dump`]; to be used with few proxies.
    #[serde(default)]
    pub keep: bool,
    /// Most proxies that dial at a time; 0 is no bound.
    #[serde(default)]
    pub dialing: usize,
    /// Extensions that the node of the first request lists, of about 100 bytes each; Envoy lists some 600.
    #[serde(default)]
    pub extensions: usize,
    /// HTTP/2 windows that a proxy grants, stream and connection, bytes. Envoy's are 16 and 24 MiB.
    #[serde(default = "windows")]
    pub windows: (u32, u32),
    /// Bounds of the random wait before another attempt, milliseconds: it doubles from the first to the second. Envoy's are
    /// 500 and 30,000.
    #[serde(default = "backoff")]
    pub backoff_ms: (u64, u64),
}

fn windows() -> (u32, u32) {
    (16 << 20, 24 << 20)
}

fn backoff() -> (u64, u64) {
    (500, 30_000)
}

impl Fleet {
    /// `count` proxies that speak delta in plaintext with `target`; change the rest as needed.
    pub fn new(target: SocketAddr, proxies: PathBuf, count: usize) -> Self {
        Self {
            target,
            proxies,
            first: 0,
            count,
            transport: Transport::default(),
            tls: None,
            authority: None,
            secrets: false,
            keep: false,
            dialing: 0,
            extensions: 0,
            windows: windows(),
            backoff_ms: backoff(),
        }
    }
}

/// What a resource must have in it for a [`Watch`] to count it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum With {
    /// Anything.
    #[default]
    Any,
    /// This IP address, as endpoint.
    Address(String),
    /// Anything but this IP address, removal of the resource included.
    NoAddress(String),
    /// This text.
    Text(String),
    /// Anything but this text, removal of the resource included.
    NoText(String),
    /// The resource is removed.
    Removed,
}

/// A change to be waited for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Watch {
    /// The type of the resource.
    pub kind: Kind,
    /// Its name, or a part of it: names differ from stack to stack.
    pub name: String,
    /// Whether `name` is all of it.
    #[serde(default)]
    pub exact: bool,
    /// What it must contain.
    #[serde(default)]
    pub with: With,
}

impl Watch {
    /// A change of a resource whose name has `part` in it.
    pub fn new(kind: Kind, part: impl Into<String>, with: With) -> Self {
        Self {
            kind,
            name: part.into(),
            exact: false,
            with,
        }
    }
}

/// A registered [`Watch`].
pub type WatchId = u32;

/// How a proxy is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stuck {
    /// It reads nothing from its socket, as a stopped process does. Its server's pings go unanswered.
    Socket,
    /// It answers pings and takes nothing from its stream: its HTTP/2 window fills.
    Window,
    /// It takes all and acknowledges nothing.
    Ack,
}

/// A command to the client process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Start proxies, beside those that are there. Answer: the moment before the first dials ([`crate::clock::Nanos`]).
    Start(Fleet),
    /// Wait until `count` proxies are complete, or for that long. Answer: [`super::Completion`].
    Complete {
        /// How many; those that were complete before count.
        count: usize,
        /// How long at most.
        timeout_ms: u64,
    },
    /// Answer: [`super::Report`].
    Report,
    /// Look for a change from now on. Answer: [`WatchId`].
    Watch(Watch),
    /// Wait until `count` proxies have acknowledged the change, or for that long; then forget it. Answer: [`super::Seen`].
    Seen {
        /// Which.
        watch: WatchId,
        /// How many proxies.
        count: usize,
        /// How long at most.
        timeout_ms: u64,
    },
    /// The first `count` proxies are stuck until [`Command::Unstick`]. Answer: how many are.
    Stick {
        /// How many.
        count: usize,
        /// How.
        how: Stuck,
    },
    /// All go on. Answer: null.
    Unstick,
    /// All close their connections; what they hold stays. Answer: null, when all are closed.
    Disconnect,
    /// All connect again: with what they held (`warm`), or as new ones. Answer: the moment before the first dials.
    Reconnect {
        /// Whether they say what they hold.
        warm: bool,
    },
    /// Write the resources that were kept to a file ([`crate::wire::dump`]). Answer: how many they are.
    Dump(PathBuf),
    /// All proxies are dropped. Answer: null.
    Clear,
}
