//! Kubernetes' own kinds.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::{ACCOUNT, NAMESPACE, Object, PODS_OF_A_WORKLOAD, PORT, pod_address};

fn object(collection: String, body: Value) -> Object {
    Object { collection, body }
}

pub(super) fn foundation(namespaces: &[&str]) -> Vec<Object> {
    let mut objects: Vec<Object> = namespaces
        .iter()
        .chain(&[NAMESPACE])
        .map(|name| {
            object(
                "/api/v1/namespaces".to_owned(),
                json!({
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": { "name": name, "labels": { "mesh": name } },
                }),
            )
        })
        .collect();
    objects.push(object(
        format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts"),
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": { "name": ACCOUNT, "namespace": NAMESPACE },
        }),
    ));
    objects
}

pub(super) fn service(name: &str) -> Object {
    object(
        format!("/api/v1/namespaces/{NAMESPACE}/services"),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": name, "namespace": NAMESPACE },
            "spec": { "ports": [{ "name": "http", "port": PORT, "targetPort": PORT, "protocol": "TCP" }] },
        }),
    )
}

/// An endpoint that is ready; else one that still serves, and will end.
pub(super) fn endpoint(address: Ipv4Addr, ready: bool) -> Value {
    json!({
        "addresses": [address],
        "conditions": { "ready": ready, "serving": true, "terminating": !ready },
        "nodeName": "node-1",
    })
}

pub(super) fn slice(service: &str, number: usize, addresses: &[Ipv4Addr]) -> Object {
    let endpoints: Vec<Value> = addresses
        .iter()
        .map(|address| endpoint(*address, true))
        .collect();
    object(
        format!("/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"),
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{service}-{number}"),
                "namespace": NAMESPACE,
                "labels": {
                    "kubernetes.io/service-name": service,
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                },
            },
            "addressType": "IPv4",
            "ports": [{ "name": "http", "port": PORT, "protocol": "TCP" }],
            "endpoints": endpoints,
        }),
    )
}

/// A pod as the injector would have left it, so far as a control plane reads it.
pub(super) fn pod(number: usize) -> Object {
    let workload = super::service(number / PODS_OF_A_WORKLOAD);
    object(
        format!("/api/v1/namespaces/{NAMESPACE}/pods"),
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": super::pod(number),
                "namespace": NAMESPACE,
                "labels": { "app": workload },
                "annotations": {
                    "tulle.dev/proxy": format!("virtualnode/{NAMESPACE}/{workload}"),
                    "tulle.dev/inbound-ports": PORT.to_string(),
                },
            },
            "spec": {
                "serviceAccountName": ACCOUNT,
                "automountServiceAccountToken": false,
                "nodeName": "node-1",
                "containers": [{
                    "name": "application",
                    "image": "application:1",
                    "ports": [{ "containerPort": PORT }],
                }],
            },
        }),
    )
}

pub(super) fn running(pod: usize) -> Value {
    let address = pod_address(pod);
    let condition = |name: &str| json!({ "type": name, "status": "True" });
    json!({ "status": {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{ "ip": address }],
        "conditions": [condition("PodScheduled"), condition("ContainersReady"), condition("Ready")],
    } })
}
