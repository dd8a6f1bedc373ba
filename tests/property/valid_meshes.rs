//! What App Mesh took, Tulle takes: random valid meshes are compiled without an error, and Envoy loads them.
//!
//! A mesh is made of its number, which a failure names; `TULLE_MESH=NUMBER` looks at that one alone and prints it, `FIRST..END` at several.

use tulle_control_plane::engine::Group;
use tulle_model::Severity;
use tulle_model::policy::MtlsMode;
use tulle_model::settings::Settings;
use tulle_tests::built::{Built, yaml};
use tulle_tests::loadable;
use tulle_tests::programs;
use tulle_tests::validate::Bundle;

use crate::valid::valid;

/// How many.
const MESHES: u64 = 1000;
/// Meshes that Envoy judges at a time.
const TOGETHER: usize = 50;

/// The meshes that are to be looked at.
pub(crate) fn numbers() -> Vec<u64> {
    let Ok(text) = std::env::var("TULLE_MESH") else {
        return (0..MESHES).collect();
    };
    let number = |text: &str| -> u64 { text.parse().expect("TULLE_MESH is NUMBER or FIRST..END") };
    match text.split_once("..") {
        Some((first, end)) => (number(first)..number(end)).collect(),
        None => vec![number(&text)],
    }
}

/// Whether one mesh alone is looked at.
pub(crate) fn is_alone() -> bool {
    std::env::var("TULLE_MESH").is_ok_and(|text| !text.contains(".."))
}

/// Those of a cluster, where the control plane makes certificates.
pub(crate) fn settings() -> Settings {
    Settings {
        mtls: Some(MtlsMode::Permissive),
        ..Settings::default()
    }
}

/// What is wrong with a mesh; its proxies' configuration is added to the bundle.
fn judge(number: u64, bundle: &mut Bundle, loader: &loadable::Loader) -> Vec<String> {
    let documents = valid(number);
    let mut built = Built::new(&documents, settings());
    if is_alone() {
        eprintln!("{}{}", yaml(&documents), built.said().join("\n"));
    }
    let problems = built.problems.iter().map(ToString::to_string);
    let findings = built.engine.findings();
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let mut wrong: Vec<String> = problems.chain(errors.map(ToString::to_string)).collect();
    for proxy in built.engine.proxies() {
        let group = Group {
            proxy,
            capture: "transparent".parse().expect("a capture"),
        };
        match loader.bootstrap(&mut built.engine, &group) {
            Ok(bootstrap) => bundle.add(&format!("mesh {number}, {group}"), bootstrap),
            Err(error) => wrong.push(format!("{group}: {error}")),
        }
    }
    wrong
}

#[test]
fn every_valid_mesh_is_taken_by_tulle_and_by_envoy() {
    let loader = loadable::Loader::new();
    let mut wrong = Vec::new();
    for numbers in numbers().chunks(TOGETHER) {
        let mut bundle = Bundle::default();
        for number in numbers {
            let found = judge(*number, &mut bundle, &loader).into_iter();
            wrong.extend(found.map(|found| format!("mesh {number}: {found}")));
        }
        wrong.extend(bundle.validate(&programs::envoy()).err());
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
