use serde_json::{Value, json};
use tulle_source::Observed;

use super::*;

fn object(version: &str, kind: &str, name: &str, more: Value) -> Object {
    let mut value = json!({"metadata": {"name": name, "namespace": "shop"}});
    value
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    tulle_crds::decode(version, kind, value)
        .unwrap()
        .unwrap()
        .object
}

fn namespace(labels: Value) -> Object {
    let metadata = json!({"metadata": {"name": "shop", "labels": labels}});
    object("v1", "Namespace", "shop", metadata)
}

fn mesh(selected: &str) -> Object {
    let spec = json!({"spec": {"namespaceSelector": {"matchLabels": {"mesh": selected}}}});
    object("appmesh.k8s.aws/v1beta2", "Mesh", "m", spec)
}

fn node(name: &str, app: &str) -> Object {
    let spec = json!({"spec": {"podSelector": {"matchLabels": {"app": app}}}});
    object("appmesh.k8s.aws/v1beta2", "VirtualNode", name, spec)
}

fn id_of(key: &ObjectKey) -> ObjectId {
    let namespace = key.namespace.as_deref().unwrap_or_default();
    ObjectId::new(
        "appmesh.k8s.aws",
        &format!("{:?}", key.kind),
        namespace,
        &key.name,
    )
}

fn directory() -> Directory {
    Directory::new(Listing::default(), Arc::new(Records::default()))
}

fn put(directory: &Directory, object: Object) {
    let id = id_of(&object.key());
    let translated = tulle_appmesh::translate(&object, &[]).map(Arc::new);
    let change = Change {
        key: object.key(),
        object: Some(Arc::new(Observed {
            object,
            unknown_fields: Vec::new(),
            place: None,
            generation: None,
        })),
    };
    directory.apply(&change, &id, translated.as_ref());
}

fn remove(directory: &Directory, object: &Object) {
    let change = Change {
        key: object.key(),
        object: None,
    };
    directory.apply(&change, &id_of(&object.key()), None);
}

/// Names and meshes of what may select the namespace's pods.
fn seen(directory: &Directory) -> Option<Vec<(String, Option<String>)>> {
    let selecting = directory.selecting("shop")?;
    let again = directory.selecting("shop")?;
    assert!(Arc::ptr_eq(&selecting, &again), "made once");
    let candidates = selecting.candidates.iter();
    let seen = candidates.map(|candidate| {
        let mesh = candidate.mesh.as_deref().map(str::to_owned);
        (candidate.id.name.to_string(), mesh)
    });
    Some(seen.collect())
}

#[test]
fn what_is_made_for_a_namespace_follows_every_change() {
    let directory = directory();
    assert!(seen(&directory).is_none());
    put(&directory, namespace(json!({"mesh": "one"})));
    assert_eq!(seen(&directory), Some(vec![]));
    put(&directory, node("a", "a"));
    let of_mesh = |mesh: Option<&str>| Some(vec![("a".to_owned(), mesh.map(str::to_owned))]);
    assert_eq!(seen(&directory), of_mesh(None));
    put(&directory, mesh("one"));
    assert_eq!(seen(&directory), of_mesh(Some("m")));
    put(&directory, mesh("two"));
    assert_eq!(seen(&directory), of_mesh(None));
    put(&directory, namespace(json!({"mesh": "two"})));
    assert_eq!(seen(&directory), of_mesh(Some("m")));
    put(&directory, node("a", "b"));
    let app = |directory: &Directory| {
        let selecting = directory.selecting("shop").unwrap();
        format!("{:?}", selecting.candidates[0].pods)
    };
    assert!(app(&directory).contains("\"b\""), "{}", app(&directory));
    remove(&directory, &node("a", "b"));
    assert_eq!(seen(&directory), Some(vec![]));
    remove(&directory, &namespace(json!({})));
    assert!(seen(&directory).is_none());
}
