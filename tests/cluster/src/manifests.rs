//! Short ways to write the manifests of a case. What is under test is written out in the case itself.

use std::fmt::Write as _;

use crate::images::SAMPLE;

/// A namespace whose pods Tulle injects, and a mesh of the same name that selects it.
pub fn mesh(name: &str) -> String {
    format!(
        "apiVersion: v1
kind: Namespace
metadata: {{name: {name}, labels: {{mesh: {name}, appmesh.k8s.aws/sidecarInjectorWebhook: enabled}}}}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {{name: {name}}}
spec:
  namespaceSelector: {{matchLabels: {{mesh: {name}}}}}
"
    )
}

/// A document of the App Mesh API; `spec` is YAML in flow style or indented by two.
pub fn document(kind: &str, namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: appmesh.k8s.aws/v1beta2\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n{spec}"
    )
}

/// A node with an HTTP listener on port 8080 and a health endpoint, found by the Service of its own name.
pub fn node(namespace: &str, name: &str, backends: &[&str]) -> String {
    let spec = format!(
        "  podSelector: {{matchLabels: {{app: {name}}}}}
  listeners: [{{portMapping: {{port: 8080, protocol: http}}}}]
  serviceDiscovery: {{dns: {{hostname: {name}.{namespace}.svc.cluster.local}}}}
{}",
        self::backends(backends)
    );
    document("VirtualNode", namespace, name, &spec)
}

/// A node that only calls others.
pub fn client_node(namespace: &str, name: &str, backends: &[&str]) -> String {
    let selector = format!("  podSelector: {{matchLabels: {{app: {name}}}}}\n");
    document(
        "VirtualNode",
        namespace,
        name,
        &(selector + &self::backends(backends)),
    )
}

fn backends(names: &[&str]) -> String {
    let mut text = String::new();
    if !names.is_empty() {
        text.push_str("  backends:\n");
    }
    for name in names {
        let _ = writeln!(
            text,
            "  - virtualService: {{virtualServiceRef: {{name: {name}}}}}"
        );
    }
    text
}

/// A service `NAME.NAMESPACE.svc.cluster.local` that the router (`virtualRouter`) or node (`virtualNode`) of this name provides.
pub fn service(namespace: &str, name: &str, kind: &str, provider: &str) -> String {
    document(
        "VirtualService",
        namespace,
        name,
        &format!(
            "  awsName: {name}.{namespace}.svc.cluster.local\n  provider: {{{kind}: {{{kind}Ref: {{name: {provider}}}}}}}\n"
        ),
    )
}

/// A router on port 80 with one route that splits by weight.
pub fn split(namespace: &str, name: &str, weights: &[(&str, u32)]) -> String {
    let targets: Vec<String> = weights
        .iter()
        .map(|(node, weight)| format!("{{virtualNodeRef: {{name: {node}}}, weight: {weight}}}"))
        .collect();
    let targets = targets.join(", ");
    document(
        "VirtualRouter",
        namespace,
        name,
        &format!(
            "  listeners: [{{portMapping: {{port: 80, protocol: http}}}}]
  routes:
  - name: split
    httpRoute:
      match: {{prefix: /}}
      action: {{weightedTargets: [{targets}]}}
"
        ),
    )
}

/// A Kubernetes Service for the pods of an application, on the port that they listen at: its address is dialled there.
pub fn kube_service(namespace: &str, name: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 8080}}]}}
"
    )
}

/// A Kubernetes Service that only has an address, so that a name resolves.
pub fn address(namespace: &str, name: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{ports: [{{name: http, port: 80}}]}}
"
    )
}

/// A Deployment of the sample application, called and labelled `name`.
#[derive(Debug, Clone)]
pub struct App<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name, which it answers with.
    pub name: &'a str,
    /// How many pods.
    pub replicas: u32,
    /// Annotations of its pods, `key: value` in flow style.
    pub annotations: &'a str,
    /// Its service account.
    pub account: &'a str,
    /// Grace in seconds when a pod is ended.
    pub grace: u32,
    /// More arguments of `tulle-sample serve`.
    pub arguments: &'a [&'a str],
}

impl<'a> App<'a> {
    /// One pod with nothing special.
    pub fn new(namespace: &'a str, name: &'a str) -> Self {
        Self {
            namespace,
            name,
            replicas: 1,
            annotations: "",
            account: "default",
            grace: 5,
            arguments: &[],
        }
    }

    /// The manifest.
    pub fn yaml(&self) -> String {
        let Self {
            namespace,
            name,
            replicas,
            annotations,
            account,
            grace,
            arguments,
        } = self;
        let mut all = vec!["serve", "--name", name, "--http", "0.0.0.0:8080"];
        all.extend(*arguments);
        let arguments = serde_json::json!(all);
        format!(
            "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  strategy: {{rollingUpdate: {{maxSurge: 2, maxUnavailable: 0}}}}
  template:
    metadata: {{labels: {{app: {name}}}, annotations: {{{annotations}}}}}
    spec:
      serviceAccountName: {account}
      terminationGracePeriodSeconds: {grace}
      containers:
      - name: app
        image: {SAMPLE}
        imagePullPolicy: Never
        args: {arguments}
        ports: [{{name: http, containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /healthy, port: http}}, periodSeconds: 1}}
        resources: {{requests: {{cpu: 5m, memory: 8Mi}}}}
"
        )
    }
}
