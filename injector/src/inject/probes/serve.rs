//! The listeners and clusters through which the application is asked.

use std::collections::{BTreeMap, HashMap};

use tulle_proto::any;
use tulle_proto::cluster::Cluster;
use tulle_proto::core::health_check::{HealthChecker, TcpHealthCheck};
use tulle_proto::core::transport_socket::ConfigType;
use tulle_proto::core::{
    HealthCheck, Http2ProtocolOptions, HttpProtocolOptions as CommonOptions, TransportSocket,
};
use tulle_proto::http_connection_manager::HttpFilter;
use tulle_proto::listener::Listener;
use tulle_proto::pb::envoy::extensions::filters::http::health_check::v3::HealthCheck as HealthCheckFilter;
use tulle_proto::pb::envoy::r#type::v3::Percent;
use tulle_proto::protobuf::{BoolValue, Duration, UInt32Value};
use tulle_proto::tls::tls_parameters::TlsProtocol;
use tulle_proto::tls::{CommonTlsContext, TlsParameters, UpstreamTlsContext};
use tulle_proto::upstream_http::HttpProtocolOptions;
use tulle_proto::upstream_http::http_protocol_options::explicit_http_config::ProtocolConfig;
use tulle_proto::upstream_http::http_protocol_options::{
    AutoHttpConfig, ExplicitHttpConfig, UpstreamProtocolOptions,
};

use super::{PROBE_PORT, Plan, Target, path};
use crate::bootstrap::local::{Answer, cluster, exactly, http_filter, listener};

/// A TCP probe tells what was true this long ago at most.
const CHECK_INTERVAL: Duration = Duration {
    seconds: 1,
    nanos: 0,
};
const GRPC_CHECK: &str = "/grpc.health.v1.Health/Check";
/// The listener of HTTP and TCP probes.
const PROBES: &str = "tulle_probes";

/// Whether a listener or cluster is one of [`parts`].
pub(in crate::inject) fn is_of_probes(name: &str) -> bool {
    name == PROBES || name.starts_with("tulle_probe_") || name.starts_with("tulle_grpc_probe_")
}

/// The listeners that take the probes, and the clusters that stand for the application.
pub(in crate::inject) fn parts(plan: &Plan, ipv6: bool) -> (Vec<Listener>, Vec<Cluster>) {
    let mut clusters: BTreeMap<String, Cluster> = BTreeMap::new();
    let mut answers = Vec::new();
    let mut checks = Vec::new();
    let mut grpc = BTreeMap::new();
    for (key, target) in &plan.0 {
        let cluster = application(target);
        let name = cluster.name.clone();
        clusters.insert(name.clone(), cluster);
        match target {
            Target::Http { path: target, .. } => answers.push(Answer {
                path: path(key),
                method: "GET",
                query: false,
                cluster: name,
                rewrite: Some(target.clone()),
                // The kubelet would follow it to this port. An application that answers by leading elsewhere lives.
                without: vec!["location".to_owned()],
            }),
            Target::Tcp { .. } => checks.push(check(&path(key), name)),
            Target::Grpc { at, .. } => {
                grpc.insert(*at, name);
            }
        }
    }
    let mut listeners = Vec::new();
    if !answers.is_empty() || !checks.is_empty() {
        listeners.push(listener(PROBES, PROBE_PORT, ipv6, answers, checks));
    }
    for (port, cluster) in grpc {
        let answer = Answer {
            path: GRPC_CHECK.to_owned(),
            method: "POST",
            query: false,
            cluster,
            rewrite: None,
            without: Vec::new(),
        };
        let name = format!("tulle_grpc_probe_{port}");
        listeners.push(listener(&name, port, ipv6, vec![answer], Vec::new()));
    }
    (listeners, clusters.into_values().collect())
}

fn application(target: &Target) -> Cluster {
    match target {
        Target::Http {
            port, tls: false, ..
        } => asked_once(
            cluster(&format!("tulle_probe_http_{port}"), *port),
            UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
                protocol_config: Some(ProtocolConfig::HttpProtocolOptions(Default::default())),
            }),
        ),
        Target::Http {
            port, tls: true, ..
        } => Cluster {
            transport_socket: Some(unverified_tls()),
            // As the kubelet does, HTTP/2 where the application takes it.
            ..asked_once(
                cluster(&format!("tulle_probe_https_{port}"), *port),
                UpstreamProtocolOptions::AutoConfig(AutoHttpConfig::default()),
            )
        },
        Target::Grpc { port, .. } => asked_once(
            cluster(&format!("tulle_probe_grpc_{port}"), *port),
            UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
                protocol_config: Some(ProtocolConfig::Http2ProtocolOptions(
                    Http2ProtocolOptions::default(),
                )),
            }),
        ),
        Target::Tcp { port } => Cluster {
            health_checks: vec![HealthCheck {
                timeout: Some(CHECK_INTERVAL),
                interval: Some(CHECK_INTERVAL),
                // Nobody but the check uses this cluster.
                no_traffic_interval: Some(CHECK_INTERVAL),
                no_traffic_healthy_interval: Some(CHECK_INTERVAL),
                healthy_threshold: Some(UInt32Value { value: 1 }),
                unhealthy_threshold: Some(UInt32Value { value: 1 }),
                health_checker: Some(HealthChecker::TcpHealthCheck(TcpHealthCheck::default())),
                ..Default::default()
            }],
            ..cluster(&format!("tulle_probe_tcp_{port}"), *port)
        },
    }
}

/// A connection for each question, as the kubelet does it: one that the application is about to close would fail a probe.
fn asked_once(cluster: Cluster, protocol: UpstreamProtocolOptions) -> Cluster {
    let options = HttpProtocolOptions {
        common_http_protocol_options: Some(CommonOptions {
            max_requests_per_connection: Some(UInt32Value { value: 1 }),
            ..Default::default()
        }),
        upstream_protocol_options: Some(protocol),
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

fn unverified_tls() -> TransportSocket {
    TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        config_type: Some(ConfigType::TypedConfig(any(&UpstreamTlsContext {
            common_tls_context: Some(CommonTlsContext {
                tls_params: Some(TlsParameters {
                    tls_minimum_protocol_version: TlsProtocol::TlSv12.into(),
                    tls_maximum_protocol_version: TlsProtocol::TlSv13.into(),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            ..Default::default()
        }))),
    }
}

fn check(path: &str, cluster: String) -> HttpFilter {
    http_filter(
        "envoy.filters.http.health_check",
        &HealthCheckFilter {
            pass_through_mode: Some(BoolValue { value: false }),
            headers: vec![exactly(":path", path)],
            cluster_min_healthy_percentages: HashMap::from([(cluster, Percent { value: 100.0 })]),
            ..Default::default()
        },
    )
}
