//! The CustomResourceDefinitions that the chart brings are those generated from the Rust types.

use std::process::Command;

use serde_json::Value;
use tulle_tests::programs;

use crate::golden::same_as;
use crate::helm::{objects, root};
use crate::yaml;

/// `crds/yaml`, by name.
fn generated() -> Vec<Value> {
    let folder = std::fs::read_dir(root().join("crds/yaml")).expect("readable");
    sorted(
        folder
            .map(|entry| std::fs::read_to_string(entry.expect("readable").path()).expect("text"))
            .flat_map(|text| yaml::documents(&text))
            .collect(),
    )
}

fn sorted(mut objects: Vec<Value>) -> Vec<Value> {
    objects.sort_by_key(|object| object["metadata"]["name"].as_str().map(str::to_owned));
    objects
}

/// What `tulle crds` prints.
fn printed() -> String {
    let output = Command::new(programs::tulle()).arg("crds").output();
    let output = output.expect("tulle runs");
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_chart_holds_the_generated_ones() {
    let mut held = objects(&["--include-crds"]);
    held.retain(|object| object["kind"] == "CustomResourceDefinition");
    assert_eq!(sorted(held), generated());
}

/// In `crds/` Helm installs what is absent and never removes; a template would be removed with the release, and
/// every object with it.
#[test]
fn no_template_holds_one() {
    for object in objects(&["--set", "podMonitor.enabled=true"]) {
        assert_ne!(object["kind"], "CustomResourceDefinition");
    }
}

#[test]
fn tulle_prints_them() {
    assert_eq!(sorted(yaml::documents(&printed())), generated());
}

#[test]
fn kustomize_has_what_tulle_prints() {
    same_as(&root().join("deploy/kustomize/crds/crds.yaml"), &printed());
}
