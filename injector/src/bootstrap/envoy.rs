//! The bootstrap in Envoy's own words.

use std::collections::HashMap;
use std::net::SocketAddr;

use tulle_proto::bootstrap::bootstrap::{DeferredStatOptions, DynamicResources, StaticResources};
use tulle_proto::bootstrap::cluster_manager::OutlierDetection;
use tulle_proto::bootstrap::{
    Admin, Bootstrap, ClusterManager, LayeredRuntime, RuntimeLayer, runtime_layer,
};
use tulle_proto::cluster::Cluster;
use tulle_proto::cluster::cluster::{ClusterDiscoveryType, CustomClusterType, DiscoveryType};
use tulle_proto::core::config_source::ConfigSourceSpecifier;
use tulle_proto::core::data_source::Specifier;
use tulle_proto::core::grpc_service::{EnvoyGrpc, TargetSpecifier};
use tulle_proto::core::{
    AggregatedConfigSource, ApiConfigSource, ApiVersion, BackoffStrategy, ConfigSource, DataSource,
    GrpcService, Http2ProtocolOptions, KeepaliveSettings, Node, PathConfigSource, RetryPolicy,
    TransportSocket, TypedExtensionConfig, WatchedDirectory, api_config_source, transport_socket,
};
use tulle_proto::discovery::DiscoveryResponse;
use tulle_proto::http_connection_manager::{HttpFilter, http_filter};
use tulle_proto::listener::Listener;
use tulle_proto::matcher::{StringMatcher, string_matcher};
use tulle_proto::pb::envoy::config::metrics::v3::{StatsConfig, TagSpecifier};
use tulle_proto::pb::envoy::config::overload::v3::{
    OverloadManager, ResourceMonitor, resource_monitor,
};
use tulle_proto::pb::envoy::extensions::clusters::common::dns::v3::DnsLookupFamily;
use tulle_proto::pb::envoy::extensions::clusters::dns::v3::DnsCluster;
use tulle_proto::pb::envoy::extensions::clusters::dns::v3::dns_cluster::RefreshRate;
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

use super::Server;
use super::local::{self, socket};

/// The name of the static cluster through which Envoy reaches the control plane.
pub const XDS_CLUSTER: &str = "xds";
/// Connections from downstream that one Envoy takes at once, the figure of Envoy's own advice for proxies that face others.
pub const DOWNSTREAM_CONNECTIONS: i64 = 50_000;

/// TLS included, for which thousands of proxies that come at once wait for each other; another replica is tried after it.
const XDS_CONNECT_TIMEOUT: Duration = seconds(10);
const TOKEN_SECRET: &str = "token";
const ROOT_SECRET: &str = "root";

const RETRY_BASE: Duration = Duration {
    seconds: 0,
    nanos: 500_000_000,
};
/// Envoy's own limit is 30 s; herds are held in check by the control plane's admission, not by long waits.
const RETRY_MAX: Duration = seconds(5);
/// Envoy's own is 5 s, a burden on DNS where there are many Envoys.
const DNS_REFRESH: Duration = seconds(30);
const DNS_RETRY_BASE: Duration = seconds(1);
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

/// What differs from one bootstrap to another.
pub(super) struct Parts<'a> {
    /// `None`: the command line says it.
    pub(super) node: Option<Node>,
    pub(super) admin: SocketAddr,
    pub(super) control_plane: &'a str,
    pub(super) control_plane_port: u16,
    pub(super) server: &'a Server,
    /// The SDS files.
    pub(super) token_sds: &'a str,
    pub(super) root_sds: &'a str,
    /// The folder whose renames tell that the SDS files have changed; `None`: they are replaced one by one.
    pub(super) watched: Option<&'a str>,
    /// Listeners that need no control plane, and their clusters.
    pub(super) listeners: Vec<Listener>,
    pub(super) clusters: Vec<Cluster>,
    /// What figures are tagged with, beside Envoy's own tags.
    pub(super) tags: Vec<TagSpecifier>,
    /// Where ejections of endpoints are logged.
    pub(super) outlier_log: Option<&'a str>,
}

pub(super) fn bootstrap(parts: Parts<'_>) -> Bootstrap {
    let mut clusters = vec![xds_cluster(&parts)];
    clusters.extend(parts.clusters);
    Bootstrap {
        node: parts.node,
        admin: Some(Admin {
            address: Some(socket(&parts.admin.ip().to_string(), parts.admin.port())),
            // Whoever has to look into an overloaded Envoy must still get in.
            ignore_global_conn_limit: true,
            ..Default::default()
        }),
        dynamic_resources: Some(DynamicResources {
            ads_config: Some(ads(parts.server)),
            lds_config: Some(over_ads()),
            cds_config: Some(over_ads()),
            ..Default::default()
        }),
        static_resources: Some(StaticResources {
            clusters,
            listeners: parts.listeners,
            ..Default::default()
        }),
        // Together they save some 40 % of Envoy's memory: what no request has used yet is not built on each worker.
        cluster_manager: Some(ClusterManager {
            enable_deferred_cluster_creation: true,
            outlier_detection: parts.outlier_log.map(|path| OutlierDetection {
                event_log_path: path.to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        deferred_stat_options: Some(DeferredStatOptions {
            enable_deferred_creation_stats: true,
        }),
        stats_config: (!parts.tags.is_empty()).then(|| StatsConfig {
            stats_tags: parts.tags,
            ..Default::default()
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

fn xds_cluster(parts: &Parts<'_>) -> Cluster {
    let (discovery, sni) = match parts.server {
        // An address is no server name.
        Server::Address => (
            ClusterDiscoveryType::Type(DiscoveryType::Static.into()),
            String::new(),
        ),
        Server::Name(name) => (ClusterDiscoveryType::ClusterType(by_name()), name.clone()),
    };
    let server = local::at(
        XDS_CLUSTER,
        socket(parts.control_plane, parts.control_plane_port),
    );
    Cluster {
        connect_timeout: Some(XDS_CONNECT_TIMEOUT),
        cluster_discovery_type: Some(discovery),
        transport_socket: Some(TransportSocket {
            name: "envoy.transport_sockets.tls".into(),
            config_type: Some(transport_socket::ConfigType::TypedConfig(any(&tls(
                sni,
                from_file(ROOT_SECRET, parts.root_sds, parts.watched),
            )))),
        }),
        typed_extension_protocol_options: HashMap::from([(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions".into(),
            any(&http_options(from_file(
                TOKEN_SECRET,
                parts.token_sds,
                parts.watched,
            ))),
        )]),
        ..server
    }
}

/// A name is asked for again now and then, also while the stream is up.
fn by_name() -> CustomClusterType {
    let dns = DnsCluster {
        dns_refresh_rate: Some(DNS_REFRESH),
        dns_failure_refresh_rate: Some(RefreshRate {
            base_interval: Some(DNS_RETRY_BASE),
            max_interval: Some(RETRY_MAX),
        }),
        // One family only: Envoy would take turns between the two, also where the server listens on one.
        dns_lookup_family: DnsLookupFamily::V4Preferred.into(),
        ..Default::default()
    };
    CustomClusterType {
        name: "envoy.cluster.dns".into(),
        typed_config: Some(any(&dns)),
    }
}

fn tls(sni: String, root: SdsSecretConfig) -> UpstreamTlsContext {
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
                root,
            )),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn http_options(token: SdsSecretConfig) -> HttpProtocolOptions {
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
                            credential: Some(token),
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

fn from_file(name: &str, path: &str, watched: Option<&str>) -> SdsSecretConfig {
    SdsSecretConfig {
        name: name.into(),
        sds_config: Some(ConfigSource {
            resource_api_version: ApiVersion::V3.into(),
            config_source_specifier: Some(ConfigSourceSpecifier::PathConfigSource(
                PathConfigSource {
                    path: path.into(),
                    watched_directory: watched.map(|path| WatchedDirectory {
                        path: path.into(),
                        ..Default::default()
                    }),
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
