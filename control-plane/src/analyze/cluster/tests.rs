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
        ..Listed::default()
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

/// A VirtualNode whose access log has this format.
fn logging(format: serde_json::Value) -> Vec<String> {
    let node = json!({"apiVersion": "appmesh.k8s.aws/v1beta2", "kind": "VirtualNode",
        "metadata": {"name": "n", "namespace": "shop"},
        "spec": {"logging": {"accessLog": {"file": {"path": "/dev/stdout", "format": format}}}}});
    let listed = Listed {
        objects: vec![
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"mesh": "m"}}}),
            json!({"apiVersion": "appmesh.k8s.aws/v1beta2", "kind": "Mesh", "metadata": {"name": "m"},
                "spec": {"namespaceSelector": {"matchLabels": {"mesh": "m"}}}}),
            node,
        ],
        ..Listed::default()
    };
    let statements = analysis(&listed, Settings::default()).statements;
    let told = statements.iter().map(|statement| {
        let (severity, code, field) = (statement.severity, statement.code, &statement.field);
        format!("{severity} {code} {field}")
    });
    told.collect()
}

#[test]
fn what_awss_api_refused_is_told_unless_the_field_is_wrong_here_too() {
    let format = "spec.logging.accessLog.file.format";
    let entry = json!({"key": "k".repeat(101), "value": "%PROTOCOL%"});
    assert_eq!(
        logging(json!({"json": [entry]})),
        [format!("warning aws-limit {format}.json[0].key")]
    );
    assert_eq!(
        logging(json!({"text": ""})),
        [format!("error invalid-value {format}.text")]
    );
    assert!(logging(json!({"text": "%PROTOCOL%\n"})).is_empty());
}
