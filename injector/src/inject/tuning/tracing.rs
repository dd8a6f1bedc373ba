//! The one tracer of an Envoy. It is the bootstrap's, as App Mesh's was, so that each pod can have its own: every HTTP connection
//! manager that has `tracing` without a provider uses it.

use std::collections::HashMap;
use std::net::IpAddr;

use serde_json::{Value, json};
use tulle_proto::bootstrap::Bootstrap;
use tulle_proto::cluster::Cluster;
use tulle_proto::cluster::cluster::{ClusterDiscoveryType, DiscoveryType};
use tulle_proto::core::data_source::Specifier;
use tulle_proto::core::grpc_service::{EnvoyGrpc, TargetSpecifier};
use tulle_proto::core::socket_address::{PortSpecifier, Protocol};
use tulle_proto::core::{DataSource, GrpcService, SocketAddress};
use tulle_proto::pb::envoy::config::trace::v3::tracing::{Http, http};
use tulle_proto::pb::envoy::config::trace::v3::x_ray_config::SegmentFields;
use tulle_proto::pb::envoy::config::trace::v3::zipkin_config::CollectorEndpointVersion;
use tulle_proto::pb::envoy::config::trace::v3::{
    DatadogConfig, OpenTelemetryConfig, Tracing, XRayConfig, ZipkinConfig,
};
use tulle_proto::protobuf::{self, BoolValue, Duration, value};
use tulle_proto::{any, prost};

use super::{Environment, Place, number, object, statics, text, wrong};
use crate::bootstrap::local::{at, over_http2, socket};
use crate::inject::environment::{host_ip, reference};
use crate::inject::settings::{HOST_IP, TracingProvider, is_host};
use crate::inject::{InjectConfig, Rejection};

const CONNECT_TIMEOUT: Duration = Duration {
    seconds: 1,
    nanos: 0,
};
/// The names that App Mesh gave these clusters.
const DATADOG: &str = "datadog_agent";
const JAEGER: &str = "jaeger";
const OTLP: &str = "otlp_collector";
/// What X-Ray does where nobody tells it: no rules are written for this rate.
const XRAY_RATE: f64 = 0.05;

/// Whether a pod gets an X-Ray daemon.
pub(in crate::inject) fn wants_daemon(config: &InjectConfig) -> bool {
    let tracing = &config.tracing;
    tracing.enabled && tracing.provider == TracingProvider::XRay && tracing.address.is_none()
}

/// Sets the tracer. Whether there is one.
pub(super) fn apply(
    bootstrap: &mut Bootstrap,
    variables: &mut Vec<Value>,
    runtime: &mut HashMap<String, protobuf::Value>,
    env: &Environment,
    place: &Place<'_>,
    warnings: &mut Vec<String>,
) -> Result<bool, Rejection> {
    let Some(provider) = provider(env, place.config, warnings)? else {
        return Ok(false);
    };
    let settings = &place.config.tracing;
    let by_settings = settings.enabled && settings.provider == provider;
    let peer = Peer::of(
        provider,
        by_settings,
        variables,
        env,
        place.config,
        warnings,
    )?;
    let tracer = match provider {
        TracingProvider::XRay => tracer(
            "envoy.tracers.xray",
            &xray(peer, by_settings, env, place, warnings)?,
        ),
        TracingProvider::Jaeger => {
            statics(bootstrap).clusters.push(peer.cluster(JAEGER));
            let json = env
                .known("JAEGER_TRACER_VERSION", warnings)
                .is_some_and(|version| version.to_lowercase().contains("json"));
            tracer("envoy.tracers.zipkin", &zipkin(json))
        }
        TracingProvider::Datadog => {
            statics(bootstrap).clusters.push(peer.cluster(DATADOG));
            let service_name = env
                .text("DD_SERVICE")
                .unwrap_or_else(|| format!("envoy-{}", place.name()));
            tracer(
                "envoy.tracers.datadog",
                &DatadogConfig {
                    collector_cluster: DATADOG.to_owned(),
                    service_name,
                    ..Default::default()
                },
            )
        }
        TracingProvider::Otlp => {
            statics(bootstrap)
                .clusters
                .push(over_http2(peer.cluster(OTLP)));
            tracer("envoy.tracers.opentelemetry", &otlp(place))
        }
    };
    if let Some(rate) = settings.sampling_rate
        && by_settings
        && provider != TracingProvider::XRay
    {
        // A number alone would be read as percent, without places.
        let share = object([
            ("numerator", number(share(rate))),
            ("denominator", text("TEN_THOUSAND")),
        ]);
        runtime.insert("tracing.random_sampling".to_owned(), share);
    }
    set(bootstrap, tracer);
    Ok(true)
}

/// One of ten thousand parts.
#[expect(
    clippy::cast_possible_truncation,
    reason = "settings are held to 0 to 1, and so is what variables say"
)]
fn share(rate: f64) -> i64 {
    (rate * 10_000.0).round() as i64
}

fn provider(
    env: &Environment,
    config: &InjectConfig,
    warnings: &mut Vec<String>,
) -> Result<Option<TracingProvider>, Rejection> {
    let switches = [
        (TracingProvider::XRay, "ENABLE_ENVOY_XRAY_TRACING"),
        (TracingProvider::Datadog, "ENABLE_ENVOY_DATADOG_TRACING"),
        (TracingProvider::Jaeger, "ENABLE_ENVOY_JAEGER_TRACING"),
    ];
    let mut chosen = None;
    let mut left_out = None;
    for (provider, name) in switches {
        match env.flag(name, warnings)? {
            Some(true) if chosen.is_some() => {
                return Err(wrong(
                    name,
                    "an Envoy has one tracer; switch on one of X-Ray, Datadog and Jaeger"
                        .to_owned(),
                ));
            }
            Some(true) => chosen = Some(provider),
            Some(false) if provider == config.tracing.provider => left_out = Some(provider),
            Some(false) | None => {}
        }
    }
    let by_settings =
        (config.tracing.enabled && left_out.is_none()).then_some(config.tracing.provider);
    Ok(chosen.or(by_settings))
}

/// Who takes the traces.
struct Peer {
    address: String,
    port: u16,
}

impl Peer {
    fn of(
        provider: TracingProvider,
        by_settings: bool,
        variables: &mut Vec<Value>,
        env: &Environment,
        config: &InjectConfig,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Rejection> {
        let (address, port, usual, service) = match provider {
            TracingProvider::XRay => ("AWS_XRAY_DAEMON_ADDRESS", "XRAY_DAEMON_PORT", 2000, ""),
            TracingProvider::Jaeger => (
                "JAEGER_TRACER_ADDRESS",
                "JAEGER_TRACER_PORT",
                9411,
                "appmesh-jaeger.appmesh-system",
            ),
            TracingProvider::Datadog => (
                "DATADOG_TRACER_ADDRESS",
                "DATADOG_TRACER_PORT",
                8126,
                "datadog.appmesh-system",
            ),
            TracingProvider::Otlp => (
                "OTLP_TRACER_ADDRESS",
                "OTLP_TRACER_PORT",
                4317,
                "opentelemetry-collector.opentelemetry",
            ),
        };
        let settings = &config.tracing;
        let port = env
            .port(port, warnings)?
            .or(settings.port.filter(|_| by_settings))
            .unwrap_or(usual);
        let given = env.text(address);
        if provider == TracingProvider::XRay
            && let Some(given) = &given
            && !Environment::is_open(given)
        {
            return daemon(given, port);
        }
        let address = match (given, settings.address.as_deref()) {
            (Some(given), _) => {
                let sound = Environment::is_open(&given)
                    || given.parse::<IpAddr>().is_ok()
                    || is_host(&given);
                if !sound {
                    let reason = format!("{given:?} is neither an IP address nor a name");
                    return Err(wrong(address, reason));
                }
                given
            }
            (None, Some(HOST_IP)) if by_settings => {
                variables.push(json!({ "name": address, "valueFrom": host_ip() }));
                reference(address)
            }
            (None, Some(told)) if by_settings => told.to_owned(),
            (None, _) if by_settings && !service.is_empty() => service.to_owned(),
            (None, _) => "127.0.0.1".to_owned(),
        };
        Ok(Self { address, port })
    }

    fn cluster(&self, name: &str) -> Cluster {
        Cluster {
            connect_timeout: Some(CONNECT_TIMEOUT),
            cluster_discovery_type: Some(ClusterDiscoveryType::Type(
                DiscoveryType::StrictDns.into(),
            )),
            ..at(name, socket(&self.address, self.port))
        }
    }
}

/// `AWS_XRAY_DAEMON_ADDRESS`: an address, and a port that counts before the other variable's.
fn daemon(given: &str, port: u16) -> Result<Peer, Rejection> {
    let (address, port) = match (given.parse::<IpAddr>(), given.parse()) {
        (Ok(address), _) => (address, port),
        (Err(_), Ok(std::net::SocketAddr::V4(both))) => (IpAddr::V4(*both.ip()), both.port()),
        (Err(_), Ok(std::net::SocketAddr::V6(both))) => (IpAddr::V6(*both.ip()), both.port()),
        (Err(_), Err(_)) => {
            return Err(wrong(
                "AWS_XRAY_DAEMON_ADDRESS",
                format!("{given:?} is no IP address such as 127.0.0.1 or 127.0.0.1:2000"),
            ));
        }
    };
    Ok(Peer {
        address: address.to_string(),
        port,
    })
}

fn xray(
    peer: Peer,
    by_settings: bool,
    env: &Environment,
    place: &Place<'_>,
    warnings: &mut Vec<String>,
) -> Result<XRayConfig, Rejection> {
    let mesh = place.candidate.mesh.as_deref().unwrap_or_default();
    let aws = object([(
        "app_mesh",
        object([
            ("mesh_name", text(mesh)),
            // Of gateways too: X-Ray knows no other name.
            ("virtual_node_name", text(&place.candidate.alias)),
        ]),
    )]);
    Ok(XRayConfig {
        daemon_endpoint: Some(SocketAddress {
            protocol: Protocol::Udp.into(),
            address: peer.address,
            port_specifier: Some(PortSpecifier::PortValue(peer.port.into())),
            ..Default::default()
        }),
        segment_name: env
            .text("XRAY_SEGMENT_NAME")
            .unwrap_or_else(|| place.name()),
        sampling_rule_manifest: sampling_rules(by_settings, env, place, warnings)?,
        segment_fields: Some(SegmentFields {
            origin: "AWS::AppMesh::Proxy".to_owned(),
            aws: match aws.kind {
                Some(value::Kind::StructValue(aws)) => Some(aws),
                _ => None,
            },
        }),
    })
}

fn sampling_rules(
    by_settings: bool,
    env: &Environment,
    place: &Place<'_>,
    warnings: &mut Vec<String>,
) -> Result<Option<DataSource>, Rejection> {
    const FILE: &str = "XRAY_SAMPLING_RULE_MANIFEST";
    const RATE: &str = "XRAY_SAMPLING_RATE";
    let source = |specifier| DataSource {
        specifier: Some(specifier),
        ..Default::default()
    };
    if let Some(path) = env.known(FILE, warnings).map(str::to_owned) {
        if place.is_mounted(&path) {
            return Ok(Some(source(Specifier::Filename(path))));
        }
        warnings.push(format!(
            "variable {FILE} has no effect: no volume is mounted at {path}"
        ));
    }
    let rate = match env.known(RATE, warnings) {
        Some(text) => text
            .parse()
            .ok()
            .filter(|rate| (0.0..=1.0).contains(rate))
            .ok_or_else(|| wrong(RATE, format!("{text:?} is no decimal from 0 to 1")))?,
        None if by_settings => place.config.tracing.sampling_rate.unwrap_or(XRAY_RATE),
        None => XRAY_RATE,
    };
    let rate: f64 = (rate * 100.0_f64).round() / 100.0;
    let usual = (rate - XRAY_RATE).abs() < 0.001;
    Ok((!usual).then(|| {
        let rules =
            json!({ "version": 2, "default": { "fixed_target": 1, "rate": rate }, "rules": [] });
        source(Specifier::InlineString(rules.to_string()))
    }))
}

fn zipkin(json: bool) -> ZipkinConfig {
    let version = if json {
        CollectorEndpointVersion::HttpJson
    } else {
        CollectorEndpointVersion::HttpProto
    };
    ZipkinConfig {
        collector_cluster: JAEGER.to_owned(),
        collector_endpoint: "/api/v2/spans".to_owned(),
        collector_endpoint_version: version.into(),
        shared_span_context: Some(BoolValue { value: false }),
        ..Default::default()
    }
}

fn otlp(place: &Place<'_>) -> OpenTelemetryConfig {
    OpenTelemetryConfig {
        grpc_service: Some(GrpcService {
            target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
                cluster_name: OTLP.to_owned(),
                ..Default::default()
            })),
            timeout: Some(CONNECT_TIMEOUT),
            ..Default::default()
        }),
        service_name: place.name(),
        ..Default::default()
    }
}

fn tracer<M: prost::Name>(name: &str, config: &M) -> Http {
    Http {
        name: name.to_owned(),
        config_type: Some(http::ConfigType::TypedConfig(any(config))),
    }
}

#[expect(
    deprecated,
    reason = "a connection manager's own provider would be the same for all pods of a node"
)]
fn set(bootstrap: &mut Bootstrap, tracer: Http) {
    bootstrap.tracing = Some(Tracing { http: Some(tracer) });
}
