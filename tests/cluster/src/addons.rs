//! What a cluster has besides its node: DNS, which asks Tulle for names of Cloud Map.

use crate::images::COREDNS;
use crate::kubectl::Kubectl;
use crate::run::{CLOUD_MAP_DOMAIN, CLUSTER_DOMAIN, DNS_IP, TULLE_DNS_IP};

/// Installs CoreDNS and waits until it answers.
///
/// # Errors
/// `kubectl` failed, or CoreDNS did not start.
pub fn install(kubectl: &Kubectl) -> anyhow::Result<()> {
    // Pods need it, and its controller makes it a moment after the namespace.
    kubectl.run("wait --for=create --timeout=60s serviceaccount/default -n kube-system")?;
    kubectl.apply(&coredns())?;
    kubectl.run("rollout status deployment/coredns -n kube-system --timeout=120s")?;
    Ok(())
}

fn coredns() -> String {
    format!(
        "apiVersion: v1
kind: ServiceAccount
metadata: {{name: coredns, namespace: kube-system}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: 'system:coredns'}}
rules:
- {{apiGroups: [''], resources: [endpoints, services, pods, namespaces], verbs: [list, watch]}}
- {{apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: 'system:coredns'}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: 'system:coredns'}}
subjects: [{{kind: ServiceAccount, name: coredns, namespace: kube-system}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: coredns, namespace: kube-system}}
data:
  Corefile: |
    .:53 {{
      errors
      health :8080
      ready :8181
      kubernetes {CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {{
        ttl 5
      }}
      cache 5
    }}
    {CLOUD_MAP_DOMAIN}:53 {{
      errors
      forward . {TULLE_DNS_IP}
    }}
---
apiVersion: v1
kind: Service
metadata: {{name: kube-dns, namespace: kube-system, labels: {{k8s-app: kube-dns}}}}
spec:
  clusterIP: {DNS_IP}
  selector: {{k8s-app: kube-dns}}
  ports:
  - {{name: dns, port: 53, protocol: UDP}}
  - {{name: dns-tcp, port: 53, protocol: TCP}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: coredns, namespace: kube-system}}
spec:
  selector: {{matchLabels: {{k8s-app: kube-dns}}}}
  template:
    metadata: {{labels: {{k8s-app: kube-dns}}}}
    spec:
      serviceAccountName: coredns
      dnsPolicy: Default
      priorityClassName: system-cluster-critical
      containers:
      - name: coredns
        image: {COREDNS}
        imagePullPolicy: Never
        args: [-conf, /etc/coredns/Corefile]
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          runAsUser: 0
          capabilities: {{drop: [ALL], add: [NET_BIND_SERVICE]}}
        volumeMounts: [{{name: config, mountPath: /etc/coredns, readOnly: true}}]
        readinessProbe: {{httpGet: {{path: /ready, port: 8181}}, periodSeconds: 1}}
      volumes: [{{name: config, configMap: {{name: coredns}}}}]
"
    )
}
