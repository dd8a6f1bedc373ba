//! Where the traffic to a destination may go.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::{Name, Str};

/// A set of endpoints that changes on a lane of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EndpointSetId {
    /// The endpoints behind a port of a Kubernetes Service.
    Service {
        /// The Service's namespace.
        namespace: Str,
        /// The Service's name.
        name: Str,
        /// The Service's port (not the target port).
        port: u16,
        /// The client's family preference.
        ip: crate::policy::IpPreference,
    },
    /// The pods that a workload selects, on one of its listener ports.
    Pods {
        /// The workload.
        workload: Name,
        /// The port dialled.
        port: u16,
        /// The client's family preference.
        ip: crate::policy::IpPreference,
    },
}

/// The endpoints that may be used now, sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EndpointSet {
    /// Ready endpoints; serving but terminating ones only if no other is left.
    pub endpoints: Vec<Endpoint>,
}

/// One address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// Address.
    pub ip: IpAddr,
    /// Port.
    pub port: u16,
    /// Zone, where it is known.
    pub zone: Option<Str>,
    /// A proxy with an identity takes what comes in at this port, by mutual TLS if asked.
    pub mtls: bool,
}
