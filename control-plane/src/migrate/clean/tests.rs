use serde_json::json;

use super::*;

fn input(values: Vec<Value>) -> Input {
    Input {
        objects: values
            .into_iter()
            .map(|value| Seen::new(value, None))
            .collect(),
        refused: Vec::new(),
    }
}

const GROUP: &str = "appmesh.k8s.aws/v1beta2";

fn namespace(labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}})
}

fn mesh(name: &str) -> Value {
    json!({"apiVersion": GROUP, "kind": "Mesh", "metadata": {"name": name},
        "spec": {"namespaceSelector": {"matchLabels": {"mesh": name}}}})
}

fn node() -> Value {
    json!({"apiVersion": GROUP, "kind": "VirtualNode",
        "metadata": {"name": "a", "namespace": "shop", "uid": "1", "finalizers": ["f"], "labels": {"team": "x"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "kept"}},
        "spec": {"awsName": "a_shop", "meshRef": {"name": "one", "uid": "2"}},
        "status": {"virtualNodeARN": "x"}})
}

#[test]
fn what_only_a_cluster_knows_goes() {
    let files = files(&input(vec![
        namespace(json!({"mesh": "one"})),
        mesh("one"),
        node(),
    ]))
    .unwrap();
    let names: Vec<String> = files
        .keys()
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(names, ["cluster.yaml", "namespace-shop.yaml"]);
    let node: Value =
        serde_saphyr::from_str(&files[&PathBuf::from("namespace-shop.yaml")]).unwrap();
    assert_eq!(
        node,
        json!({"apiVersion": GROUP, "kind": "VirtualNode",
            "metadata": {"name": "a", "namespace": "shop", "labels": {"team": "x"}, "annotations": {"note": "kept"}},
            "spec": {"awsName": "a_shop"}})
    );
}

#[test]
fn a_mesh_that_labels_do_not_lead_to_any_more_stays_named() {
    let all = vec![
        namespace(json!({"mesh": "two"})),
        mesh("one"),
        mesh("two"),
        node(),
    ];
    let files = files(&input(all)).unwrap();
    let node: Value =
        serde_saphyr::from_str(&files[&PathBuf::from("namespace-shop.yaml")]).unwrap();
    assert_eq!(node["spec"]["meshRef"], json!({"name": "one"}));
}
