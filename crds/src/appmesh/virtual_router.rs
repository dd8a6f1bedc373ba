//! VirtualRouter: routes that pick a node for each request or connection.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::{HttpTimeout, TcpTimeout};
use super::listener::PortMapping;
use super::matching::{
    HeaderMatcher, HttpMethod, HttpPathMatch, HttpScheme, QueryParameterMatcher,
};
use super::optional_spec::optional_spec;
use super::reference::{MeshRef, ObjectRef};
use super::retry::{GrpcRetryPolicy, HttpRetryPolicy};
use super::status::Condition;

/// What a virtual router is.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", remote = "VirtualRouterSpec")]
#[kube(
    group = "appmesh.k8s.aws",
    version = "v1beta2",
    kind = "VirtualRouter",
    plural = "virtualrouters",
    namespaced,
    category = "all",
    status = "VirtualRouterStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Routes that pick a node for each request or connection.",
    printcolumn(name = "ARN", type_ = "string", json_path = ".status.virtualRouterARN"),
    printcolumn(
        name = "AGE",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
pub struct VirtualRouterSpec {
    /// Name of the router in AWS; `NAME_NAMESPACE` where absent. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_name: Option<String>,
    /// Ports that clients dial; at least one where the key is present.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub listeners: Vec<VirtualRouterListener>,
    /// The mesh, written by the webhook. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_ref: Option<MeshRef>,
    /// The routes; without any the router matches nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

optional_spec!(VirtualRouterSpec);

/// A port that clients of a router dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualRouterListener {
    /// The port; it may differ from that of the target node.
    pub port_mapping: PortMapping,
}

/// A route: exactly one of grpcRoute, http2Route, httpRoute and tcpRoute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// A route of gRPC calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_route: Option<GrpcRoute>,
    /// A route of HTTP/2 requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2_route: Option<HttpRoute>,
    /// A route of HTTP/1.1 requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_route: Option<HttpRoute>,
    /// Name of the route, unique in the router.
    pub name: String,
    /// Order among the routes, 0 first; last where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub priority: Option<i64>,
    /// A route of TCP connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_route: Option<TcpRoute>,
}

/// Where a route sends what it matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteAction {
    /// The targets, in the ratio of their weights.
    #[schemars(length(min = 1, max = 10))]
    pub weighted_targets: Vec<WeightedTarget>,
}

/// A target and its share, by reference or ARN; the ARN wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WeightedTarget {
    /// Listener port of the node; needed where the node has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub port: Option<i64>,
    /// ARN of the node.
    #[serde(
        rename = "virtualNodeARN",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub virtual_node_arn: Option<String>,
    /// Reference to the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_node_ref: Option<ObjectRef>,
    /// Share of the target, as a ratio to the sum of all; 0 is allowed.
    #[schemars(range(min = 0, max = 100))]
    pub weight: i64,
}

/// A route of HTTP/1.1 or HTTP/2 requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpRoute {
    /// Where requests go.
    pub action: RouteAction,
    /// Which requests are meant.
    #[serde(rename = "match")]
    pub match_: HttpRouteMatch,
    /// When requests are tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<HttpRetryPolicy>,
    /// Timeouts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<HttpTimeout>,
}

/// Which requests an HTTP route means; all members must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpRouteMatch {
    /// Headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 10))]
    pub headers: Vec<HeaderMatcher>,
    /// Method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<HttpMethod>,
    /// Path; excludes `prefix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<HttpPathMatch>,
    /// Listener port of the router; needed where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub port: Option<i64>,
    /// How the path begins, character by character; starts with `/`, and `/` matches all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Query parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 10))]
    pub query_parameters: Vec<QueryParameterMatcher>,
    /// Scheme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<HttpScheme>,
}

/// A route of gRPC calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcRoute {
    /// Where calls go.
    pub action: RouteAction,
    /// Which calls are meant.
    #[serde(rename = "match")]
    pub match_: GrpcRouteMatch,
    /// When calls are tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<GrpcRetryPolicy>,
    /// Timeouts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<HttpTimeout>,
}

/// Which calls a gRPC route means; all members must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcRouteMatch {
    /// Metadata.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 10))]
    pub metadata: Vec<HeaderMatcher>,
    /// Method of the service; needs `serviceName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 50))]
    pub method_name: Option<String>,
    /// Listener port of the router; needed where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub port: Option<i64>,
    /// Fully qualified protobuf service; any where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
}

/// A route of TCP connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TcpRoute {
    /// Where connections go.
    pub action: RouteAction,
    /// Which connections are meant; all where absent.
    #[serde(rename = "match", default, skip_serializing_if = "Option::is_none")]
    pub match_: Option<TcpRouteMatch>,
    /// Timeouts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<TcpTimeout>,
}

/// Which connections a TCP route means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TcpRouteMatch {
    /// Listener port of the router; needed where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub port: Option<i64>,
}

/// What was observed of a virtual router.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VirtualRouterStatus {
    /// One condition, VirtualRouterActive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Generation that the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// ARN of each route by its name: the router's, then `/route/NAME`.
    #[serde(
        rename = "routeARNs",
        default,
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub route_arns: BTreeMap<String, String>,
    /// ARN of the mesh, then `/virtualRouter/NAME`.
    #[serde(
        rename = "virtualRouterARN",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub virtual_router_arn: Option<String>,
}
