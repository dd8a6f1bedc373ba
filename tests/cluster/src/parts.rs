//! The parts of the node and how each is started.

use std::process::Command;

use crate::files::AUDIT_LOG;
use crate::run::{CLUSTER_DOMAIN, NODE, NODE_IP, POD_CIDR, Run, SERVICE_CIDR};

/// The API server's part.
pub const API_SERVER: &str = "kube-apiserver";

/// A program of the node that is started, and started again when it ends.
#[derive(Debug, Clone)]
pub struct Part {
    /// The program's name; also that of its log.
    pub name: &'static str,
    /// It is started once something listens at this address.
    pub after: Option<&'static str>,
    arguments: Vec<String>,
}

impl Part {
    /// The command that starts it.
    pub fn command(&self, run: &Run) -> Command {
        let ours = run.bin().join(self.name);
        let mut command = if ours.exists() {
            Command::new(ours)
        } else {
            Command::new(self.name)
        };
        command.args(&self.arguments);
        command
    }
}

const ETCD: &str = "127.0.0.1:2379";
const API: &str = "127.0.0.1:6443";

/// Every part, in the order in which they are started.
pub fn parts(run: &Run) -> Vec<Part> {
    let root = run.root().display().to_string();
    let part = |name, after, arguments: &str| Part {
        name,
        after,
        arguments: arguments
            .split_whitespace()
            .map(|argument| argument.replace("ROOT", &root))
            .collect(),
    };
    vec![
        part(
            "etcd",
            None,
            "--name node --data-dir ROOT/etcd --unsafe-no-fsync --log-level warn \
             --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
             --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
             --initial-cluster node=http://127.0.0.1:2380",
        ),
        part("containerd", None, "--config ROOT/containerd.toml"),
        part(API_SERVER, Some(ETCD), &api_server()),
        part("kube-controller-manager", Some(API), &controller_manager()),
        part(
            "kube-scheduler",
            Some(API),
            "--kubeconfig=ROOT/pki/scheduler.kubeconfig --leader-elect=false --authentication-skip-lookup \
             --authentication-kubeconfig=ROOT/pki/scheduler.kubeconfig --authorization-kubeconfig=ROOT/pki/scheduler.kubeconfig",
        ),
        part(
            "kubelet",
            Some(API),
            &format!(
                "--config=ROOT/kubelet.yaml --kubeconfig=ROOT/pki/kubelet.kubeconfig --root-dir=ROOT/kubelet \
                 --cert-dir=ROOT/pki --hostname-override={NODE} --node-ip={NODE_IP} \
                 --node-labels=topology.kubernetes.io/zone=zone-a,topology.kubernetes.io/region=region-1"
            ),
        ),
        part(
            "kube-proxy",
            Some(API),
            &format!(
                "--kubeconfig=ROOT/pki/proxy.kubeconfig --proxy-mode=iptables --cluster-cidr={POD_CIDR} \
                 --conntrack-max-per-core=0 --hostname-override={NODE}"
            ),
        ),
    ]
}

fn api_server() -> String {
    format!(
        "--etcd-servers=http://127.0.0.1:2379 --advertise-address={NODE_IP} --secure-port=6443 \
         --client-ca-file=ROOT/pki/ca.crt --tls-cert-file=ROOT/pki/apiserver.crt --tls-private-key-file=ROOT/pki/apiserver.key \
         --kubelet-client-certificate=ROOT/pki/apiserver-to-kubelet.crt --kubelet-client-key=ROOT/pki/apiserver-to-kubelet.key \
         --kubelet-certificate-authority=ROOT/pki/ca.crt --kubelet-preferred-address-types=InternalIP \
         --service-account-issuer=https://kubernetes.default.svc.{CLUSTER_DOMAIN} \
         --service-account-key-file=ROOT/pki/accounts.pub --service-account-signing-key-file=ROOT/pki/accounts.key \
         --service-cluster-ip-range={SERVICE_CIDR} --authorization-mode=Node,RBAC \
         --enable-admission-plugins=NodeRestriction --allow-privileged --cert-dir=ROOT/pki \
         --feature-gates=PodCertificateRequest=true --runtime-config=certificates.k8s.io/v1beta1=true \
         --audit-policy-file=ROOT/audit.yaml --audit-log-path=ROOT/logs/{AUDIT_LOG}.log --audit-log-maxsize=64 --audit-log-maxbackup=3"
    )
}

/// The one node is never given up: where the API server comes back, a controller that has run meanwhile has seen no sign of
/// life for the outage's time and marks every pod unready. Elsewhere it ends with its lost lease, and begins with patience.
fn controller_manager() -> String {
    format!(
        "--kubeconfig=ROOT/pki/controller-manager.kubeconfig --use-service-account-credentials --leader-elect=false \
         --authentication-kubeconfig=ROOT/pki/controller-manager.kubeconfig --authentication-skip-lookup \
         --authorization-kubeconfig=ROOT/pki/controller-manager.kubeconfig \
         --root-ca-file=ROOT/pki/ca.crt --service-account-private-key-file=ROOT/pki/accounts.key \
         --cluster-signing-cert-file=ROOT/pki/ca.crt --cluster-signing-key-file=ROOT/pki/ca.key \
         --cluster-cidr={POD_CIDR} --allocate-node-cidrs=true --cert-dir=ROOT/pki \
         --node-monitor-grace-period=15m"
    )
}
