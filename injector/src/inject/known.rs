//! Every variable and annotation by which App Mesh's users set their Envoys, and what becomes of each. The table of
//! `docs/sidecar-settings.md` is made of these.

/// What becomes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It does what it did; the text says what.
    Honoured(&'static str),
    /// It does something similar; the text says what.
    Differs(&'static str),
    /// It does nothing; the text says why. Nobody has to hear of it.
    None(&'static str),
    /// It does nothing; the text says why, and so does a warning.
    Refused(&'static str),
}

impl Effect {
    /// As tables say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Honoured(_) => "honoured",
            Self::Differs(_) => "differs",
            Self::None(_) => "no effect",
            Self::Refused(_) => "no effect, warned",
        }
    }

    /// What it does, or why not.
    pub fn text(self) -> &'static str {
        match self {
            Self::Honoured(text) | Self::Differs(text) | Self::None(text) | Self::Refused(text) => {
                text
            }
        }
    }
}

use Effect::{Differs, Honoured, None, Refused};

const NO_AWS: Effect = None("no AWS endpoint is called");
const NO_AGENT: Effect = None("there is no agent");
const WHO: Effect = None("who a proxy is follows from the `podSelector`s");

/// Variables of the container `envoy`, sorted by name. Others reach it as they are.
pub const VARIABLES: &[(&str, Effect)] = &[
    ("APPMESH_DUALSTACK_ENDPOINT", NO_AWS),
    ("APPMESH_FIPS_ENDPOINT", NO_AWS),
    (
        "APPMESH_METRIC_EXTENSION_VERSION",
        Differs(
            "`1`: tags `Mesh`, `VirtualNode` or `VirtualGateway` on all figures, and `TargetVirtualNode` on those of the \
             clusters `cds_egress_…`. `TargetVirtualService` and the metrics `envoy.appmesh.*` are of a filter that stock \
             Envoy does not have: a warning says so",
        ),
    ),
    (
        "APPMESH_PLATFORM_APP_MESH_CONTROLLER_VERSION",
        None("AWS's own figures"),
    ),
    ("APPMESH_PLATFORM_K8S_POD_UID", None("AWS's own figures")),
    ("APPMESH_PLATFORM_K8S_VERSION", None("AWS's own figures")),
    ("APPMESH_PREVIEW", NO_AWS),
    ("APPMESH_RESOURCE_ARN", WHO),
    ("APPMESH_RESOURCE_CLUSTER", WHO),
    ("APPMESH_RESOURCE_NAME", WHO),
    (
        "APPMESH_SDS_SOCKET_PATH",
        Honoured(
            "cluster `static_cluster_sds_unix_socket` to this socket; mount it, or let `config.injection.sds` do that",
        ),
    ),
    (
        "APPMESH_SET_TRACING_DECISION",
        None("AWS's own change of Envoy; stock Envoy writes its decision into `x-request-id`"),
    ),
    ("APPMESH_SIGNING_NAME", NO_AWS),
    ("APPMESH_VIRTUAL_NODE_CLUSTER", WHO),
    ("APPMESH_VIRTUAL_NODE_NAME", WHO),
    (
        "APPMESH_XDS_ENDPOINT",
        Refused("proxies are configured by Tulle alone"),
    ),
    ("APPNET_AGENT_ADMIN_MODE", NO_AGENT),
    ("APPNET_AGENT_ADMIN_UDS_PATH", NO_AGENT),
    ("APPNET_AGENT_HTTP_BIND_ADDRESS", NO_AGENT),
    ("APPNET_AGENT_HTTP_PORT", NO_AGENT),
    ("APPNET_AGENT_LOGGING_RESET_TIMEOUT", NO_AGENT),
    ("APPNET_AGENT_MAX_LOG_FILE_SIZE", NO_AGENT),
    ("APPNET_AGENT_MAX_RETENTION_COUNT", NO_AGENT),
    (
        "APPNET_AGENT_POLL_ENVOY_READINESS_INTERVAL_S",
        None("a startup probe asks every second"),
    ),
    (
        "APPNET_AGENT_POLL_ENVOY_READINESS_TIMEOUT_S",
        None("a startup probe waits for ten minutes"),
    ),
    ("APPNET_CONTAINER_IP_MAPPING", NO_AWS),
    ("APPNET_ENABLE_RELAY_MODE_FOR_XDS", NO_AWS),
    (
        "APPNET_ENVOY_LOG_DESTINATION",
        Refused("Envoy's log is the container's"),
    ),
    (
        "APPNET_ENVOY_LOG_NAME",
        None("Envoy's log is the container's"),
    ),
    (
        "APPNET_ENVOY_RESTART_COUNT",
        None("the kubelet starts containers again"),
    ),
    ("APPNET_FIPS_MODE_ENABLED", NO_AWS),
    ("APPNET_LISTENER_PORT_MAPPING", NO_AWS),
    ("APPNET_MANAGEMENT_DOMAIN_NAME", NO_AWS),
    ("APPNET_MANAGEMENT_PORT", NO_AWS),
    ("APPNET_RELAY_LISTENER_UDS_PATH", NO_AWS),
    ("AWS_ACCESS_KEY_ID", NO_AWS),
    ("AWS_REGION", NO_AWS),
    ("AWS_SECRET_ACCESS_KEY", NO_AWS),
    ("AWS_SESSION_TOKEN", NO_AWS),
    (
        "AWS_XRAY_DAEMON_ADDRESS",
        Honoured("IP address, or IP address and port, of the X-Ray daemon"),
    ),
    (
        "DATADOG_TRACER_ADDRESS",
        Honoured("default 127.0.0.1; `ref:status.hostIP` is the node's"),
    ),
    ("DATADOG_TRACER_PORT", Honoured("default 8126")),
    (
        "DD_SERVICE",
        Honoured(
            "Datadog's service name, default `envoy-MESH/NODE`; the tracer reads other `DD_…` itself",
        ),
    ),
    (
        "DISABLE_HOT_RESTART",
        None("Envoy never restarts itself in a container"),
    ),
    (
        "ENABLE_ENVOY_DATADOG_TRACING",
        Honoured("traces go to Datadog's agent"),
    ),
    (
        "ENABLE_ENVOY_DOG_STATSD",
        Honoured("figures go to DogStatsD, prefix `envoy.`"),
    ),
    (
        "ENABLE_ENVOY_JAEGER_TRACING",
        Honoured("traces go to Jaeger: Zipkin's spans at `/api/v2/spans`"),
    ),
    (
        "ENABLE_ENVOY_STATS_TAGS",
        Honoured(
            "tags `appmesh.mesh` and `appmesh.virtual_node` or `appmesh.virtual_gateway` on all figures",
        ),
    ),
    (
        "ENABLE_ENVOY_XRAY_TRACING",
        Honoured("traces go to the X-Ray daemon"),
    ),
    ("ENABLE_STATS_SNAPSHOT", NO_AGENT),
    (
        "ENVOY_ADMIN_ACCESS_ENABLE_IPV6",
        None("the admin interface is on loopback, IPv4"),
    ),
    (
        "ENVOY_ADMIN_ACCESS_LOG_FILE",
        Honoured(
            "a file under `/tmp`, `/dev/stdout`, `/dev/stderr`, or one on a writable mount; default none",
        ),
    ),
    (
        "ENVOY_ADMIN_ACCESS_PORT",
        Differs(
            "the admin interface answers there too, on loopback alone; it stays on 9901, and figures are on 15090",
        ),
    ),
    (
        "ENVOY_ADMIN_MODE",
        Refused("the admin interface is on loopback, port 9901"),
    ),
    ("ENVOY_CONCURRENCY", Honoured("worker threads")),
    (
        "ENVOY_CONFIG_FILE",
        Refused("an Envoy with a configuration of its own is no part of the mesh"),
    ),
    (
        "ENVOY_INITIAL_FETCH_TIMEOUT",
        Honoured("seconds; default 0, for ever"),
    ),
    (
        "ENVOY_LOG_LEVEL",
        Honoured("`trace`, `debug`, `info`, `warning`, `error`, `critical`, `off`"),
    ),
    (
        "ENVOY_NO_EXTENSION_LOOKUP_BY_NAME",
        None("Envoy finds extensions by type"),
    ),
    (
        "ENVOY_OUTLIER_DETECTION_EVENT_LOG_PATH",
        Honoured("default `/dev/stdout`; files as of `ENVOY_ADMIN_ACCESS_LOG_FILE`"),
    ),
    (
        "ENVOY_RESOURCES_CONFIG_FILE",
        Differs(
            "init container `tulle-bootstrap` puts the file into what Envoy starts from; it has to lie on a mounted volume",
        ),
    ),
    (
        "ENVOY_SKIP_DEPRECATED_LOGS",
        Honoured("no warnings of deprecated fields; default with a tracer alone"),
    ),
    (
        "ENVOY_STATS_CONFIG_FILE",
        Differs("as `ENVOY_RESOURCES_CONFIG_FILE`; replaces all tags"),
    ),
    (
        "ENVOY_STATS_FLUSH_INTERVAL",
        Honoured("such as `10s`, 1ms to 5m"),
    ),
    (
        "ENVOY_STATS_SINKS_CFG_FILE",
        Differs("as `ENVOY_RESOURCES_CONFIG_FILE`; replaces DogStatsD"),
    ),
    (
        "ENVOY_TRACING_CFG_FILE",
        Differs("as `ENVOY_RESOURCES_CONFIG_FILE`; replaces the tracer"),
    ),
    ("ENVOY_USE_HTTP_CLIENT_TO_FETCH_AWS_CREDENTIALS", NO_AWS),
    ("HC_DISCONNECTED_TIMEOUT_S", NO_AGENT),
    ("HC_POLL_INTERVAL_MS", NO_AGENT),
    (
        "JAEGER_TRACER_ADDRESS",
        Honoured("default 127.0.0.1; `ref:status.hostIP` is the node's"),
    ),
    ("JAEGER_TRACER_PORT", Honoured("default 9411")),
    (
        "JAEGER_TRACER_VERSION",
        Honoured("spans as JSON if it has `json` in it, else protobuf"),
    ),
    (
        "LISTENER_DRAIN_WAIT_TIME_S",
        Differs(
            "seconds that a gateway, or a sidecar that is no native one, goes on after its pod was told to end; a native \
             sidecar ends after the application",
        ),
    ),
    (
        "MAX_REQUESTS_PER_IO_CYCLE",
        Honoured("runtime setting `http.max_requests_per_io_cycle`"),
    ),
    (
        "OTLP_TRACER_ADDRESS",
        Honoured("Tulle's own: with `config.injection.tracing.provider` `otlp`"),
    ),
    ("OTLP_TRACER_PORT", Honoured("Tulle's own: default 4317")),
    ("PID_POLL_INTERVAL_MS", NO_AGENT),
    ("RELAY_BUFFER_LIMIT_BYTES", NO_AWS),
    ("RELAY_STREAM_IDLE_TIMEOUT", NO_AWS),
    (
        "STATSD_ADDRESS",
        Honoured("IP address, default 127.0.0.1; `ref:status.hostIP` is the node's"),
    ),
    ("STATSD_PORT", Honoured("default 8125")),
    (
        "STATSD_SOCKET_PATH",
        Honoured("counts before address and port; mount it with `volumeMounts`"),
    ),
    ("XRAY_DAEMON_PORT", Honoured("default 2000")),
    (
        "XRAY_SAMPLING_RATE",
        Honoured("0 to 1, two places; default 0.05"),
    ),
    (
        "XRAY_SAMPLING_RULE_MANIFEST",
        Honoured("a file on a mounted volume; counts before the rate"),
    ),
    ("XRAY_SEGMENT_NAME", Honoured("default `MESH/NODE`")),
];

/// Annotations of pods, without `appmesh.k8s.aws/`, sorted by name.
pub const ANNOTATIONS: &[(&str, Effect)] = &[
    (
        "appmeshCNI",
        Honoured("`enabled`: no init container redirects, App Mesh's CNI plugin does"),
    ),
    ("cpuLimit", Honoured("of Envoy and the X-Ray daemon")),
    ("cpuRequest", Honoured("of Envoy and the X-Ray daemon")),
    (
        "egressIgnoredIPs",
        Honoured("destinations that are not redirected"),
    ),
    (
        "egressIgnoredPorts",
        Honoured("destination ports that are not redirected; 22 never is"),
    ),
    ("ignoredGID", None("it never had any")),
    (
        "ignoredUID",
        None("written for the CNI plugin; fixed, as it was"),
    ),
    ("ipv6", Honoured("`disabled`: IPv6 is not redirected")),
    ("memoryLimit", Honoured("of Envoy and the X-Ray daemon")),
    ("memoryRequest", Honoured("of Envoy and the X-Ray daemon")),
    ("mesh", None("of v1beta1; it had none in v1beta2")),
    (
        "ports",
        Honoured("application ports that are redirected, instead of the listeners'"),
    ),
    ("preview", None("there is no preview channel")),
    (
        "proxyEgressPort",
        None("written for the CNI plugin; fixed, as it was"),
    ),
    (
        "proxyIngressPort",
        None("written for the CNI plugin; fixed, as it was"),
    ),
    (
        "sds",
        Honoured("`disabled`: no socket of the node's SDS server"),
    ),
    ("secretMounts", Honoured("Secrets mounted for Envoy")),
    (
        "sidecarEnv",
        Differs(
            "variables; where one says what a setting says too, the variable counts, which App Mesh did for `XRAY_SAMPLING_RATE` alone",
        ),
    ),
    ("sidecarEnvJson", Differs("the same, as JSON")),
    ("sidecarInjectorWebhook", Honoured("`enabled`, `disabled`")),
    ("virtualGateway", None("of v1beta1; it had none in v1beta2")),
    (
        "virtualGatewaySkipImageOverride",
        Honoured("`enabled`: a gateway keeps its image"),
    ),
    ("virtualNode", None("of v1beta1; it had none in v1beta2")),
    ("virtualRouter", None("of v1beta1; it had none in v1beta2")),
    (
        "volumeMounts",
        Honoured("volumes of the pod mounted for Envoy"),
    ),
    (
        "xrayAgentConfigMount",
        Honoured("`volume:path`: the X-Ray daemon reads `path/xray-daemon.yaml`"),
    ),
];

/// What becomes of a variable, if it is one of App Mesh's.
pub(super) fn variable(name: &str) -> Option<Effect> {
    let found = VARIABLES.binary_search_by_key(&name, |(name, _)| name);
    found.ok().map(|at| VARIABLES[at].1)
}
