//! How much is sent to a destination, and when it is taken for ill.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::Str;
use crate::policy::Protocol;

/// How much of it a server takes at a time. `None` is "as much as comes".
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Pool {
    /// Connections.
    pub connections: Option<u32>,
    /// Requests that wait for a connection.
    pub pending_requests: Option<u32>,
    /// Requests that are under way.
    pub requests: Option<u32>,
}

/// When a client leaves one of several hosts alone, judged by its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OutlierDetection {
    /// Server errors in a row that make it so.
    pub consecutive_errors: u32,
    /// How often hosts are judged, and may come back.
    pub interval: Duration,
    /// How long a host is left alone the first time.
    pub base_ejection: Duration,
    /// How many of the hosts may be left alone at a time, of a hundred; one always may.
    pub max_ejection_percent: u32,
}

/// How a client asks each host whether it is well.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What is spoken.
    pub protocol: Protocol,
    /// What is asked for, over HTTP alone.
    pub path: Str,
    /// Where it is asked; `None`: on the port of the traffic.
    pub port: Option<u16>,
    /// Good answers in a row that make a host well.
    pub healthy_threshold: u32,
    /// Bad ones that make it ill.
    pub unhealthy_threshold: u32,
    /// Time between two questions.
    pub interval: Duration,
    /// How long an answer is waited for.
    pub timeout: Duration,
}
