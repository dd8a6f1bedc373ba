//! App Mesh's kinds.

use serde_json::{Value, json};

use super::{MESH, NAMESPACE, Object, PORT, next_of};

fn object(plural: &str, kind: &str, name: &str, spec: &Value) -> Object {
    Object {
        collection: format!("/apis/appmesh.k8s.aws/v1beta2/namespaces/{NAMESPACE}/{plural}"),
        body: json!({
            "apiVersion": "appmesh.k8s.aws/v1beta2",
            "kind": kind,
            "metadata": { "name": name, "namespace": NAMESPACE },
            "spec": spec,
        }),
    }
}

pub(super) fn mesh() -> Object {
    Object {
        collection: "/apis/appmesh.k8s.aws/v1beta2/meshes".to_owned(),
        body: json!({
            "apiVersion": "appmesh.k8s.aws/v1beta2",
            "kind": "Mesh",
            "metadata": { "name": MESH },
            "spec": { "namespaceSelector": { "matchLabels": { "mesh": NAMESPACE } } },
        }),
    }
}

/// `calls`: the services that it may call; `None`: all of the namespace.
pub(super) fn virtual_node(name: &str, calls: Option<&[String]>) -> Object {
    let mut spec = json!({
        "podSelector": { "matchLabels": { "app": name } },
        "listeners": [{ "portMapping": { "port": PORT, "protocol": "http" } }],
        "serviceDiscovery": { "dns": { "hostname": format!("{name}.{NAMESPACE}.svc.cluster.local") } },
    });
    match calls {
        None => spec["backendGroups"] = json!([{ "name": "*" }]),
        Some(calls) => {
            spec["backends"] = calls
                .iter()
                .map(|name| json!({ "virtualService": { "virtualServiceRef": { "name": name } } }))
                .collect();
        }
    }
    object("virtualnodes", "VirtualNode", name, &spec)
}

/// `next`: so many of a hundred requests go to the node that is to follow this one; `None`: there is no such node.
pub(super) fn virtual_router(name: &str, next: Option<u32>) -> Object {
    let target =
        |node: &str, weight: u32| json!({ "virtualNodeRef": { "name": node }, "weight": weight });
    let targets = match next {
        Some(next) => vec![target(name, 100 - next), target(&next_of(name), next)],
        None => vec![target(name, 100)],
    };
    object(
        "virtualrouters",
        "VirtualRouter",
        name,
        &json!({
            "listeners": [{ "portMapping": { "port": PORT, "protocol": "http" } }],
            "routes": [{
                "name": "all",
                "httpRoute": {
                    "match": { "prefix": "/" },
                    "action": { "weightedTargets": targets },
                },
            }],
        }),
    )
}

pub(super) fn virtual_service(name: &str) -> Object {
    object(
        "virtualservices",
        "VirtualService",
        name,
        &json!({
            "awsName": format!("{name}.{NAMESPACE}.svc.cluster.local"),
            "provider": { "virtualRouter": { "virtualRouterRef": { "name": name } } },
        }),
    )
}
