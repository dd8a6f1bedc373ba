//! The settings that the chart writes are settings that the program reads.

use std::process::Command;

use tulle_tests::programs;

use crate::helm::{object, objects, root};
use crate::yaml;

/// `config.yaml` of ConfigMap `tulle`, as rendered.
fn rendered(more: &[&str]) -> String {
    let objects = objects(more);
    let settings = &object(&objects, "ConfigMap", "tulle")["data"]["config.yaml"];
    settings.as_str().expect("text").to_owned()
}

/// What the program says of these settings; empty if it takes them.
fn judged(settings: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, settings).expect("writable");
    let demo = root().join("deploy/demo");
    let output = Command::new(programs::tulle())
        .args(["compile", "--proxy", "virtualnode/tulle-demo/front"])
        .args(["--manifests".as_ref(), demo.as_os_str()])
        .args(["--config".as_ref(), path.as_os_str()])
        .output()
        .expect("tulle runs");
    if output.status.code() == Some(2) {
        String::from_utf8_lossy(&output.stderr).into_owned()
    } else {
        String::new()
    }
}

#[test]
fn the_defaults_are_read() {
    assert_eq!(judged(&rendered(&[])), "");
}

#[test]
fn every_value_is_read() {
    let values = root().join("tests/deploy/golden/everything.values.yaml");
    let settings = rendered(&["--values", &values.display().to_string()]);
    assert_eq!(judged(&settings), "");
    // Whatever the chart can say, that file says: its settings have the members of the default ones.
    let (all, default) = (yaml::one(&settings), yaml::one(&rendered(&[])));
    let members = |document: &serde_json::Value| -> Vec<String> {
        let spec = document["spec"].as_object().expect("a spec");
        spec.keys().cloned().collect()
    };
    assert_eq!(members(&all), members(&default));
}

#[test]
fn the_judge_refuses_what_it_does_not_know() {
    let settings = rendered(&[]).replace("plainDNS", "plainDns");
    assert!(
        judged(&settings).contains("plainDns"),
        "{}",
        judged(&settings)
    );
}
