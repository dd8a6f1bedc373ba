//! The kustomization is what the chart renders with its default values: one source of truth.

use std::path::Path;

use crate::golden::same_as;
use crate::helm::{KUBERNETES, root, template};
use crate::yaml;

#[test]
fn it_is_the_chart_with_default_values() {
    let rendered = template("tulle-system", KUBERNETES, &[]).unwrap_or_else(|why| panic!("{why}"));
    same_as(&root().join("deploy/kustomize/tulle/tulle.yaml"), &rendered);
}

fn kustomization(folder: &Path) -> serde_json::Value {
    yaml::one(&std::fs::read_to_string(folder.join("kustomization.yaml")).expect("readable"))
}

#[test]
fn every_file_is_a_resource_and_nothing_else_is_done_to_it() {
    for name in ["crds", "tulle"] {
        let folder = root().join("deploy/kustomize").join(name);
        let mut files: Vec<String> = std::fs::read_dir(&folder)
            .expect("readable")
            .map(|entry| {
                entry
                    .expect("readable")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter(|file| file != "kustomization.yaml")
            .collect();
        files.sort();
        let kustomization = kustomization(&folder);
        assert_eq!(kustomization["resources"], serde_json::json!(files));
        let mut keys: Vec<&String> = kustomization.as_object().expect("a map").keys().collect();
        keys.sort();
        assert_eq!(keys, ["apiVersion", "kind", "resources"]);
    }
}

#[test]
fn the_namespace_is_the_one_rendered_for() {
    let text = std::fs::read_to_string(root().join("deploy/kustomize/tulle/namespace.yaml"));
    let namespace = yaml::one(&text.expect("readable"));
    assert_eq!(namespace["metadata"]["name"], "tulle-system");
    assert_eq!(
        namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"],
        "restricted"
    );
}
