//! The bounds of a server.

use std::time::Duration;

use crate::session::SessionSettings;

/// How a server is set up. Every limit that an HTTP/2 library would leave open is here.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// `control_plane.identifier` of every response: this replica's name.
    pub identifier: String,
    /// The bounds of each session.
    pub session: SessionSettings,
    /// Most connections, proven or not. More are closed as soon as they come.
    pub max_connections: usize,
    /// Most connections on which nobody has been proven. One more, and the oldest of them is closed.
    pub max_unauthenticated: usize,
    /// Longest TLS handshake.
    pub handshake_timeout: Duration,
    /// Longest time from the handshake to the first proven caller.
    pub unauthenticated_timeout: Duration,
    /// A connection with no stream for this long is closed.
    pub idle_timeout: Duration,
    /// Most concurrent streams on a connection.
    pub max_streams_per_connection: u32,
    /// Most concurrent streams of one caller, by its name, its reports counted.
    pub max_streams_per_caller: usize,
    /// Most connections on which one caller, by its name, was the first to be proven; never fewer than the streams it may
    /// have. A call on one more is refused, and the connection counts as one on which nobody has been proven.
    pub max_connections_per_caller: usize,
    /// Largest header list, bytes.
    pub max_header_list: u32,
    /// Largest request message, bytes.
    pub max_message: usize,
    /// Largest report of a peer, bytes.
    pub max_report: usize,
    /// HTTP/2 pings go out this often, each connection at a pace of its own within a quarter of it…
    pub keepalive_interval: Duration,
    /// …and a connection that does not answer one for this long is closed.
    pub keepalive_timeout: Duration,
    /// A stream whose client leaves a response unanswered for this long is closed. `None`: keepalive alone decides.
    pub ack_deadline: Option<Duration>,
    /// A scope without streams for this long is reported idle.
    pub scope_grace: Duration,
    /// Rejected content is not tried again on clients of that version for this long, unless it changes.
    pub quarantine_for: Duration,
    /// How long a draining connection may take to end after its goodbye.
    pub drain_grace: Duration,
}

impl ServerSettings {
    /// The connections that one caller may have.
    pub(super) fn connections_of_one(&self) -> usize {
        self.max_connections_per_caller
            .max(self.max_streams_per_caller)
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            identifier: "tulle".to_owned(),
            session: SessionSettings::default(),
            max_connections: 20_000,
            max_unauthenticated: 8_192,
            // thousands that come at once wait for each other: it is not them who are slow
            handshake_timeout: Duration::from_secs(20),
            unauthenticated_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(60),
            max_streams_per_connection: 16,
            max_streams_per_caller: 32,
            max_connections_per_caller: 8,
            max_header_list: 16 * 1024,
            // the first message of a stream is about 61 KB of node and 50 bytes for each resource held
            max_message: 4 * 1024 * 1024,
            max_report: 17 * 1024 * 1024,
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(10),
            ack_deadline: None,
            scope_grace: Duration::from_secs(30),
            quarantine_for: Duration::from_secs(600),
            drain_grace: Duration::from_secs(5),
        }
    }
}
