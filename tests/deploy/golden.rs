//! What the chart renders for a few sets of values, compared with what is checked in.

use std::path::{Path, PathBuf};

use crate::helm::{KUBERNETES, root, template};

/// Whether the files are to be written anew instead of compared.
pub(crate) fn update() -> bool {
    std::env::var_os("TULLE_UPDATE").is_some()
}

/// Compares `text` with the file, or writes it there.
pub(crate) fn same_as(path: &Path, text: &str) {
    if update() {
        std::fs::write(path, text).expect("writable");
        return;
    }
    let there =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let differs = there
        .lines()
        .zip(text.lines())
        .position(|(a, b)| a != b)
        .unwrap_or_else(|| there.lines().count().min(text.lines().count()));
    assert!(
        there == text,
        "{}:{}: differs from what is rendered now; look at it after TULLE_UPDATE=1\n  there: {:?}\n  now:   {:?}",
        path.display(),
        differs + 1,
        there.lines().nth(differs),
        text.lines().nth(differs),
    );
}

fn folder() -> PathBuf {
    root().join("tests/deploy/golden")
}

/// Values in `NAME.values.yaml`, the outcome in `NAME.yaml`.
fn case(name: &str, namespace: &str, kubernetes: &str) {
    let values = folder().join(format!("{name}.values.yaml"));
    let values = values.display().to_string();
    let rendered = template(namespace, kubernetes, &["--values", &values])
        .unwrap_or_else(|why| panic!("{name}: {why}"));
    same_as(&folder().join(format!("{name}.yaml")), &rendered);
}

#[test]
fn everything_that_can_be_switched_on() {
    case("everything", "tulle-system", KUBERNETES);
}

#[test]
fn one_replica_in_another_namespace_of_an_older_cluster() {
    case("small", "mesh", "1.27.0");
}
