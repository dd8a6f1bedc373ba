//! VirtualNode: a workload of the mesh, what it listens on and whom it may call.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::{Duration, HttpTimeout, TcpTimeout};
use super::listener::{HttpConnectionPool, PortMapping, Protocol, RequestPool, TcpConnectionPool};
use super::logging::Logging;
use super::optional_spec::optional_spec;
use super::reference::{MeshRef, ObjectRef};
use super::selector::LabelSelector;
use super::status::Condition;
use super::tls::{ClientPolicy, ListenerTls};
use crate::string_enum::string_enum;

/// What a virtual node is.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", remote = "VirtualNodeSpec")]
#[kube(
    group = "appmesh.k8s.aws",
    version = "v1beta2",
    kind = "VirtualNode",
    plural = "virtualnodes",
    namespaced,
    category = "all",
    status = "VirtualNodeStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A workload of the mesh: what it listens on and whom it may call.",
    printcolumn(name = "ARN", type_ = "string", json_path = ".status.virtualNodeARN"),
    printcolumn(
        name = "AGE",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
pub struct VirtualNodeSpec {
    /// Name of the node in AWS; `NAME_NAMESPACE` where absent. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_name: Option<String>,
    /// What holds for every backend that does not say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_defaults: Option<BackendDefaults>,
    /// Groups of backends that the node may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backend_groups: Vec<BackendGroupRef>,
    /// Virtual services that the node may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<Backend>,
    /// What the node listens on, each on a port of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 0))]
    pub listeners: Vec<Listener>,
    /// Access logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// The mesh, written by the webhook. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_ref: Option<MeshRef>,
    /// Pods of the same namespace that are this node: none where absent, all where empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
    /// How others find the node; needed where there is a listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_discovery: Option<ServiceDiscovery>,
}

optional_spec!(VirtualNodeSpec);

/// What holds for every backend that does not say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackendDefaults {
    /// Policy for each backend with no policy of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_policy: Option<ClientPolicy>,
}

/// A reference to a BackendGroup.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct BackendGroupRef {
    /// Name of the group; `*` means every VirtualService of the namespace.
    pub name: String,
    /// Namespace of the group; the node's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Something that a node may call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Backend {
    /// The virtual service.
    pub virtual_service: VirtualServiceBackend,
}

/// A virtual service that a node may call, by reference or ARN; the ARN wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualServiceBackend {
    /// Policy for this backend, in place of the whole default policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_policy: Option<ClientPolicy>,
    /// ARN of the virtual service.
    #[serde(
        rename = "virtualServiceARN",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub virtual_service_arn: Option<String>,
    /// Reference to the virtual service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_service_ref: Option<ObjectRef>,
}

/// A port of a node and all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listener {
    /// Limits that the node's proxy holds its clients to; unlimited where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_pool: Option<VirtualNodeConnectionPool>,
    /// Active checks that client proxies make against the node; none where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// Passive ejection by client proxies; none where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlier_detection: Option<OutlierDetection>,
    /// The application's port.
    pub port_mapping: PortMapping,
    /// Timeouts, of the listener's protocol only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<ListenerTimeout>,
    /// TLS; plaintext where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTls>,
}

/// Limits of a node's listener: exactly the member of the listener's protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNodeConnectionPool {
    /// Limits of a gRPC listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<RequestPool>,
    /// Limits of an HTTP/1.1 listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpConnectionPool>,
    /// Limits of an HTTP/2 listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2: Option<RequestPool>,
    /// Limits of a TCP listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpConnectionPool>,
}

/// Active health checks against a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// Good answers in a row that make an endpoint healthy.
    #[schemars(range(min = 2, max = 10))]
    pub healthy_threshold: i64,
    /// Milliseconds between checks.
    #[schemars(range(min = 5000, max = 300000))]
    pub interval_millis: i64,
    /// Path to ask for, http and http2 only; `/` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Port to ask; the listener's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i64>,
    /// Protocol to ask by.
    pub protocol: Protocol,
    /// Milliseconds to wait for an answer.
    #[schemars(range(min = 2000, max = 60000))]
    pub timeout_millis: i64,
    /// Failures in a row that make an endpoint unhealthy.
    #[schemars(range(min = 2, max = 10))]
    pub unhealthy_threshold: i64,
}

/// Passive ejection of endpoints that answer with errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutlierDetection {
    /// How long an endpoint is out for the first time.
    pub base_ejection_duration: Duration,
    /// Time between two looks.
    pub interval: Duration,
    /// Most endpoints that may be out, in percent; one always may.
    #[schemars(range(min = 0, max = 100))]
    pub max_ejection_percent: i64,
    /// Server errors in a row that eject an endpoint.
    #[schemars(range(min = 1))]
    pub max_server_errors: i64,
}

/// Timeouts of a node's listener: at most the member of the listener's protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerTimeout {
    /// Timeouts of a gRPC listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<HttpTimeout>,
    /// Timeouts of an HTTP/1.1 listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpTimeout>,
    /// Timeouts of an HTTP/2 listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2: Option<HttpTimeout>,
    /// Timeouts of a TCP listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpTimeout>,
}

/// How others find a node: exactly one of awsCloudMap and dns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDiscovery {
    /// By AWS Cloud Map. Immutable once set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_cloud_map: Option<AwsCloudMapServiceDiscovery>,
    /// By DNS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<DnsServiceDiscovery>,
}

/// Discovery by AWS Cloud Map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsCloudMapServiceDiscovery {
    /// Attributes that an instance must have, and that the node's own instances are given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AwsCloudMapInstanceAttribute>,
    /// Name of the Cloud Map namespace.
    #[schemars(length(min = 1, max = 1024))]
    pub namespace_name: String,
    /// Name of the Cloud Map service.
    #[schemars(length(min = 1, max = 1024))]
    pub service_name: String,
}

/// An attribute of a Cloud Map instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsCloudMapInstanceAttribute {
    /// Name of the attribute.
    #[schemars(length(min = 1, max = 255))]
    pub key: String,
    /// Value of the attribute.
    #[schemars(length(min = 1, max = 1024))]
    pub value: String,
}

string_enum! {
    /// How the addresses of a DNS answer are used.
    pub enum DnsResponseType {
        /// Every address is an endpoint.
        Endpoints = "ENDPOINTS",
        /// The name is one load balancer; connections stay as addresses change.
        LoadBalancer = "LOADBALANCER",
    }
}

/// Discovery by DNS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsServiceDiscovery {
    /// Name that client proxies resolve.
    pub hostname: String,
    /// How the answer is used; LOADBALANCER where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_type: Option<DnsResponseType>,
}

/// What was observed of a virtual node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNodeStatus {
    /// One condition, VirtualNodeActive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Generation that the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// ARN of the mesh, then `/virtualNode/NAME`.
    #[serde(
        rename = "virtualNodeARN",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub virtual_node_arn: Option<String>,
}
