//! Short ways to write the manifests of a test.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// Namespace `shop` and a mesh that selects it.
pub fn mesh(egress: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{mesh: shop}}}}\n---\n\
         apiVersion: appmesh.k8s.aws/v1beta2\nkind: Mesh\nmetadata: {{name: shop}}\nspec:\n  \
         namespaceSelector: {{matchLabels: {{mesh: shop}}}}\n  egressFilter: {{type: {egress}}}\n"
    )
}

/// A document of the App Mesh API in namespace `shop`; `spec` is YAML, indented by the caller.
pub fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: appmesh.k8s.aws/v1beta2\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n{spec}"
    )
}

/// A node with listeners `(port, protocol)`, found by the Service of its own name.
pub fn node(name: &str, listeners: &[(u16, &str)], backends: &[&str]) -> String {
    let mut spec = format!("  podSelector: {{matchLabels: {{app: {name}}}}}\n");
    if !listeners.is_empty() {
        spec.push_str("  listeners:\n");
        for (port, protocol) in listeners {
            let _ = writeln!(
                spec,
                "  - portMapping: {{port: {port}, protocol: {protocol}}}"
            );
        }
        let _ = writeln!(
            spec,
            "  serviceDiscovery: {{dns: {{hostname: {name}.shop.svc.cluster.local}}}}"
        );
    }
    if !backends.is_empty() {
        spec.push_str("  backends:\n");
        for backend in backends {
            let _ = writeln!(
                spec,
                "  - virtualService: {{virtualServiceRef: {{name: {backend}}}}}"
            );
        }
    }
    document("VirtualNode", name, &spec)
}

/// A service that a router (`virtualRouter`) or node (`virtualNode`) of the same or another name provides.
pub fn service(name: &str, host: &str, kind: &str, provider: &str) -> String {
    document(
        "VirtualService",
        name,
        &format!(
            "  awsName: {host}\n  provider: {{{kind}: {{{kind}Ref: {{name: {provider}}}}}}}\n"
        ),
    )
}

/// A Kubernetes Service with ports `(port, target)` and one endpoint.
pub fn kube_service(name: &str, ports: &[(u16, u16)], endpoint: Ipv4Addr) -> String {
    let mut text = format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  ports:\n"
    );
    for (port, target) in ports {
        let _ = writeln!(
            text,
            "  - {{name: p{port}, port: {port}, targetPort: {target}}}"
        );
    }
    let _ = write!(
        text,
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}-1, namespace: shop, \
         labels: {{kubernetes.io/service-name: {name}}}}}\naddressType: IPv4\nendpoints:\n- {{addresses: [{endpoint}]}}\nports:\n"
    );
    for (port, target) in ports {
        let _ = writeln!(text, "- {{name: p{port}, port: {target}, protocol: TCP}}");
    }
    text
}

/// A router on one port with the routes given as YAML list items, indented by two.
pub fn router(name: &str, port: u16, protocol: &str, routes: &str) -> String {
    document(
        "VirtualRouter",
        name,
        &format!(
            "  listeners:\n  - portMapping: {{port: {port}, protocol: {protocol}}}\n  routes:\n{routes}"
        ),
    )
}

/// Weighted targets as a flow list.
pub fn targets(weights: &[(&str, u32)]) -> String {
    let list: Vec<String> = weights
        .iter()
        .map(|(node, weight)| format!("{{virtualNodeRef: {{name: {node}}}, weight: {weight}}}"))
        .collect();
    format!("weightedTargets: [{}]", list.join(", "))
}
