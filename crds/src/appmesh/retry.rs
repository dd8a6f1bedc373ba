//! Retry policies of routes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Duration;
use crate::string_enum::string_enum;

string_enum! {
    /// An HTTP outcome that is tried again.
    pub enum HttpRetryEvent {
        /// 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511.
        ServerError = "server-error",
        /// 502, 503, 504.
        GatewayError = "gateway-error",
        /// 409.
        ClientError = "client-error",
        /// A refused or reset stream.
        StreamError = "stream-error",
    }
}

string_enum! {
    /// A TCP outcome that is tried again.
    pub enum TcpRetryEvent {
        /// The connection could not be made.
        ConnectionError = "connection-error",
    }
}

string_enum! {
    /// A gRPC status that is tried again.
    pub enum GrpcRetryEvent {
        /// CANCELLED.
        Cancelled = "cancelled",
        /// DEADLINE_EXCEEDED.
        DeadlineExceeded = "deadline-exceeded",
        /// INTERNAL.
        Internal = "internal",
        /// RESOURCE_EXHAUSTED.
        ResourceExhausted = "resource-exhausted",
        /// UNAVAILABLE.
        Unavailable = "unavailable",
    }
}

/// When an HTTP or HTTP/2 request is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpRetryPolicy {
    /// HTTP outcomes that are tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 25))]
    pub http_retry_events: Vec<HttpRetryEvent>,
    /// How many further tries; 0 turns retries off.
    #[schemars(range(min = 0))]
    pub max_retries: i64,
    /// Timeout of each try, the first included.
    pub per_retry_timeout: Duration,
    /// TCP outcomes that are tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 1))]
    pub tcp_retry_events: Vec<TcpRetryEvent>,
}

/// When a gRPC call is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcRetryPolicy {
    /// gRPC statuses that are tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 5))]
    pub grpc_retry_events: Vec<GrpcRetryEvent>,
    /// HTTP outcomes that are tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 25))]
    pub http_retry_events: Vec<HttpRetryEvent>,
    /// How many further tries; 0 turns retries off.
    #[schemars(range(min = 0))]
    pub max_retries: i64,
    /// Timeout of each try, the first included.
    pub per_retry_timeout: Duration,
    /// TCP outcomes that are tried again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 1))]
    pub tcp_retry_events: Vec<TcpRetryEvent>,
}
