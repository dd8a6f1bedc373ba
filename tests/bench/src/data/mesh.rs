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

/// `calls`: the services that it may call; `None`: all of the namespace. `alike`: its requests are logged and its connections
/// bounded, as istiod has it for all.
pub(super) fn virtual_node(name: &str, calls: Option<&[String]>, alike: bool) -> Object {
    let mut spec = json!({
        "podSelector": { "matchLabels": { "app": name } },
        "listeners": [{ "portMapping": { "port": PORT, "protocol": "http" } }],
        "serviceDiscovery": { "dns": { "hostname": format!("{name}.{NAMESPACE}.svc.cluster.local") } },
    });
    if alike {
        spec["listeners"][0]["connectionPool"] =
            json!({ "http": { "maxConnections": 10_000, "maxPendingRequests": 10_000 } });
        spec["logging"] = json!({ "accessLog": { "file": { "path": "/dev/stdout" } } });
    }
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

/// `next`: so many of a hundred requests go to the node that is to follow this one; `None`: there is no such node. `alike`:
/// requests are tried again, as istiod has it for all.
pub(super) fn virtual_router(name: &str, next: Option<u32>, alike: bool) -> Object {
    let target =
        |node: &str, weight: u32| json!({ "virtualNodeRef": { "name": node }, "weight": weight });
    let targets = match next {
        Some(next) => vec![target(name, 100 - next), target(&next_of(name), next)],
        None => vec![target(name, 100)],
    };
    let mut route = json!({
        "match": { "prefix": "/" },
        "action": { "weightedTargets": targets },
    });
    if alike {
        route["retryPolicy"] = json!({
            "maxRetries": 2,
            "perRetryTimeout": { "unit": "s", "value": 15 },
            "httpRetryEvents": ["gateway-error", "stream-error"],
            "tcpRetryEvents": ["connection-error"],
        });
    }
    object(
        "virtualrouters",
        "VirtualRouter",
        name,
        &json!({
            "listeners": [{ "portMapping": { "port": PORT, "protocol": "http" } }],
            "routes": [{ "name": "all", "httpRoute": route }],
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
