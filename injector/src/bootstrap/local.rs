//! Listeners and clusters of an Envoy that work before, and without, the control plane: a few exact paths, each led to a port of
//! the same machine.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tulle_proto::cluster::Cluster;
use tulle_proto::cluster::cluster::{ClusterDiscoveryType, DiscoveryType};
use tulle_proto::core::socket_address::PortSpecifier;
use tulle_proto::core::{
    Address, Http2ProtocolOptions, HttpProtocolOptions, SocketAddress, address,
};
use tulle_proto::endpoint::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint,
};
use tulle_proto::http_connection_manager::http_connection_manager::{
    CodecType, RouteSpecifier, ServerHeaderTransformation,
};
use tulle_proto::http_connection_manager::{HttpConnectionManager, HttpFilter, http_filter};
use tulle_proto::listener::{Filter, FilterChain, Listener, filter};
use tulle_proto::matcher::{StringMatcher, string_matcher};
use tulle_proto::pb::envoy::extensions::filters::http::router::v3::Router;
use tulle_proto::pb::envoy::extensions::filters::network::tcp_proxy::v3::{TcpProxy, tcp_proxy};
use tulle_proto::protobuf::{BoolValue, Duration};
use tulle_proto::route::header_matcher::HeaderMatchSpecifier;
use tulle_proto::route::route::Action;
use tulle_proto::route::route_action::ClusterSpecifier;
use tulle_proto::route::route_match::PathSpecifier;
use tulle_proto::route::{
    HeaderMatcher, Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost,
};
use tulle_proto::upstream_http::HttpProtocolOptions as UpstreamOptions;
use tulle_proto::upstream_http::http_protocol_options::explicit_http_config::ProtocolConfig;
use tulle_proto::upstream_http::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions,
};
use tulle_proto::{any, prost};

/// Where Envoy says whether it is ready, for the kubelet.
pub const READINESS_PORT: u16 = 15021;
/// The path asked there.
pub const READINESS_PATH: &str = "/healthz/ready";
/// Where Envoy's figures are fetched from.
pub const STATS_PORT: u16 = 15090;
/// The path asked there.
pub const STATS_PATH: &str = "/stats/prometheus";

const ADMIN_CLUSTER: &str = "tulle_admin";
const CONNECT_TIMEOUT: Duration = seconds(5);
/// A client that says nothing is let go: these ports are open to everybody, and kubelets open a connection a probe.
const IDLE_TIMEOUT: Duration = seconds(30);
const HEADERS_TIMEOUT: Duration = seconds(5);
/// A hook of the kubelet's may take its time; nothing else does.
const STREAM_IDLE_TIMEOUT: Duration = seconds(3600);

const fn seconds(seconds: i64) -> Duration {
    Duration { seconds, nanos: 0 }
}

/// One path that is answered.
pub(crate) struct Answer {
    /// The path, exactly.
    pub(crate) path: String,
    /// The method, exactly.
    pub(crate) method: &'static str,
    /// Whether a query may follow the path.
    pub(crate) query: bool,
    /// Who answers.
    pub(crate) cluster: String,
    /// The path (and query) under which that one knows it, if another.
    pub(crate) rewrite: Option<String>,
    /// Headers that are taken from the response.
    pub(crate) without: Vec<String>,
}

/// A listener on every address of the machine that answers nothing but these paths.
pub(crate) fn listener(
    name: &str,
    port: u16,
    ipv6: bool,
    answers: Vec<Answer>,
    filters: Vec<HttpFilter>,
) -> Listener {
    let mut http_filters = filters;
    http_filters.push(http_filter(
        "envoy.filters.http.router",
        &Router {
            suppress_envoy_headers: true,
            ..Default::default()
        },
    ));
    let manager = HttpConnectionManager {
        codec_type: CodecType::Auto.into(),
        stat_prefix: name.to_owned(),
        route_specifier: Some(RouteSpecifier::RouteConfig(RouteConfiguration {
            name: name.to_owned(),
            virtual_hosts: vec![VirtualHost {
                name: name.to_owned(),
                domains: vec!["*".to_owned()],
                routes: answers.into_iter().map(route).collect(),
                ..Default::default()
            }],
            ..Default::default()
        })),
        http_filters,
        common_http_protocol_options: Some(HttpProtocolOptions {
            idle_timeout: Some(IDLE_TIMEOUT),
            ..Default::default()
        }),
        request_headers_timeout: Some(HEADERS_TIMEOUT),
        stream_idle_timeout: Some(STREAM_IDLE_TIMEOUT),
        // The application is asked as the kubelet would ask it.
        generate_request_id: Some(BoolValue { value: false }),
        skip_xff_append: true,
        server_header_transformation: ServerHeaderTransformation::PassThrough.into(),
        ..Default::default()
    };
    let any_address: IpAddr = if ipv6 {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    };
    Listener {
        name: name.to_owned(),
        address: Some(socket_address(&any_address.to_string(), port, ipv6)),
        // An Envoy that is full of its users' connections must not look dead to the kubelet.
        ignore_global_conn_limit: true,
        filter_chains: vec![FilterChain {
            filters: vec![Filter {
                name: "envoy.filters.network.http_connection_manager".to_owned(),
                config_type: Some(filter::ConfigType::TypedConfig(any(&manager))),
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn route(answer: Answer) -> Route {
    let mut headers = vec![exactly(":method", answer.method)];
    if !answer.query {
        // `path` alone leaves queries out of the comparison.
        headers.push(exactly(":path", &answer.path));
    }
    Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Path(answer.path)),
            headers,
            ..Default::default()
        }),
        action: Some(Action::Route(RouteAction {
            cluster_specifier: Some(ClusterSpecifier::Cluster(answer.cluster)),
            prefix_rewrite: answer.rewrite.unwrap_or_default(),
            // Whoever asks knows how long they wait.
            timeout: Some(Duration::default()),
            ..Default::default()
        })),
        response_headers_to_remove: answer.without,
        ..Default::default()
    }
}

/// A header that has exactly this value.
pub(crate) fn exactly(name: &str, value: &str) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(StringMatcher {
            match_pattern: Some(string_matcher::MatchPattern::Exact(value.to_owned())),
            ..Default::default()
        })),
        ..Default::default()
    }
}

/// An HTTP filter with its configuration.
pub(crate) fn http_filter<M: prost::Name>(name: &str, config: &M) -> HttpFilter {
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(any(config))),
        ..Default::default()
    }
}

/// A port of this machine.
pub(crate) fn cluster(name: &str, port: u16) -> Cluster {
    at(name, socket(&Ipv4Addr::LOCALHOST.to_string(), port))
}

/// An address that never changes.
pub(crate) fn at(name: &str, address: Address) -> Cluster {
    Cluster {
        name: name.to_owned(),
        connect_timeout: Some(CONNECT_TIMEOUT),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into())),
        load_assignment: Some(ClusterLoadAssignment {
            cluster_name: name.to_owned(),
            endpoints: vec![LocalityLbEndpoints {
                lb_endpoints: vec![LbEndpoint {
                    host_identifier: Some(lb_endpoint::HostIdentifier::Endpoint(Endpoint {
                        address: Some(address),
                        ..Default::default()
                    })),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A TCP address: a name or an address as text, and a port.
pub(crate) fn socket(host: &str, port: u16) -> Address {
    socket_address(host, port, false)
}

fn socket_address(host: &str, port: u16, ipv4_compat: bool) -> Address {
    Address {
        address: Some(address::Address::SocketAddress(SocketAddress {
            address: host.to_owned(),
            ipv4_compat,
            port_specifier: Some(PortSpecifier::PortValue(port.into())),
            ..Default::default()
        })),
    }
}

/// A cluster that speaks HTTP/2.
pub(crate) fn over_http2(cluster: Cluster) -> Cluster {
    let options = UpstreamOptions {
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(
            ExplicitHttpConfig {
                protocol_config: Some(ProtocolConfig::Http2ProtocolOptions(
                    Http2ProtocolOptions::default(),
                )),
            },
        )),
        ..Default::default()
    };
    Cluster {
        typed_extension_protocol_options: HashMap::from([(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions".to_owned(),
            any(&options),
        )]),
        ..cluster
    }
}

/// Another port of loopback for the admin interface.
pub(crate) fn admin_alias(port: u16) -> Listener {
    const NAME: &str = "tulle_admin_alias";
    let proxy = TcpProxy {
        stat_prefix: NAME.to_owned(),
        cluster_specifier: Some(tcp_proxy::ClusterSpecifier::Cluster(
            ADMIN_CLUSTER.to_owned(),
        )),
        ..Default::default()
    };
    Listener {
        name: NAME.to_owned(),
        address: Some(socket(&Ipv4Addr::LOCALHOST.to_string(), port)),
        ignore_global_conn_limit: true,
        filter_chains: vec![FilterChain {
            filters: vec![Filter {
                name: "envoy.filters.network.tcp_proxy".to_owned(),
                config_type: Some(filter::ConfigType::TypedConfig(any(&proxy))),
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The two paths of the admin interface that may be asked from outside: whether Envoy is ready, and its figures.
pub(super) fn of_admin(port: u16, ipv6: bool) -> (Vec<Listener>, Vec<Cluster>) {
    let answer = |path: &str, query, rewrite: Option<&str>| Answer {
        path: path.to_owned(),
        method: "GET",
        query,
        cluster: ADMIN_CLUSTER.to_owned(),
        rewrite: rewrite.map(str::to_owned),
        without: Vec::new(),
    };
    let listeners = vec![
        listener(
            "tulle_readiness",
            READINESS_PORT,
            ipv6,
            vec![answer(READINESS_PATH, false, Some("/ready"))],
            Vec::new(),
        ),
        listener(
            "tulle_stats",
            STATS_PORT,
            ipv6,
            // Scrapers choose what they want by the query.
            vec![answer(STATS_PATH, true, None)],
            Vec::new(),
        ),
    ];
    (listeners, vec![cluster(ADMIN_CLUSTER, port)])
}
