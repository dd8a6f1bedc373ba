//! Takes out of an object what no room reads, so that changes of it are no changes, and what is
//! held of a large cluster is small.

use serde_json::{Map, Value};
use tulle_crds::Kind;

/// The label that names the Service of an EndpointSlice.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// The labels that say the zone of a Node, now and before Kubernetes 1.17.
const ZONE_LABELS: [&str; 2] = [
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
];

/// The annotations of a Pod by which the injector says what it put in.
const PROXY_ANNOTATIONS: [&str; 2] = ["tulle.dev/proxy", "tulle.dev/inbound-ports"];

/// Whose annotations are read on meshes' objects and namespaces: these domains and those below.
const ANNOTATION_DOMAINS: [&str; 3] = ["tulle.dev", "appmesh.k8s.aws", "istio.io"];

/// What is read of a Service's `spec`.
pub(crate) const SERVICE_SPEC: &[&str] =
    &["type", "clusterIP", "clusterIPs", "externalName", "ports"];

/// What is read of an EndpointSlice's `ports` and `endpoints`.
pub(crate) const ENDPOINT_PORT: &[&str] = &["name", "port", "protocol"];
pub(crate) const ENDPOINT: &[&str] = &["addresses", "conditions", "zone"];

/// What is read of a Pod's `spec`, of its `status`, and of the conditions in that.
pub(crate) const POD_SPEC: &[&str] = &["serviceAccountName", "nodeName", "hostNetwork"];
pub(crate) const POD_STATUS: &[&str] = &["phase", "podIP", "podIPs", "conditions"];
pub(crate) const CONDITION: &[&str] = &["type", "status"];

/// Prunes an object that has not been decoded yet, so that nothing wrong with the pruned parts
/// stands in its way either. What is not of the expected form is left for decoding to reject.
pub(crate) fn prune(kind: Kind, value: &mut Value) {
    let Value::Object(root) = value else { return };
    if let Some(Value::Object(metadata)) = root.get_mut("metadata") {
        prune_metadata(kind, metadata);
    }
    match kind {
        Kind::Namespace | Kind::Node => keep(root, &["apiVersion", "kind", "metadata"]),
        Kind::Service => {
            keep(root, &["apiVersion", "kind", "metadata", "spec"]);
            inside(root, "spec", |spec| {
                keep(spec, SERVICE_SPEC);
                each(spec, "ports", &["name", "port", "protocol", "targetPort"]);
            });
        }
        Kind::EndpointSlice => {
            keep(
                root,
                &[
                    "apiVersion",
                    "kind",
                    "metadata",
                    "addressType",
                    "ports",
                    "endpoints",
                ],
            );
            each(root, "ports", ENDPOINT_PORT);
            each(root, "endpoints", ENDPOINT);
        }
        Kind::Pod => {
            keep(root, &["apiVersion", "kind", "metadata", "spec", "status"]);
            inside(root, "spec", |spec| {
                keep(spec, POD_SPEC);
            });
            inside(root, "status", |status| {
                keep(status, POD_STATUS);
                if let Some(Value::Array(conditions)) = status.get_mut("conditions") {
                    conditions.retain(|condition| {
                        let name = condition.get("type").and_then(Value::as_str);
                        name.is_none_or(|name| matches!(name, "Ready" | "ContainersReady"))
                    });
                }
                each(status, "conditions", CONDITION);
            });
        }
        Kind::Mesh
        | Kind::VirtualNode
        | Kind::VirtualService
        | Kind::VirtualRouter
        | Kind::VirtualGateway
        | Kind::GatewayRoute
        | Kind::BackendGroup => {
            root.remove("status");
        }
    }
}

fn prune_metadata(kind: Kind, metadata: &mut Map<String, Value>) {
    metadata.retain(|key, _| match key.as_str() {
        "name" | "namespace" | "labels" => true,
        "annotations" => has_annotations(kind),
        // A pod of the same name is another pod.
        "uid" | "deletionTimestamp" => kind == Kind::Pod,
        _ => false,
    });
    match kind {
        Kind::Service => {
            metadata.remove("labels");
        }
        Kind::EndpointSlice => retain(metadata, "labels", |label| label == SERVICE_LABEL),
        Kind::Node => retain(metadata, "labels", |label| ZONE_LABELS.contains(&label)),
        _ => {}
    }
    retain(metadata, "annotations", |annotation| {
        is_read(kind, annotation)
    });
}

/// Whether anything is read of a kind's annotations.
fn has_annotations(kind: Kind) -> bool {
    !matches!(kind, Kind::Service | Kind::EndpointSlice | Kind::Node)
}

/// Whether an annotation is read on objects of a kind.
pub(crate) fn is_read(kind: Kind, annotation: &str) -> bool {
    match kind {
        Kind::Pod => PROXY_ANNOTATIONS.contains(&annotation),
        _ if !has_annotations(kind) => false,
        _ => annotation.split_once('/').is_some_and(|(domain, _)| {
            ANNOTATION_DOMAINS.iter().any(|known| {
                let rest = domain.strip_suffix(known);
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            })
        }),
    }
}

fn keep(members: &mut Map<String, Value>, keys: &[&str]) {
    members.retain(|key, _| keys.contains(&key.as_str()));
}

fn inside(
    members: &mut Map<String, Value>,
    key: &str,
    prune: impl FnOnce(&mut Map<String, Value>),
) {
    if let Some(Value::Object(inner)) = members.get_mut(key) {
        prune(inner);
    }
}

/// Keeps these keys in every item of a list.
fn each(members: &mut Map<String, Value>, list: &str, keys: &[&str]) {
    if let Some(Value::Array(items)) = members.get_mut(list) {
        for item in items {
            if let Value::Object(item) = item {
                keep(item, keys);
            }
        }
    }
}

/// Keeps the entries of a map whose keys are wanted; a map that is then empty goes.
fn retain(members: &mut Map<String, Value>, key: &str, wanted: impl Fn(&str) -> bool) {
    if let Some(Value::Object(entries)) = members.get_mut(key) {
        entries.retain(|key, _| wanted(key));
        if entries.is_empty() {
            members.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pruned(kind: Kind, mut value: Value) -> Value {
        prune(kind, &mut value);
        value
    }

    #[test]
    fn of_a_pod_only_what_traffic_and_identity_need_is_kept() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "p", "namespace": "n", "uid": "u", "generation": 3,
                "resourceVersion": "9", "creationTimestamp": "2026-01-01T00:00:00Z",
                "deletionTimestamp": "2026-01-01T00:00:00Z", "labels": {"app": "a"},
                "annotations": {"tulle.dev/proxy": "virtualnode/n/a", "tulle.dev/other": "x",
                    "tulle.dev/inbound-ports": "80", "heartbeat": "now"},
                "managedFields": [{}], "ownerReferences": [{}], "finalizers": ["f"],
            },
            "spec": {"containers": [{"name": "c"}], "nodeName": "m",
                "serviceAccountName": "s", "hostNetwork": true},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}],
                "containerStatuses": [{}], "conditions": [
                    {"type": "Ready", "status": "True", "lastProbeTime": null, "message": "m"},
                    {"type": "PodScheduled", "status": "True"}]},
        });
        assert_eq!(
            pruned(Kind::Pod, pod),
            json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {
                    "name": "p", "namespace": "n", "uid": "u", "labels": {"app": "a"},
                    "deletionTimestamp": "2026-01-01T00:00:00Z",
                    "annotations": {"tulle.dev/proxy": "virtualnode/n/a",
                        "tulle.dev/inbound-ports": "80"},
                },
                "spec": {"nodeName": "m", "serviceAccountName": "s", "hostNetwork": true},
                "status": {"phase": "Running", "podIP": "10.0.0.1",
                    "podIPs": [{"ip": "10.0.0.1"}],
                    "conditions": [{"type": "Ready", "status": "True"}]},
            })
        );
    }

    #[test]
    fn annotations_of_foreign_domains_go_wherever_they_stand() {
        let metadata = json!({"name": "m", "annotations": {
            "tulle.dev/mtls": "strict", "sidecar.istio.io/inject": "true", "nottulle.dev/x": "y",
            "kubectl.kubernetes.io/last-applied-configuration": "{}", "plain": "z"}});
        let expected = json!({"tulle.dev/mtls": "strict", "sidecar.istio.io/inject": "true"});
        for kind in [Kind::Mesh, Kind::Namespace] {
            let object = pruned(kind, json!({"metadata": metadata}));
            assert_eq!(object["metadata"]["annotations"], expected, "{kind}");
        }
        for kind in [Kind::Node, Kind::Service, Kind::EndpointSlice] {
            let object = pruned(kind, json!({"metadata": metadata}));
            assert_eq!(object["metadata"], json!({"name": "m"}), "{kind}");
        }
    }

    #[test]
    fn a_heartbeat_of_a_node_leaves_nothing_behind() {
        let node = |time: &str| {
            let status = json!({"conditions": [{"type": "Ready", "lastHeartbeatTime": time}]});
            let labels = json!({"topology.kubernetes.io/zone": "a", "seen": time});
            pruned(
                Kind::Node,
                json!({"metadata": {"name": "n", "labels": labels}, "status": status}),
            )
        };
        assert_eq!(node("1"), node("2"));
    }

    #[test]
    fn what_has_another_form_is_left_to_be_rejected() {
        for value in [
            json!(null),
            json!([1]),
            json!({"metadata": 5, "spec": "x", "status": [], "endpoints": {}, "ports": 1}),
            json!({"metadata": {"labels": ["x"], "annotations": 7}, "spec": {"ports": [1, null]}}),
        ] {
            for kind in Kind::ALL {
                let value = pruned(kind, value.clone());
                if let Some(metadata) = value.get("metadata").filter(|it| it.is_number()) {
                    assert_eq!(metadata, 5);
                }
            }
        }
    }
}
