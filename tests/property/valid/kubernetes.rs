//! Kubernetes' side of a mesh.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Dice, Plan};

/// Both namespaces.
pub(super) fn namespaces() -> Vec<Value> {
    let names = super::NAMESPACES.iter();
    names
        .map(|name| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": { "mesh": "mine" } } }))
        .collect()
}

/// A Service of each node and each service of the mesh, pods of nodes.
pub(super) fn services(dice: &mut Dice, plan: &Plan) -> Vec<Value> {
    let mut documents = Vec::new();
    let nodes = plan
        .nodes
        .iter()
        .map(|node| (node.namespace, &node.name, &*node.listeners));
    let services = plan.services.iter();
    let services = services.map(|service| {
        (
            service.namespace,
            &service.name,
            plan.offered(service.provider),
        )
    });
    for (number, (namespace, name, listeners)) in nodes.chain(services).enumerate() {
        let ports: BTreeSet<u16> = listeners.iter().map(|listener| listener.port).collect();
        let of = |key: &str| -> Vec<Value> {
            let ports = ports.iter();
            ports
                .map(|port| json!({ "name": format!("p{port}"), key: port }))
                .collect()
        };
        documents.push(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": namespace },
            "spec": { "clusterIP": format!("10.96.0.{}", number + 1), "ports": of("port") },
        }));
        let family = dice.pick(&["IPv4", "IPv6"]);
        let address = match family {
            "IPv4" => format!("10.0.0.{}", number + 1),
            _ => format!("2001:db8::{}", number + 1),
        };
        documents.push(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
            "metadata": {
                "name": format!("{name}-1"), "namespace": namespace,
                "labels": { "kubernetes.io/service-name": name },
            },
            "ports": of("port"), "endpoints": [{ "addresses": [address] }],
        }));
        documents.push(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": format!("{name}-1"), "namespace": namespace, "labels": { "app": name, "tier": "back" } },
            "spec": { "containers": [{ "name": "app", "image": "app" }] },
            "status": { "podIP": format!("10.0.1.{}", number + 1), "conditions": [{ "type": "Ready", "status": "True" }] },
        }));
    }
    documents
}
