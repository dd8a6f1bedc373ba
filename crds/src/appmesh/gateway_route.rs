//! GatewayRoute: which requests at a gateway go to which virtual service, and how they are
//! rewritten on the way.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::matching::{HeaderMatcher, HttpMethod, HttpPathMatch, QueryParameterMatcher};
use super::optional_spec::optional_spec;
use super::reference::{MeshRef, ObjectRef, VirtualGatewayRef};
use super::status::Condition;
use crate::string_enum::string_enum;

/// What a gateway route is: exactly one of grpcRoute, http2Route and httpRoute.
#[derive(
    CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", remote = "GatewayRouteSpec")]
#[kube(
    group = "appmesh.k8s.aws",
    version = "v1beta2",
    kind = "GatewayRoute",
    plural = "gatewayroutes",
    namespaced,
    category = "all",
    status = "GatewayRouteStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Which requests at a gateway go to which virtual service.",
    printcolumn(name = "ARN", type_ = "string", json_path = ".status.gatewayRouteARN"),
    printcolumn(
        name = "AGE",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
pub struct GatewayRouteSpec {
    /// Name of the route in AWS; `NAME_NAMESPACE` where absent. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_name: Option<String>,
    /// A route of gRPC calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_route: Option<GrpcGatewayRoute>,
    /// A route of HTTP/2 requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2_route: Option<HttpGatewayRoute>,
    /// A route of HTTP/1.1 requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_route: Option<HttpGatewayRoute>,
    /// The mesh, written by the webhook. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesh_ref: Option<MeshRef>,
    /// Order among the routes of the gateway, 0 first; 1000 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub priority: Option<i64>,
    /// The gateway, written by the webhook. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_gateway_ref: Option<VirtualGatewayRef>,
}

optional_spec!(GatewayRouteSpec);

/// Where a gateway route sends what it matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRouteTarget {
    /// Listener port of what stands behind the service; needed where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub port: Option<i64>,
    /// The virtual service.
    pub virtual_service: GatewayRouteVirtualService,
}

/// A virtual service by reference or ARN; the ARN wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRouteVirtualService {
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

string_enum! {
    /// Whether a default rewrite is done.
    pub enum DefaultRewrite {
        /// It is done.
        Enabled = "ENABLED",
        /// It is not done.
        Disabled = "DISABLED",
    }
}

/// Rewriting of the Host header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostnameRewrite {
    /// Whether the Host becomes the name of the virtual service; it does where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_target_hostname: Option<DefaultRewrite>,
}

/// Rewriting of the whole path, where the match is by path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PathRewrite {
    /// The new path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub exact: Option<String>,
}

/// Rewriting of the matched prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrefixRewrite {
    /// Whether the matched prefix becomes `/`; it does where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_prefix: Option<DefaultRewrite>,
    /// The new prefix; begins and ends with `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub value: Option<String>,
}

/// Rewrites of an HTTP gateway route; the defaults where absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpGatewayRouteRewrite {
    /// Of the Host header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<HostnameRewrite>,
    /// Of the whole path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathRewrite>,
    /// Of the matched prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<PrefixRewrite>,
}

/// What an HTTP gateway route does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpGatewayRouteAction {
    /// Rewrites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<HttpGatewayRouteRewrite>,
    /// Where requests go.
    pub target: GatewayRouteTarget,
}

/// Host of a request, without its port: exactly one of the members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostnameMatch {
    /// The whole name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub exact: Option<String>,
    /// How the name ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub suffix: Option<String>,
}

/// Which requests an HTTP gateway route means; all members must match. At least one of prefix,
/// path and hostname is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpGatewayRouteMatch {
    /// Headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 10))]
    pub headers: Vec<HeaderMatcher>,
    /// Host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<HostnameMatch>,
    /// Method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<HttpMethod>,
    /// Path; excludes `prefix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<HttpPathMatch>,
    /// Listener port of the gateway; needed where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub port: Option<i64>,
    /// How the path begins; starts with `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Query parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 10))]
    pub query_parameters: Vec<QueryParameterMatcher>,
}

/// A gateway route of HTTP/1.1 or HTTP/2 requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpGatewayRoute {
    /// What is done with them.
    pub action: HttpGatewayRouteAction,
    /// Which requests are meant.
    #[serde(rename = "match")]
    pub match_: HttpGatewayRouteMatch,
}

/// Rewrites of a gRPC gateway route; the defaults where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcGatewayRouteRewrite {
    /// Of the Host header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<HostnameRewrite>,
}

/// What a gRPC gateway route does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcGatewayRouteAction {
    /// Rewrites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<GrpcGatewayRouteRewrite>,
    /// Where calls go.
    pub target: GatewayRouteTarget,
}

/// Which calls a gRPC gateway route means; all members must match. serviceName or hostname is
/// needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcGatewayRouteMatch {
    /// Host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<HostnameMatch>,
    /// Metadata.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 10))]
    pub metadata: Vec<HeaderMatcher>,
    /// Listener port of the gateway; needed where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub port: Option<i64>,
    /// Fully qualified protobuf service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
}

/// A gateway route of gRPC calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcGatewayRoute {
    /// What is done with them.
    pub action: GrpcGatewayRouteAction,
    /// Which calls are meant.
    #[serde(rename = "match")]
    pub match_: GrpcGatewayRouteMatch,
}

/// What was observed of a gateway route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayRouteStatus {
    /// One condition, GatewayRouteActive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// ARN of the gateway, then `/gatewayRoute/NAME`.
    #[serde(
        rename = "gatewayRouteARN",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub gateway_route_arn: Option<String>,
    /// Generation that the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}
