//! Random meshes by their numbers: which are looked at, and what is wrong with any of them.
//!
//! A failure names the number; `TULLE_MESH=NUMBER` looks at that mesh alone and prints it, `FIRST..END` at several.

use serde_json::Value;
use tulle_control_plane::engine::Group;
use tulle_model::policy::MtlsMode;
use tulle_model::settings::Settings;
use tulle_tests::built::{Built, yaml};
use tulle_tests::loadable::Loader;
use tulle_tests::programs;
use tulle_tests::validate::Bundle;

/// How many.
const MESHES: u64 = 1000;
/// Meshes that Envoy judges at a time.
const TOGETHER: usize = 50;

/// The meshes that are to be looked at.
fn numbers() -> Vec<u64> {
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
fn is_alone() -> bool {
    std::env::var("TULLE_MESH").is_ok_and(|text| !text.contains(".."))
}

/// A mesh under the settings of a cluster, where the control plane makes certificates.
pub(crate) fn build(documents: &[Value]) -> Built {
    let settings = Settings {
        mtls: Some(MtlsMode::Permissive),
        ..Settings::default()
    };
    Built::new(documents, settings)
}

/// The same of the mesh that is judged: it is printed where it is looked at alone.
pub(crate) fn build_shown(documents: &[Value]) -> Built {
    let built = build(documents);
    if is_alone() {
        eprintln!("{}{}", yaml(documents), built.said().join("\n"));
    }
    built
}

/// What is to be shown to Envoy.
pub(crate) struct ToEnvoy {
    loader: Loader,
    bundle: Bundle,
}

impl ToEnvoy {
    /// Adds what all proxies of a mesh would hold; what has no form that Envoy could judge.
    pub(crate) fn add(&mut self, number: u64, built: &mut Built) -> Vec<String> {
        let mut wrong = Vec::new();
        for proxy in built.engine.proxies() {
            let group = Group {
                proxy,
                capture: "transparent".parse().expect("a capture"),
            };
            match self.loader.bootstrap(&mut built.engine, &group) {
                Ok(bootstrap) => self
                    .bundle
                    .add(&format!("mesh {number}, {group}"), bootstrap),
                Err(error) => wrong.push(format!("{group}: {error}")),
            }
        }
        wrong
    }
}

/// Judges every mesh, and has Envoy judge what was added. Panics with all that is wrong.
pub(crate) fn judge_all(judge: impl Fn(u64, &mut ToEnvoy) -> Vec<String>) {
    let mut wrong = Vec::new();
    let mut to_envoy = ToEnvoy {
        loader: Loader::new(),
        bundle: Bundle::default(),
    };
    for numbers in numbers().chunks(TOGETHER) {
        for number in numbers {
            let found = judge(*number, &mut to_envoy).into_iter();
            wrong.extend(found.map(|found| format!("mesh {number}: {found}")));
        }
        let bundle = std::mem::take(&mut to_envoy.bundle);
        wrong.extend(bundle.validate(&programs::envoy()).err());
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
