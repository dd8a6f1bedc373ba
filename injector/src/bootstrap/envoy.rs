//! The bootstrap in Envoy's own words.

use std::collections::HashMap;

use tulle_proto::bootstrap::bootstrap::{DeferredStatOptions, DynamicResources, StaticResources};
use tulle_proto::bootstrap::{
    Admin, Bootstrap, ClusterManager, LayeredRuntime, RuntimeLayer, runtime_layer,
};
use tulle_proto::cluster::Cluster;
use tulle_proto::cluster::cluster::{ClusterDiscoveryType, DiscoveryType, DnsLookupFamily};
use tulle_proto::core::config_source::ConfigSourceSpecifier;
use tulle_proto::core::data_source::Specifier;
use tulle_proto::core::grpc_service::{EnvoyGrpc, TargetSpecifier};
use tulle_proto::core::{
    AggregatedConfigSource, ApiConfigSource, ApiVersion, BackoffStrategy, ConfigSource, DataSource,
    GrpcService, Http2ProtocolOptions, KeepaliveSettings, Node, PathConfigSource, RetryPolicy,
    TransportSocket, TypedExtensionConfig, address, api_config_source, socket_address,
    transport_socket,
};
use tulle_proto::discovery::DiscoveryResponse;
use tulle_proto::endpoint::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint,
};
use tulle_proto::http_connection_manager::{HttpFilter, http_filter};
use tulle_proto::matcher::{StringMatcher, string_matcher};
use tulle_proto::pb::envoy::config::overload::v3::{
    OverloadManager, ResourceMonitor, resource_monitor,
};
use tulle_proto::pb::envoy::extensions::filters::http::credential_injector::v3::CredentialInjector;
use tulle_proto::pb::envoy::extensions::filters::http::upstream_codec::v3::UpstreamCodec;
use tulle_proto::pb::envoy::extensions::http::injected_credentials::generic::v3::Generic;
use tulle_proto::pb::envoy::extensions::resource_monitors::downstream_connections::v3::DownstreamConnectionsConfig;
use tulle_proto::prost;
use tulle_proto::protobuf::{Duration, Struct, Value, value};
use tulle_proto::tls::common_tls_context::ValidationContextType;
use tulle_proto::tls::secret;
use tulle_proto::tls::subject_alt_name_matcher::SanType;
use tulle_proto::tls::tls_parameters::TlsProtocol;
use tulle_proto::tls::{
    CertificateValidationContext, CommonTlsContext, GenericSecret, SdsSecretConfig, Secret,
    SubjectAltNameMatcher, TlsParameters, UpstreamTlsContext,
};
use tulle_proto::upstream_http::HttpProtocolOptions;
use tulle_proto::upstream_http::http_protocol_options::explicit_http_config::ProtocolConfig;
use tulle_proto::upstream_http::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions,
};
use tulle_proto::{
    Any, JsonError, RE2_PROGRAM_SIZE, RE2_PROGRAM_SIZE_KEY, any, message_to_json, to_yaml,
};

use super::{BootstrapSpec, Server};

/// The name of the static cluster through which Envoy reaches the control plane.
pub const XDS_CLUSTER: &str = "xds";
/// Connections from downstream that one Envoy takes at once, the figure of Envoy's own advice for proxies that face others.
pub const DOWNSTREAM_CONNECTIONS: i64 = 50_000;

const TOKEN_SECRET: &str = "token";
const ROOT_SECRET: &str = "root";

const CONNECT_TIMEOUT: Duration = seconds(5);
const RETRY_BASE: Duration = Duration {
    seconds: 0,
    nanos: 500_000_000,
};
/// Envoy's own limit is 30 s; herds are held in check by the control plane's admission, not by long waits.
const RETRY_MAX: Duration = seconds(5);
/// A control plane that vanished without a word is noticed after interval + timeout.
const KEEPALIVE_INTERVAL: Duration = seconds(30);
const KEEPALIVE_TIMEOUT: Duration = seconds(10);
/// Zero waits for ever: better not ready than ready with half a configuration.
const INITIAL_FETCH_TIMEOUT: Duration = seconds(0);

const fn seconds(seconds: i64) -> Duration {
    Duration { seconds, nanos: 0 }
}

/// Envoy-readable text of a message.
pub(super) fn render<M: prost::Name>(message: &M) -> Result<String, JsonError> {
    to_yaml(&message_to_json(message)?)
}

pub(super) fn bootstrap(
    spec: &BootstrapSpec,
    server: &Server,
    token_sds: &str,
    root_sds: &str,
) -> Bootstrap {
    Bootstrap {
        node: Some(Node {
            id: spec.node_id.clone(),
            cluster: spec.node_cluster.clone(),
            ..Default::default()
        }),
        admin: Some(Admin {
            address: Some(socket(&spec.admin.ip().to_string(), spec.admin.port())),
            // Whoever has to look into an overloaded Envoy must still get in.
            ignore_global_conn_limit: true,
            ..Default::default()
        }),
        dynamic_resources: Some(DynamicResources {
            ads_config: Some(ads(server)),
            lds_config: Some(over_ads()),
            cds_config: Some(over_ads()),
            ..Default::default()
        }),
        static_resources: Some(StaticResources {
            clusters: vec![xds_cluster(spec, server, token_sds, root_sds)],
            ..Default::default()
        }),
        // Together they save some 40 % of Envoy's memory: what no request has used yet is not built on each worker.
        cluster_manager: Some(ClusterManager {
            enable_deferred_cluster_creation: true,
            ..Default::default()
        }),
        deferred_stat_options: Some(DeferredStatOptions {
            enable_deferred_creation_stats: true,
        }),
        layered_runtime: Some(runtime()),
        overload_manager: Some(OverloadManager {
            resource_monitors: vec![ResourceMonitor {
                name: "envoy.resource_monitors.global_downstream_max_connections".into(),
                config_type: Some(resource_monitor::ConfigType::TypedConfig(any(
                    &DownstreamConnectionsConfig {
                        max_active_downstream_connections: DOWNSTREAM_CONNECTIONS,
                    },
                ))),
            }],
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn ads(server: &Server) -> ApiConfigSource {
    ApiConfigSource {
        api_type: api_config_source::ApiType::DeltaGrpc.into(),
        transport_api_version: ApiVersion::V3.into(),
        // The node lists every extension, 61 KB: once a stream is enough.
        set_node_on_first_message_only: true,
        grpc_services: vec![GrpcService {
            target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
                cluster_name: XDS_CLUSTER.into(),
                authority: match server {
                    Server::Name(name) => name.clone(),
                    Server::Address => String::new(),
                },
                retry_policy: Some(RetryPolicy {
                    retry_back_off: Some(BackoffStrategy {
                        base_interval: Some(RETRY_BASE),
                        max_interval: Some(RETRY_MAX),
                    }),
                    ..Default::default()
                }),
                ..Default::default()
            })),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn over_ads() -> ConfigSource {
    ConfigSource {
        initial_fetch_timeout: Some(INITIAL_FETCH_TIMEOUT),
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..Default::default()
    }
}

fn runtime() -> LayeredRuntime {
    let settings = HashMap::from([(
        RE2_PROGRAM_SIZE_KEY.into(),
        Value {
            kind: Some(value::Kind::NumberValue(RE2_PROGRAM_SIZE.into())),
        },
    )]);
    LayeredRuntime {
        layers: vec![
            RuntimeLayer {
                name: "tulle".into(),
                layer_specifier: Some(runtime_layer::LayerSpecifier::StaticLayer(Struct {
                    fields: settings,
                })),
            },
            // Lets an operator try a setting through the admin interface.
            RuntimeLayer {
                name: "admin".into(),
                layer_specifier: Some(runtime_layer::LayerSpecifier::AdminLayer(
                    runtime_layer::AdminLayer {},
                )),
            },
        ],
    }
}

fn xds_cluster(spec: &BootstrapSpec, server: &Server, token_sds: &str, root_sds: &str) -> Cluster {
    let discovery = match server {
        Server::Address => DiscoveryType::Static,
        Server::Name(_) => DiscoveryType::StrictDns,
    };
    let (sni, dns_lookup_family) = match server {
        // An address is no server name.
        Server::Address => (String::new(), DnsLookupFamily::Auto),
        // One family only: Envoy would take turns between the two, also where the server listens on one.
        Server::Name(name) => (name.clone(), DnsLookupFamily::V4Preferred),
    };
    Cluster {
        name: XDS_CLUSTER.into(),
        connect_timeout: Some(CONNECT_TIMEOUT),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(discovery.into())),
        dns_lookup_family: dns_lookup_family.into(),
        load_assignment: Some(ClusterLoadAssignment {
            cluster_name: XDS_CLUSTER.into(),
            endpoints: vec![LocalityLbEndpoints {
                lb_endpoints: vec![LbEndpoint {
                    host_identifier: Some(lb_endpoint::HostIdentifier::Endpoint(Endpoint {
                        address: Some(socket(&spec.control_plane, spec.control_plane_port)),
                        ..Default::default()
                    })),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }),
        transport_socket: Some(TransportSocket {
            name: "envoy.transport_sockets.tls".into(),
            config_type: Some(transport_socket::ConfigType::TypedConfig(any(&tls(
                sni, root_sds,
            )))),
        }),
        typed_extension_protocol_options: HashMap::from([(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions".into(),
            any(&http_options(token_sds)),
        )]),
        ..Default::default()
    }
}

fn tls(sni: String, root_sds: &str) -> UpstreamTlsContext {
    UpstreamTlsContext {
        sni,
        common_tls_context: Some(CommonTlsContext {
            // As a client Envoy stops at TLS 1.2 unless told otherwise.
            tls_params: Some(TlsParameters {
                tls_minimum_protocol_version: TlsProtocol::TlSv13.into(),
                tls_maximum_protocol_version: TlsProtocol::TlSv13.into(),
                // The first is post-quantum, and not among the defaults before Envoy 1.40.
                ecdh_curves: vec!["X25519MLKEM768".into(), "X25519".into(), "P-256".into()],
                ..Default::default()
            }),
            alpn_protocols: vec!["h2".into()],
            validation_context_type: Some(ValidationContextType::ValidationContextSdsSecretConfig(
                from_file(ROOT_SECRET, root_sds),
            )),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn http_options(token_sds: &str) -> HttpProtocolOptions {
    HttpProtocolOptions {
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(
            ExplicitHttpConfig {
                protocol_config: Some(ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions {
                    connection_keepalive: Some(KeepaliveSettings {
                        interval: Some(KEEPALIVE_INTERVAL),
                        timeout: Some(KEEPALIVE_TIMEOUT),
                        ..Default::default()
                    }),
                    ..Default::default()
                })),
            },
        )),
        http_filters: vec![
            filter(
                "envoy.filters.http.credential_injector",
                any(&CredentialInjector {
                    overwrite: true,
                    allow_request_without_credential: false,
                    credential: Some(TypedExtensionConfig {
                        name: "envoy.http.injected_credentials.generic".into(),
                        typed_config: Some(any(&Generic {
                            credential: Some(from_file(TOKEN_SECRET, token_sds)),
                            header_value_prefix: "Bearer ".into(),
                            ..Default::default()
                        })),
                    }),
                }),
            ),
            filter("envoy.filters.http.upstream_codec", any(&UpstreamCodec {})),
        ],
        ..Default::default()
    }
}

/// The SDS file that says where the token is.
pub(super) fn token_secret(token: &str) -> Secret {
    Secret {
        name: TOKEN_SECRET.into(),
        r#type: Some(secret::Type::GenericSecret(GenericSecret {
            secret: Some(file(token)),
            ..Default::default()
        })),
    }
}

/// The SDS file that says where the root is and who alone may answer.
pub(super) fn root_secret(root: &str, identity: &str) -> Secret {
    Secret {
        name: ROOT_SECRET.into(),
        r#type: Some(secret::Type::ValidationContext(
            CertificateValidationContext {
                trusted_ca: Some(file(root)),
                match_typed_subject_alt_names: vec![SubjectAltNameMatcher {
                    san_type: SanType::Uri.into(),
                    matcher: Some(StringMatcher {
                        match_pattern: Some(string_matcher::MatchPattern::Exact(identity.into())),
                        ..Default::default()
                    }),
                    ..Default::default()
                }],
                ..Default::default()
            },
        )),
    }
}

/// A file-based xDS source is a discovery response on disk.
pub(super) fn secret_file(secret: &Secret) -> DiscoveryResponse {
    DiscoveryResponse {
        resources: vec![any(secret)],
        ..Default::default()
    }
}

fn from_file(name: &str, path: &str) -> SdsSecretConfig {
    SdsSecretConfig {
        name: name.into(),
        sds_config: Some(ConfigSource {
            resource_api_version: ApiVersion::V3.into(),
            config_source_specifier: Some(ConfigSourceSpecifier::PathConfigSource(
                PathConfigSource {
                    path: path.into(),
                    ..Default::default()
                },
            )),
            ..Default::default()
        }),
    }
}

fn file(path: &str) -> DataSource {
    DataSource {
        specifier: Some(Specifier::Filename(path.into())),
        ..Default::default()
    }
}

fn filter(name: &str, config: Any) -> HttpFilter {
    HttpFilter {
        name: name.into(),
        config_type: Some(http_filter::ConfigType::TypedConfig(config)),
        ..Default::default()
    }
}

fn socket(address: &str, port: u16) -> tulle_proto::core::Address {
    tulle_proto::core::Address {
        address: Some(address::Address::SocketAddress(
            tulle_proto::core::SocketAddress {
                address: address.into(),
                port_specifier: Some(socket_address::PortSpecifier::PortValue(port.into())),
                ..Default::default()
            },
        )),
    }
}
