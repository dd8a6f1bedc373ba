//! Protobuf and gRPC framing, as far as a client and a floor need them.
//!
//! Messages are read and written field by field: most of a resource is passed over, none is ever built as an object, and a
//! response of a megabyte is read while it arrives.

use serde::{Deserialize, Serialize};

pub mod dump;
pub mod fields;
pub(crate) mod reader;
pub mod refs;
pub mod request;
pub mod synthetic;

/// The types that a proxy subscribes to, in the order in which Envoy needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Clusters.
    Cds,
    /// Endpoints.
    Eds,
    /// Listeners.
    Lds,
    /// Route configurations.
    Rds,
    /// Secrets.
    Sds,
}

impl Kind {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Cds, Self::Eds, Self::Lds, Self::Rds, Self::Sds];

    /// The type URL.
    pub const fn url(self) -> &'static str {
        match self {
            Self::Cds => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Eds => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Lds => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Rds => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Self::Sds => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        }
    }

    /// Which of the types this URL is of.
    pub fn of(url: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.url().as_bytes() == url)
    }

    /// Whether all of a type are subscribed to at once, without names.
    pub const fn wildcard(self) -> bool {
        matches!(self, Self::Cds | Self::Lds)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// The method of incremental ADS.
pub const DELTA: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
/// The method of state-of-the-world ADS.
pub const SOTW: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
