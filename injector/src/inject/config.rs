//! The part of the settings that says how pods are injected (`injection:` in a MeshConfig document).

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::quantity::is_quantity;
use super::settings::{self, Sds, Stats, Tracing, Xray};
use crate::capture::{ALWAYS_IGNORED_PORT, Cidr};

/// Quantities by resource name, such as `cpu: 10m`.
pub type ResourceList = BTreeMap<String, String>;

/// How pods are injected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct InjectConfig {
    /// The image with Envoy, as its project makes it; `envoy` must be on its search path.
    pub envoy_image: String,
    /// Tulle's own image, for the init container that redirects traffic; `tulle` must be on its search path.
    pub image: String,
    /// When the images are pulled; as Kubernetes sees fit if absent.
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Secrets with which images are pulled, added to the pod's own.
    pub image_pull_secrets: Vec<String>,
    /// What Envoy beside an application may use, where the pod's annotations do not say otherwise. Gateways have their own.
    pub resources: Resources,
    /// Envoy as an init container that keeps running, which starts before the application, ends after it and does not hold up
    /// a job; if absent, where the API server is 1.29 or newer.
    pub native_sidecars: Option<bool>,
    /// `lifecycle.preStop.sleep`; if absent, where the API server is 1.30 or newer.
    pub sleep_hooks: Option<bool>,
    /// Whether pods' own addresses may be IPv6: the kubelet is then answered on both families; if absent, as the control
    /// plane's own address is.
    pub ipv6: Option<bool>,
    /// Destinations that are not redirected, where the pod's annotation does not say otherwise.
    #[serde(rename = "ignoredIPs")]
    pub ignored_ips: BTreeSet<Cidr>,
    /// Destination ports that are not redirected, where the pod's annotation does not say otherwise; 22 never is.
    pub ignored_ports: BTreeSet<u16>,
    /// Whether the namespace label `istio-injection` is Tulle's too. Not while an istiod injects.
    pub istio_label: bool,
    /// Seconds that connections of a listener that is replaced have for their last requests (`--drain-time-s`).
    pub drain_seconds: u32,
    /// Seconds that a gateway pod goes on after it has been told to end, where its container has no preStop hook of its own.
    /// Its listeners are taken away meanwhile.
    pub gateway_stop_seconds: u32,
    /// Seconds that Envoy goes on after its pod has been told to end, where it is no native sidecar.
    pub sidecar_stop_seconds: u32,
    /// What Envoy logs.
    pub log_level: LogLevel,
    /// Envoy's worker threads; if absent, as many as its CPU limit has whole CPUs, else 2. Gateways without a limit: as many
    /// as the machine has.
    pub concurrency: Option<NonZeroU32>,
    /// Certificates that App Mesh manifests take from SDS, of an SDS server on every node.
    pub sds: Sds,
    /// Traces.
    pub tracing: Tracing,
    /// The X-Ray daemon.
    pub xray: Xray,
    /// Figures.
    pub stats: Stats,
}

/// Kubernetes' `imagePullPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImagePullPolicy {
    /// At every start.
    Always,
    /// Where it is not there.
    IfNotPresent,
    /// Not at all.
    Never,
}

/// Kubernetes' `resources` of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Resources {
    /// What is reserved.
    pub requests: ResourceList,
    /// What is not exceeded.
    pub limits: ResourceList,
}

/// Envoy's `--log-level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "Envoy's own words")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warning,
    Error,
    Critical,
    Off,
}

impl LogLevel {
    /// In Envoy's words, or as App Mesh's agent took them.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "trace" => Self::Trace,
            "debug" => Self::Debug,
            "info" => Self::Info,
            "warn" | "warning" => Self::Warning,
            "error" => Self::Error,
            "critical" => Self::Critical,
            "off" => Self::Off,
            _ => return None,
        })
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Off => "off",
        }
    }
}

impl Default for InjectConfig {
    fn default() -> Self {
        let quantities = |cpu: &str, memory: &str| {
            BTreeMap::from([
                ("cpu".to_owned(), cpu.to_owned()),
                ("memory".to_owned(), memory.to_owned()),
            ])
        };
        Self {
            envoy_image: "docker.io/envoyproxy/envoy:distroless-v1.40.0".to_owned(),
            image: concat!("tulle:", env!("CARGO_PKG_VERSION")).to_owned(),
            image_pull_policy: None,
            image_pull_secrets: Vec::new(),
            resources: Resources {
                requests: quantities("10m", "64Mi"),
                limits: ResourceList::new(),
            },
            native_sidecars: None,
            sleep_hooks: None,
            ipv6: None,
            ignored_ips: BTreeSet::from([Cidr::host([169, 254, 169, 254].into())]),
            ignored_ports: BTreeSet::from([ALWAYS_IGNORED_PORT]),
            istio_label: false,
            drain_seconds: 45,
            gateway_stop_seconds: 20,
            sidecar_stop_seconds: 20,
            log_level: LogLevel::Warning,
            concurrency: None,
            sds: Sds::default(),
            tracing: Tracing::default(),
            xray: Xray::default(),
            stats: Stats::default(),
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InjectConfigError {
    /// The field, such as `resources.requests.cpu`.
    pub field: String,
    /// What is wrong.
    pub reason: String,
}

impl InjectConfig {
    /// Fills what is left to the API server's version.
    #[must_use]
    pub fn for_server(mut self, major: u32, minor: u32) -> Self {
        self.native_sidecars
            .get_or_insert((major, minor) >= (1, 29));
        self.sleep_hooks.get_or_insert((major, minor) >= (1, 30));
        self
    }

    /// Looks for values that no pod could be made with.
    ///
    /// # Errors
    /// The first such value.
    pub fn check(&self) -> Result<(), InjectConfigError> {
        let wrong = |field: &str, reason: String| {
            Err(InjectConfigError {
                field: field.to_owned(),
                reason,
            })
        };
        for (field, image) in [("envoyImage", &self.envoy_image), ("image", &self.image)] {
            if image.is_empty() || !image.bytes().all(|b| b.is_ascii_graphic()) {
                return wrong(field, format!("{image:?} is no image"));
            }
        }
        for (field, list) in [
            ("requests", &self.resources.requests),
            ("limits", &self.resources.limits),
        ] {
            for (name, quantity) in list {
                if !is_quantity(quantity) {
                    return wrong(
                        &format!("resources.{field}.{name}"),
                        format!("{quantity:?} is no quantity; write such as 100m or 64Mi"),
                    );
                }
            }
        }
        if self.ignored_ports.contains(&0) {
            return wrong("ignoredPorts", "0 is no port".to_owned());
        }
        for (field, seconds) in [
            ("drainSeconds", self.drain_seconds),
            ("gatewayStopSeconds", self.gateway_stop_seconds),
            ("sidecarStopSeconds", self.sidecar_stop_seconds),
        ] {
            if seconds > 3600 {
                return wrong(field, format!("{seconds} is more than an hour"));
            }
        }
        settings::check(&self.tracing, &self.xray, &self.stats, &self.sds)
    }

    pub(super) fn native(&self) -> bool {
        self.native_sidecars.unwrap_or(true)
    }

    pub(super) fn can_sleep(&self) -> bool {
        self.sleep_hooks.unwrap_or(true)
    }

    pub(super) fn both_families(&self) -> bool {
        self.ipv6.unwrap_or(false)
    }
}
