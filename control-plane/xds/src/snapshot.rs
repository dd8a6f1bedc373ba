//! All streams as people see them.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::feed::StreamId;
use crate::scope::Scope;
use crate::server::Counters;
use crate::session::{TypeView, Variant};

/// The state of a server.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Snapshot {
    /// Live streams, oldest first.
    pub streams: Vec<StreamView>,
    /// Totals since the server began.
    pub counters: Counters,
    /// Contents that clients of some version are known to reject.
    pub quarantined: usize,
}

/// One stream.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StreamView {
    /// Its number.
    pub id: StreamId,
    /// The proven caller.
    pub caller: Arc<str>,
    /// Whose resources it is served.
    pub scope: Scope,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// The protocol's variant.
    pub variant: Variant,
    /// For how long it has been there, in milliseconds.
    pub connected_ms: u64,
    /// The node's id, in the client's words: a hint for people.
    pub node: String,
    /// The client's name and version, in its own words.
    pub client: String,
    /// Acknowledgements that came too late to count.
    pub stale: u64,
    /// The types it has asked for.
    pub types: Vec<TypeView>,
}
