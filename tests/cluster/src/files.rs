//! The files that the parts of the node read.

use crate::images::PAUSE;
use crate::run::{CLUSTER_DOMAIN, DNS_IP, NODE_POD_CIDR, Run};
use crate::tulle::{NAMESPACE, RELEASE};

/// How names of the files of the API server's audit log begin, in the folder of logs.
pub const AUDIT_LOG: &str = "audit";

/// Writes all of them.
///
/// # Errors
/// A file could not be written.
pub fn write(run: &Run) -> anyhow::Result<()> {
    for folder in ["cni", "logs", "hold", "kubelet", "var-upper", "var-work"] {
        std::fs::create_dir_all(run.path(folder))?;
    }
    std::fs::write(run.path("containerd.toml"), containerd(run))?;
    std::fs::write(run.path("cni/10-pods.conflist"), cni())?;
    std::fs::write(run.path("kubelet.yaml"), kubelet(run))?;
    std::fs::write(run.path("audit.yaml"), audit())?;
    // There is nothing to ask outside the cluster; the kubelet wants a file all the same.
    std::fs::write(run.path("resolv.conf"), "nameserver 127.0.0.1\n")?;
    Ok(())
}

/// `restrict_oom_score_adj`: root may lack CAP_SYS_RESOURCE, and could then not lower a sandbox's score.
fn containerd(run: &Run) -> String {
    let root = run.root().display();
    format!(
        r#"version = 2
root = "{root}/containerd"
state = "/run/containerd"

[grpc]
address = "{root}/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{root}/cni"
"#
    )
}

fn cni() -> String {
    format!(
        r#"{{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [
    {{
      "type": "bridge",
      "bridge": "cni0",
      "isGateway": true,
      "ipMasq": true,
      "hairpinMode": true,
      "ipam": {{
        "type": "host-local",
        "ranges": [[{{ "subnet": "{NODE_POD_CIDR}" }}]],
        "routes": [{{ "dst": "0.0.0.0/0" }}]
      }}
    }},
    {{ "type": "portmap", "capabilities": {{ "portMappings": true }} }}
  ]
}}
"#
    )
}

/// What Tulle asks of the API server, and nothing of anybody else. That a request has arrived says no more than its answer.
fn audit() -> String {
    format!(
        "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: ['system:serviceaccount:{NAMESPACE}:{RELEASE}']
- level: None
"
    )
}

fn kubelet(run: &Run) -> String {
    let root = run.root().display();
    let cgroup = run.cgroup();
    format!(
        "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {{enabled: false}}
  webhook: {{enabled: true}}
  x509: {{clientCAFile: {root}/pki/ca.crt}}
authorization: {{mode: Webhook}}
tlsCertFile: {root}/pki/kubelet-serving.crt
tlsPrivateKeyFile: {root}/pki/kubelet-serving.key
containerRuntimeEndpoint: unix://{root}/containerd.sock
clusterDNS: ['{DNS_IP}']
clusterDomain: {CLUSTER_DOMAIN}
resolvConf: {root}/resolv.conf
cgroupDriver: cgroupfs
cgroupRoot: /{cgroup}
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {{memory.available: '0%', nodefs.available: '0%', nodefs.inodesFree: '0%', imagefs.available: '0%'}}
imageGCHighThresholdPercent: 100
maxPods: 240
podLogsDir: {root}/pods
volumePluginDir: {root}/volume-plugins
featureGates: {{PodCertificateRequest: true}}
"
    )
}
