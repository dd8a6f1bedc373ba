//! Protocols, time limits, retries and the other settings of routes and listeners.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::tls::ClientTls;

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
/// Two clients' policies for one destination need two clusters.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientPolicy {
    /// How TLS is used; `None`: the policy says nothing of it. Boxed, for every backend has a policy and few say anything.
    pub tls: Option<Box<ClientTls>>,
}

impl ClientPolicy {
    /// Whether the user has said how connections to a port are secured, so that nothing is secured
    /// of itself.
    pub fn covers(&self, port: u16) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.covers(port))
    }
}

/// The label or annotation of meshes and namespaces that says their [`MtlsMode`].
pub const MTLS_SWITCH: &str = "tulle.dev/mtls";

/// How far the control plane's own certificates secure the traffic between proxies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MtlsMode {
    /// Not at all.
    Off,
    /// Proxies use mutual TLS among themselves; others are served in plaintext.
    #[default]
    Permissive,
    /// Nothing but mutual TLS is served.
    Strict,
}

impl MtlsMode {
    /// The word used in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Permissive => "permissive",
            Self::Strict => "strict",
        }
    }
}

impl fmt::Display for MtlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a mode was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MtlsModeError(String);

impl fmt::Display for MtlsModeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "mTLS mode {:?}: expected permissive, strict or off",
            self.0
        )
    }
}

impl std::error::Error for MtlsModeError {}

impl FromStr for MtlsMode {
    type Err = MtlsModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Off, Self::Permissive, Self::Strict]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| MtlsModeError(text.to_owned()))
    }
}

/// As [`FromStr`], and `off` without quotes, which YAML 1.1 takes for a boolean.
impl<'de> Deserialize<'de> for MtlsMode {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = MtlsMode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("permissive, strict or off")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<MtlsMode, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<MtlsMode, E> {
                match value {
                    false => Ok(MtlsMode::Off),
                    true => Err(E::invalid_value(Unexpected::Bool(true), &self)),
                }
            }
        }
        from.deserialize_any(Word)
    }
}

/// The label or annotation of meshes and workloads that says their [`DiscoveryMode`].
pub const DISCOVERY_SWITCH: &str = "tulle.dev/discovery";

/// How clients find a workload whose host name names a known Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiscoveryMode {
    /// By DNS, as any other name.
    Dns,
    /// By the Service's EndpointSlices.
    Endpoints,
}

impl DiscoveryMode {
    /// The word used in manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Endpoints => "endpoints",
        }
    }
}

impl fmt::Display for DiscoveryMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a mode of discovery was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryModeError(String);

impl fmt::Display for DiscoveryModeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "discovery {:?}: expected dns or endpoints", self.0)
    }
}

impl std::error::Error for DiscoveryModeError {}

impl FromStr for DiscoveryMode {
    type Err = DiscoveryModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Dns, Self::Endpoints]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| DiscoveryModeError(text.to_owned()))
    }
}
