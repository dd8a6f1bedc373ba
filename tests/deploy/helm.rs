//! Runs the real Helm on the chart of this checkout.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

use crate::yaml;

/// The Kubernetes for which the chart is rendered where a test does not say otherwise.
pub(crate) const KUBERNETES: &str = "1.35.0";

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests is a folder of it").to_owned()
}

/// The folder of the chart.
pub(crate) fn chart() -> PathBuf {
    root().join("deploy/helm/tulle")
}

/// Runs `helm` with these arguments; the caller looks at how it went.
pub(crate) fn helm(arguments: &[&str]) -> Output {
    let helm = std::env::var_os("TULLE_HELM")
        .expect("TULLE_HELM is not set: run this layer with tests/run, or name a helm there");
    let home = tempfile::tempdir().expect("a folder");
    let output = Command::new(helm)
        .args(arguments)
        // Nothing of the user's own configuration, plugins and clusters.
        .env("HELM_CONFIG_HOME", home.path())
        .env("HELM_CACHE_HOME", home.path())
        .env("HELM_DATA_HOME", home.path())
        .env_remove("KUBECONFIG")
        .output();
    output.expect("helm runs")
}

/// What the chart renders, as text, and what Helm says about it otherwise.
///
/// `namespace` is the release's; `more` are further arguments of `helm template`.
pub(crate) fn template(namespace: &str, kubernetes: &str, more: &[&str]) -> Result<String, String> {
    let chart = chart().display().to_string();
    let mut arguments = vec!["template", "tulle", &chart, "--namespace", namespace];
    arguments.extend(["--kube-version", kubernetes]);
    arguments.extend(more);
    let output = helm(&arguments);
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).expect("text"))
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The objects that the chart renders with these arguments of `helm template`.
pub(crate) fn objects(more: &[&str]) -> Vec<Value> {
    let text = template("tulle-system", KUBERNETES, more).unwrap_or_else(|why| panic!("{why}"));
    yaml::documents(&text)
}

/// The one object of this kind and name.
pub(crate) fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found = objects
        .iter()
        .filter(|o| o["kind"] == kind && o["metadata"]["name"] == name);
    let first = found.next().unwrap_or_else(|| panic!("no {kind} {name}"));
    assert!(found.next().is_none(), "more than one {kind} {name}");
    first
}
