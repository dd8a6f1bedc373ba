//! Protocols, time limits, retries and the other settings of routes and listeners.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::Str;

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/2 without TLS.
    Http2,
    /// gRPC, which is HTTP/2.
    Grpc,
    /// Bytes.
    Tcp,
}

impl Protocol {
    /// The word used in manifests and in Envoy's resource names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Http2 => "http2",
            Self::Grpc => "grpc",
            Self::Tcp => "tcp",
        }
    }

    /// Whether requests are routed one by one.
    pub fn is_http(self) -> bool {
        self != Self::Tcp
    }

    /// Whether the upstream connection is HTTP/2.
    pub fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Grpc)
    }
}

/// Time limits as the user wrote them. `None` is "not said", zero is "no limit".
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timeouts {
    /// For a whole request, retries included.
    pub request: Option<Duration>,
    /// For a stream or connection on which nothing moves.
    pub idle: Option<Duration>,
}

/// Time limits with every default applied. `None` is "no limit".
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Limits {
    /// For a whole request, retries included.
    pub request: Option<Duration>,
    /// For a stream or connection on which nothing moves.
    pub idle: Option<Duration>,
}

/// When and how often a failed request is tried again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Tries after the first; zero turns retries off.
    pub max_retries: u32,
    /// Limit of each try, the first included; `None` is no limit of its own.
    pub per_try_timeout: Option<Duration>,
    /// Conditions other than response codes.
    pub on: BTreeSet<RetryOn>,
    /// Response codes that are tried again.
    pub status_codes: BTreeSet<u16>,
    /// Choose another host for the next try, looking this many times; `None`: any host.
    pub avoid_previous_hosts: Option<u32>,
}

/// What is tried again, beside response codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RetryOn {
    /// No connection was made.
    ConnectFailure,
    /// The upstream gave no response, or reset the stream.
    Reset,
    /// The upstream refused the stream before it was processed.
    RefusedStream,
    /// gRPC status `CANCELLED`.
    GrpcCancelled,
    /// gRPC status `DEADLINE_EXCEEDED`.
    GrpcDeadlineExceeded,
    /// gRPC status `INTERNAL`.
    GrpcInternal,
    /// gRPC status `RESOURCE_EXHAUSTED`.
    GrpcResourceExhausted,
    /// gRPC status `UNAVAILABLE`.
    GrpcUnavailable,
}

/// What becomes of calls to destinations that are not declared.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum EgressPolicy {
    /// They pass unchanged.
    AllowAll,
    /// They are refused, the cloud's own API endpoints apart.
    #[default]
    DropAll,
}

/// Which IP family is used and preferred.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum IpPreference {
    /// Either; IPv6 first where DNS gives both.
    #[default]
    Unset,
    /// IPv4 alone.
    V4Only,
    /// IPv6 alone.
    V6Only,
}

/// How a client's connections to a service are to be secured, kept as the user wrote it.
///
/// Two clients' policies for one destination need two clusters; `fingerprint` tells policies apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientPolicy {
    /// A stable text of all that the policy says: equal policies have equal fingerprints.
    pub fingerprint: Str,
}
