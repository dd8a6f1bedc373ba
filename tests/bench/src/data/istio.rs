//! Istio's kinds: what shares requests between two services, and what says which services a workload calls. Everything else
//! follows from the Services.

use serde_json::json;

use super::{NAMESPACE, Object, PORT, next_of};

pub(super) fn virtual_service(name: &str, next: u32) -> Object {
    let host = |service: &str| format!("{service}.{NAMESPACE}.svc.cluster.local");
    let route = |service: &str, weight: u32| {
        json!({
            "destination": { "host": host(service), "port": { "number": PORT } },
            "weight": weight,
        })
    };
    Object {
        collection: format!("/apis/networking.istio.io/v1/namespaces/{NAMESPACE}/virtualservices"),
        body: json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": { "name": name, "namespace": NAMESPACE },
            "spec": {
                "hosts": [host(name)],
                "http": [{ "route": [route(name, 100 - next), route(&next_of(name), next)] }],
            },
        }),
    }
}

/// What the pods of a workload are told of: these services only.
pub(super) fn sidecar(workload: &str, calls: &[String]) -> Object {
    let hosts: Vec<String> = calls
        .iter()
        .map(|service| format!("{NAMESPACE}/{service}.{NAMESPACE}.svc.cluster.local"))
        .collect();
    Object {
        collection: format!("/apis/networking.istio.io/v1/namespaces/{NAMESPACE}/sidecars"),
        body: json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "Sidecar",
            "metadata": { "name": workload, "namespace": NAMESPACE },
            "spec": {
                "workloadSelector": { "labels": { "app": workload } },
                "egress": [{ "hosts": hosts }],
            },
        }),
    }
}
