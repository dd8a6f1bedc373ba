//! Manifests in, Envoy's configuration out, compared with what is checked in and judged by Envoy itself.
//!
//! `TULLE_UPDATE=1 cargo test -p tulle-tests --test golden` writes the outputs anew, to be read before
//! they are committed.

#[path = "golden/analyze.rs"]
mod analyze;
#[path = "golden/cli.rs"]
mod cli;
#[path = "golden/documented.rs"]
mod documented;
#[path = "golden/inject.rs"]
mod inject;
#[path = "golden/odd.rs"]
mod odd;

use std::process::Command;

use tulle_tests::golden::cases;
use tulle_tests::loadable::Loader;
use tulle_tests::programs;

#[test]
fn every_case_gives_what_is_checked_in() {
    let differences: Vec<String> = cases().iter().flat_map(|case| case.check()).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_supported_envoy_accepts_every_case() {
    let folder = tempfile::tempdir().expect("a folder");
    let loader = Loader::new();
    let mut files = Vec::new();
    for case in cases() {
        let mut loaded = case.load();
        for group in case.groups(&loaded) {
            let bootstrap = loader.bootstrap(&mut loaded.engine, &group);
            let bootstrap = bootstrap.expect("a bootstrap");
            let name = format!("{} {group}", case.name).replace(['/', ' '], "-");
            let path = folder.path().join(name).with_extension("json");
            std::fs::write(&path, bootstrap.to_string()).expect("writable");
            files.push(path);
        }
    }
    let envoys = programs::envoys();
    assert!(
        envoys.len() >= 3,
        "expected three versions of Envoy, found {envoys:?}"
    );
    let mut refused = Vec::new();
    for (version, envoy) in envoys {
        for file in &files {
            let output = Command::new(&envoy)
                .args([
                    "--mode",
                    "validate",
                    "--use-dynamic-base-id",
                    "-l",
                    "error",
                    "-c",
                ])
                .arg(file)
                .output()
                .expect("Envoy runs");
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                refused.push(format!("{version} refuses {}: {why}", file.display()));
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
