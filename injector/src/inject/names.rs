//! Names that users, Kubernetes and the control plane know the parts by.

/// Annotation that Tulle writes: what the pod's Envoy is configured as, such as `virtualnode/shop/front`.
pub const PROXY: &str = "tulle.dev/proxy";
/// Annotation that Tulle writes: the application's ports that Envoy stands before, such as `8080,9090`.
pub const INBOUND_PORTS: &str = "tulle.dev/inbound-ports";
/// Annotation that Tulle writes: the application's own probes, which the kubelet now asks through Envoy.
pub const PROBES: &str = "tulle.dev/probes";

/// Annotation that Tulle writes: what its user was warned of when the pod was made, which is told to whoever makes a pod, and
/// controllers keep to themselves.
pub const WARNINGS: &str = "tulle.dev/warnings";

/// What warnings begin with: `kubectl` shows them among those of others.
pub const WARNING: &str = "tulle: ";

/// Tulle's own switch.
pub(super) const INJECTION: &str = "tulle.dev/injection";
/// App Mesh's switch.
pub(super) const WEBHOOK: &str = "appmesh.k8s.aws/sidecarInjectorWebhook";
/// Istio's switch of a namespace.
pub(super) const ISTIO_INJECTION: &str = "istio-injection";
/// Istio's choice between control planes.
pub(super) const ISTIO_REVISION: &str = "istio.io/rev";
/// The revision that is Tulle.
pub(super) const REVISION: &str = "tulle";
/// Istio's switch of a pod.
pub(super) const ISTIO_POD: &str = "sidecar.istio.io/inject";

pub(super) const CPU_REQUEST: &str = "appmesh.k8s.aws/cpuRequest";
pub(super) const MEMORY_REQUEST: &str = "appmesh.k8s.aws/memoryRequest";
pub(super) const CPU_LIMIT: &str = "appmesh.k8s.aws/cpuLimit";
pub(super) const MEMORY_LIMIT: &str = "appmesh.k8s.aws/memoryLimit";
pub(super) const PORTS: &str = "appmesh.k8s.aws/ports";
pub(super) const IGNORED_IPS: &str = "appmesh.k8s.aws/egressIgnoredIPs";
pub(super) const IGNORED_PORTS: &str = "appmesh.k8s.aws/egressIgnoredPorts";
pub(super) const IPV6: &str = "appmesh.k8s.aws/ipv6";
pub(super) const CNI: &str = "appmesh.k8s.aws/appmeshCNI";
pub(super) const FARGATE_PROFILE: &str = "eks.amazonaws.com/fargate-profile";
pub(super) const CNI_EGRESS_PORT: &str = "appmesh.k8s.aws/proxyEgressPort";
pub(super) const CNI_INGRESS_PORT: &str = "appmesh.k8s.aws/proxyIngressPort";
pub(super) const CNI_IGNORED_UID: &str = "appmesh.k8s.aws/ignoredUID";
pub(super) const ENV: &str = "appmesh.k8s.aws/sidecarEnv";
pub(super) const ENV_JSON: &str = "appmesh.k8s.aws/sidecarEnvJson";
pub(super) const SECRET_MOUNTS: &str = "appmesh.k8s.aws/secretMounts";
pub(super) const VOLUME_MOUNTS: &str = "appmesh.k8s.aws/volumeMounts";
pub(super) const SDS: &str = "appmesh.k8s.aws/sds";
pub(super) const XRAY_CONFIG: &str = "appmesh.k8s.aws/xrayAgentConfigMount";
pub(super) const SKIP_IMAGE: &str = "appmesh.k8s.aws/virtualGatewaySkipImageOverride";
/// `kubectl logs` and `kubectl exec` take this container where none is named.
pub(super) const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// The container that runs Envoy.
pub(super) const ENVOY: &str = "envoy";
/// The init container that installs redirect rules.
pub(super) const CAPTURE: &str = "tulle-capture";
/// The same of App Mesh.
pub(super) const APPMESH_CAPTURE: &str = "proxyinit";
/// The init container that merges files of the pod's into what Envoy starts from.
pub(super) const MERGE: &str = "tulle-bootstrap";
/// The X-Ray daemon.
pub(super) const XRAY: &str = "xray-daemon";
/// Volume with what [`MERGE`] makes.
pub(super) const MERGED_VOLUME: &str = "tulle-merged";
/// Volume with the folder of Envoy's access log, where that is elsewhere.
pub(super) const LOG_VOLUME: &str = "tulle-logs";
/// Volume with what Envoy may write.
pub(super) const TMP_VOLUME: &str = "tulle-tmp";
/// Volume and ConfigMap with the files that Envoy starts from.
pub(super) const SHARED_VOLUME: &str = "tulle-proxy";
/// Volume with the pod's token for the control plane.
pub(super) const TOKEN_VOLUME: &str = "tulle-token";
/// Volume with the socket of the node's SDS server.
pub(super) const SDS_VOLUME: &str = "appmesh-sds-socket-volume";
/// The audience of that token.
pub(super) const AUDIENCE: &str = "tulle";
/// Name of the port with Envoy's figures, and its name where the application has a port called so.
pub(super) const STATS: [&str; 2] = ["stats", "envoy-stats"];

/// User and group that Envoy runs as; what they send is not redirected.
pub(super) const ENVOY_USER: u32 = 1337;
/// Envoy's inbound port.
pub(super) const INBOUND: u16 = 15000;
/// Envoy's outbound port.
pub(super) const OUTBOUND: u16 = 15001;
/// Where Envoy answers the application's probes.
pub(super) const PROBE_PORT: u16 = 15020;
/// Where Envoy answers the application's gRPC probes, a port for each port of the application.
pub(super) const GRPC_PROBE_PORTS: std::ops::RangeInclusive<u16> = 15030..=15059;

/// Whether a port is one of Envoy's own in every pod.
pub(super) fn is_own(port: u16) -> bool {
    use crate::bootstrap::{ADMIN_PORT, READINESS_PORT, STATS_PORT};
    [
        INBOUND,
        OUTBOUND,
        PROBE_PORT,
        READINESS_PORT,
        STATS_PORT,
        ADMIN_PORT,
    ]
    .contains(&port)
        || GRPC_PROBE_PORTS.contains(&port)
}
