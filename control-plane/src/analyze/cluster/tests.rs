use serde_json::json;

use super::*;

#[test]
fn a_clusters_objects_are_linked_as_the_control_plane_would() {
    let group = "appmesh.k8s.aws/v1beta2";
    let listed = Listed {
        objects: vec![
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"mesh": "m"}}}),
            json!({"apiVersion": group, "kind": "Mesh", "metadata": {"name": "m", "finalizers": ["f"]},
                "spec": {"namespaceSelector": {"matchLabels": {"mesh": "m"}}}}),
            json!({"apiVersion": group, "kind": "VirtualService", "metadata": {"name": "s", "namespace": "shop"},
                "spec": {"provider": {"virtualNode": {"virtualNodeRef": {"name": "gone"}}}}}),
            json!({"apiVersion": group, "kind": "VirtualRouter", "metadata": {"name": "r", "namespace": "shop"},
                "spec": {"listeners": "none"}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}),
        ],
        refused: Vec::new(),
    };
    let analysis = analysis(&listed, Settings::default());
    assert_eq!(analysis.objects, 3);
    let told: Vec<(String, &str)> = analysis
        .statements
        .iter()
        .map(|statement| {
            let object = statement.object.as_ref().map(ToString::to_string);
            (object.unwrap_or_default(), statement.code.word())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("VirtualRouter shop/r".to_owned(), "invalid-object"),
            ("VirtualService shop/s".to_owned(), "dangling-reference"),
        ]
    );
}
