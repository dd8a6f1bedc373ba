//! VirtualGateway: a proxy at the edge that lets traffic into the mesh.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::listener::{HttpConnectionPool, RequestPool};
use super::logging::Logging;
use super::optional_spec::optional_spec;
use super::reference::MeshRef;
use super::selector::LabelSelector;
use super::status::Condition;
use super::tls::{ListenerTlsCertificate, TlsMode, TlsValidation};
use super::virtual_node::BackendDefaults;
use crate::string_enum::string_enum;

/// What a virtual gateway is.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", remote = "VirtualGatewaySpec")]
#[kube(
    group = "appmesh.k8s.aws",
    version = "v1beta2",
    kind = "VirtualGateway",
    plural = "virtualgateways",
    namespaced,
    category = "all",
    status = "VirtualGatewayStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A proxy at the edge that lets traffic into the mesh.",
    printcolumn(
        name = "ARN",
        type_ = "string",
        json_path = ".status.virtualGatewayARN"
    ),
    printcolumn(
        name = "AGE",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
pub struct VirtualGatewaySpec {
    /// Name of the gateway in AWS; `NAME_NAMESPACE` where absent. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_name: Option<String>,
    /// What holds for every backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_defaults: Option<BackendDefaults>,
    /// Gateway routes that may attach, by their labels: all where absent or empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_route_selector: Option<LabelSelector>,
    /// What the gateway listens on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 0))]
    pub listeners: Vec<VirtualGatewayListener>,
    /// Access logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// The mesh, written by the webhook. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_ref: Option<MeshRef>,
    /// Namespaces whose gateway routes may attach: none where absent, all where empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Pods of the same namespace that are this gateway: none where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
}

optional_spec!(VirtualGatewaySpec);

string_enum! {
    /// Protocol of a gateway's port.
    pub enum VirtualGatewayProtocol {
        /// gRPC.
        Grpc = "grpc",
        /// HTTP/1.1.
        Http = "http",
        /// HTTP/2.
        Http2 = "http2",
    }
}

/// A port and what is spoken on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualGatewayPortMapping {
    /// The port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i64,
    /// What is spoken on it.
    pub protocol: VirtualGatewayProtocol,
}

/// A port of a gateway and all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualGatewayListener {
    /// Limits of what the gateway takes in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_pool: Option<VirtualGatewayConnectionPool>,
    /// Health check; nothing in the mesh dials a gateway, so it has little effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<VirtualGatewayHealthCheck>,
    /// The port.
    pub port_mapping: VirtualGatewayPortMapping,
    /// TLS; plaintext where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<VirtualGatewayListenerTls>,
}

/// Limits of a gateway's listener: exactly the member of the listener's protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualGatewayConnectionPool {
    /// Limits of a gRPC listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<RequestPool>,
    /// Limits of an HTTP/1.1 listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpConnectionPool>,
    /// Limits of an HTTP/2 listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2: Option<RequestPool>,
}

/// Health check of a gateway. Unlike a node's, `healthyThreshold` may be absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualGatewayHealthCheck {
    /// Good answers in a row that make an endpoint healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 10))]
    pub healthy_threshold: Option<i64>,
    /// Milliseconds between checks.
    #[schemars(range(min = 5000, max = 300000))]
    pub interval_millis: i64,
    /// Path to ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Port to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i64>,
    /// Protocol to ask by.
    pub protocol: VirtualGatewayProtocol,
    /// Milliseconds to wait for an answer.
    #[schemars(range(min = 2000, max = 60000))]
    pub timeout_millis: i64,
    /// Failures in a row that make an endpoint unhealthy.
    #[schemars(range(min = 2, max = 10))]
    pub unhealthy_threshold: i64,
}

/// TLS of a gateway's listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualGatewayListenerTls {
    /// The listener's certificate.
    pub certificate: ListenerTlsCertificate,
    /// Whether TLS is spoken.
    pub mode: TlsMode,
    /// Where present, clients must show a certificate that passes it. The schema has a trust by
    /// ACM, which AWS never honoured here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<TlsValidation>,
}

/// What was observed of a virtual gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualGatewayStatus {
    /// One condition, VirtualGatewayActive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Generation that the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// ARN of the mesh, then `/virtualGateway/NAME`.
    #[serde(
        rename = "virtualGatewayARN",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub virtual_gateway_arn: Option<String>,
}
