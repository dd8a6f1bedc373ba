//! The arrows between the rooms, as ARCHITECTURE.md draws them: a dependency that is not drawn fails.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Who may depend on whom. A room that is missing here may depend on nothing of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("tulle-appmesh", &["tulle-crds", "tulle-model"]),
    ("tulle-kubernetes", &["tulle-crds", "tulle-model"]),
    ("tulle-source", &["tulle-crds", "tulle-runtime"]),
    ("tulle-index", &["tulle-model"]),
    ("tulle-envoy", &["tulle-model", "tulle-proto"]),
    ("tulle-identity", &["tulle-model"]),
    ("tulle-status", &["tulle-model", "tulle-runtime"]),
    ("tulle-injector", &["tulle-model", "tulle-proto"]),
];

/// The binary wires every room; the tests may look at every room.
const MAY_SEE_ALL: &[&str] = &["tulle", "tulle-tests", "tulle-cluster"];

/// Who may speak with an API server, or in its types. The dialects read the kinds as `tulle-crds` gives them.
const MAY_SEE_KUBERNETES: &[&str] = &[
    "tulle-crds",
    "tulle-source",
    "tulle-identity",
    "tulle-status",
    "tulle-runtime",
    "tulle",
    "tulle-tests",
    "tulle-cluster",
    "tulle-bench",
];

fn workspace() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata failed");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let ours = package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter()
                // A room's own tests may look at others; what ships may not.
                .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
                .filter_map(|dependency| dependency["name"].as_str())
                .filter(|name| name.starts_with("tulle"))
                .map(str::to_owned)
                .collect();
            (package["name"].as_str().expect("name").to_owned(), ours)
        })
        .collect()
}

#[test]
fn rooms_depend_only_along_the_drawn_arrows() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for (room, depends_on) in workspace() {
        if MAY_SEE_ALL.contains(&room.as_str()) {
            continue;
        }
        for other in depends_on {
            assert!(
                allowed
                    .get(room.as_str())
                    .is_some_and(|list| list.contains(&other.as_str())),
                "{room} depends on {other}, an arrow that ARCHITECTURE.md does not draw"
            );
        }
    }
}

#[test]
fn every_arrow_is_used_and_every_room_exists() {
    let workspace = workspace();
    for (room, arrows) in ARROWS {
        let depends_on = workspace
            .get(*room)
            .unwrap_or_else(|| panic!("no room {room}"));
        for arrow in *arrows {
            assert!(
                depends_on.contains(*arrow),
                "{room} no longer needs {arrow}: take the arrow away"
            );
        }
    }
}

#[test]
fn only_proto_names_envoy_types_and_few_rooms_speak_kubernetes() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("name");
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let foreign = dependency["name"].as_str().expect("name");
            let allowed = match foreign {
                "envoy-types" => &["tulle-proto"][..],
                "k8s-openapi" | "kube" => MAY_SEE_KUBERNETES,
                _ => continue,
            };
            assert!(allowed.contains(&name), "{name} may not use {foreign}");
        }
    }
}

#[test]
fn every_path_that_the_documents_name_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the checkout");
    let mut named = 0;
    for document in ["ARCHITECTURE.md", "README.md"] {
        let text = std::fs::read_to_string(root.join(document)).expect("the document");
        for path in text.split('`').skip(1).step_by(2) {
            let ours = [
                "control-plane",
                "crds/",
                "proto/",
                "injector/",
                "tests/",
                "deploy/",
            ]
            .iter()
            .any(|top| path.starts_with(top));
            if ours && !path.contains(' ') {
                named += 1;
                assert!(
                    root.join(path).exists(),
                    "{document} names {path}, which is not there"
                );
            }
        }
    }
    assert!(named > 10, "only {named} paths were found in the documents");
}
