//! The bounds of the server.

use std::time::Duration;

/// How the server is set up. Every limit that an HTTP library would leave open is here.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Most connections. One more, and the one that is of least use is closed.
    pub max_connections: usize,
    /// Longest TLS handshake.
    pub handshake_timeout: Duration,
    /// Longest time for the head of a request over HTTP/1.1.
    pub head_timeout: Duration,
    /// A connection with nothing under way for this long is closed. Longer than the 90 s after which the API server closes
    /// idle connections itself, so that the two never meet.
    pub idle_timeout: Duration,
    /// Most concurrent requests on an HTTP/2 connection.
    pub max_streams: u32,
    /// Largest head of a request, bytes.
    pub max_head: u32,
    /// Largest body, bytes.
    pub max_body: usize,
    /// Bodies of all requests that are not answered yet, bytes; more of them wait. As objects they take up to sixteen times
    /// as much.
    pub max_bodies: usize,
    /// Most reviews decided at the same time; more of them wait.
    pub max_reviews: usize,
    /// Time for a request from its head to its answer. Below the `timeoutSeconds` of the webhook configurations, so that the
    /// API server hears why.
    pub deadline: Duration,
    /// How long connections may take to end once the server drains.
    pub drain_grace: Duration,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            max_connections: 512,
            handshake_timeout: Duration::from_secs(5),
            head_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(120),
            max_streams: 256,
            max_head: 16 * 1024,
            max_body: 3 * 1024 * 1024,
            max_bodies: 16 * 1024 * 1024,
            max_reviews: 64,
            deadline: Duration::from_secs(2),
            drain_grace: Duration::from_secs(5),
        }
    }
}

/// The pause after the kernel could not hand over a connection, most often for want of file descriptors.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
