//! Settings of figures, traces and secrets, under the names that the values of App Mesh's chart had.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::InjectConfigError;

/// An address that is the node's own, as App Mesh's settings write it.
pub(super) const HOST_IP: &str = "ref:status.hostIP";

/// Traces (`tracing:`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Tracing {
    /// Whether Envoys send any.
    pub enabled: bool,
    /// To whom.
    pub provider: TracingProvider,
    /// Its IP address or name, or `ref:status.hostIP`; if absent, what App Mesh took. X-Ray: an IP address; if absent, a daemon
    /// is put into the pod.
    pub address: Option<String>,
    /// Its port; if absent, the provider's usual one.
    pub port: Option<u16>,
    /// The share of requests that is traced, 0 to 1; if absent, 0.05 with X-Ray, else all.
    pub sampling_rate: Option<f64>,
    /// What the X-Ray daemon logs.
    pub log_level: XrayLogLevel,
    /// The IAM role with which the X-Ray daemon sends; empty: the pod's own.
    pub role: String,
    /// The AWS region to which the X-Ray daemon sends: that of the ARNs, which is a setting of its own.
    #[serde(skip)]
    pub region: String,
}

// No rate is NaN: `check` refuses it.
impl Eq for Tracing {}

/// Who takes traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TracingProvider {
    /// AWS X-Ray, over its daemon.
    #[serde(rename = "x-ray")]
    XRay,
    /// Jaeger, or whatever takes Zipkin's spans.
    #[serde(rename = "jaeger")]
    Jaeger,
    /// Datadog's agent.
    #[serde(rename = "datadog")]
    Datadog,
    /// A collector of OpenTelemetry's, over gRPC.
    #[serde(rename = "otlp")]
    Otlp,
}

/// What the X-Ray daemon logs, in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the daemon's own words")]
pub enum XrayLogLevel {
    Dev,
    Debug,
    Info,
    Prod,
    Warn,
    Error,
}

impl XrayLogLevel {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Prod => "prod",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl Default for Tracing {
    fn default() -> Self {
        Self {
            enabled: false,
            provider: TracingProvider::XRay,
            address: None,
            port: None,
            sampling_rate: None,
            log_level: XrayLogLevel::Prod,
            role: String::new(),
            region: "us-west-2".to_owned(),
        }
    }
}

/// The X-Ray daemon (`xray:`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Xray {
    /// Its image.
    pub image: String,
}

impl Default for Xray {
    fn default() -> Self {
        Self {
            image: "public.ecr.aws/xray/aws-xray-daemon:latest".to_owned(),
        }
    }
}

/// Figures (`stats:`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Stats {
    /// Whether all figures name the mesh and the VirtualNode or VirtualGateway.
    pub tags_enabled: bool,
    /// Whether Envoys send their figures to DogStatsD.
    pub statsd_enabled: bool,
    /// IP address of the daemon, or `ref:status.hostIP`.
    pub statsd_address: String,
    /// Its UDP port.
    pub statsd_port: u16,
    /// Its socket, which counts before the address; empty: none.
    pub statsd_socket_path: String,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            tags_enabled: false,
            statsd_enabled: false,
            statsd_address: "127.0.0.1".to_owned(),
            statsd_port: 8125,
            statsd_socket_path: String::new(),
        }
    }
}

/// Certificates from an SDS server on the node, such as SPIRE's agent (`sds:`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Sds {
    /// Whether Envoys are given its socket.
    pub enabled: bool,
    /// The socket's path on every node.
    pub uds_path: String,
}

impl Default for Sds {
    fn default() -> Self {
        Self {
            enabled: false,
            uds_path: "/run/spire/sockets/agent.sock".to_owned(),
        }
    }
}

impl Sds {
    pub(super) fn socket(&self) -> Option<String> {
        self.enabled.then(|| self.uds_path.clone())
    }
}

/// Looks for values that no pod could be made with.
pub(super) fn check(
    tracing: &Tracing,
    xray: &Xray,
    stats: &Stats,
    sds: &Sds,
) -> Result<(), InjectConfigError> {
    let wrong = |field: &str, reason: String| {
        Err(InjectConfigError {
            field: field.to_owned(),
            reason,
        })
    };
    if let Some(address) = tracing.address.as_deref().filter(|a| *a != HOST_IP) {
        let is_address = address.parse::<IpAddr>().is_ok();
        if tracing.provider == TracingProvider::XRay && !is_address {
            return wrong(
                "tracing.address",
                format!(
                    "{address:?} is no IP address, and the X-Ray tracer looks up no names; leave it out for a daemon in each pod"
                ),
            );
        }
        if !is_address && !is_host(address) {
            return wrong(
                "tracing.address",
                format!("{address:?} is neither an IP address nor a name"),
            );
        }
    }
    if tracing.port == Some(0) {
        return wrong("tracing.port", "0 is no port".to_owned());
    }
    if let Some(rate) = tracing.sampling_rate
        && !(0.0..=1.0).contains(&rate)
    {
        return wrong(
            "tracing.samplingRate",
            format!("{rate} is no share; write 0 to 1"),
        );
    }
    if !tracing.role.is_empty() && !tracing.role.starts_with("arn:") {
        return wrong("tracing.role", format!("{:?} is no ARN", tracing.role));
    }
    for (field, text) in [
        ("tracing.role", &tracing.role),
        ("tracing.region", &tracing.region),
        ("xray.image", &xray.image),
    ] {
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return wrong(field, format!("{text:?} has odd characters"));
        }
    }
    if xray.image.is_empty() {
        return wrong("xray.image", "it is empty".to_owned());
    }
    if stats.statsd_address != HOST_IP && stats.statsd_address.parse::<IpAddr>().is_err() {
        return wrong(
            "stats.statsdAddress",
            format!(
                "{:?} is no IP address, and Envoy's sink looks up no names; write {HOST_IP} for an agent on each node",
                stats.statsd_address
            ),
        );
    }
    if stats.statsd_port == 0 {
        return wrong("stats.statsdPort", "0 is no port".to_owned());
    }
    for (field, path) in [
        ("stats.statsdSocketPath", &stats.statsd_socket_path),
        ("sds.udsPath", &sds.uds_path),
    ] {
        let absolute = path.starts_with('/') && !path.contains("..");
        let left_out = path.is_empty() && field != "sds.udsPath";
        if !absolute && !left_out {
            return wrong(field, format!("{path:?} is no absolute path"));
        }
        // Of a Unix socket, the kernel's.
        if path.len() > 107 {
            return wrong(field, "it is longer than 107 bytes".to_owned());
        }
    }
    Ok(())
}

/// Whether a text can be a DNS name.
pub(super) fn is_host(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}
