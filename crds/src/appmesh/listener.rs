//! Parts of a listener that nodes, routers and gateways share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::string_enum::string_enum;

string_enum! {
    /// Protocol of a node's or router's port.
    pub enum Protocol {
        /// gRPC.
        Grpc = "grpc",
        /// HTTP/1.1.
        Http = "http",
        /// HTTP/2.
        Http2 = "http2",
        /// Plain TCP.
        Tcp = "tcp",
    }
}

/// A port and what is spoken on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortMapping {
    /// The port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i64,
    /// What is spoken on it.
    pub protocol: Protocol,
}

/// Limit of a gRPC or HTTP/2 pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestPool {
    /// Most requests in flight.
    #[schemars(range(min = 1))]
    pub max_requests: i64,
}

/// Limits of an HTTP/1.1 pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpConnectionPool {
    /// Most connections.
    #[schemars(range(min = 1))]
    pub max_connections: i64,
    /// Most requests that wait for a connection; 2147483647 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_pending_requests: Option<i64>,
}

/// Limit of a TCP pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TcpConnectionPool {
    /// Most connections.
    #[schemars(range(min = 1))]
    pub max_connections: i64,
}
