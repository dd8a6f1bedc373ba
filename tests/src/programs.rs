//! Where the programs under test are. `tests/run` builds or installs them and says where; a missing one
//! is an error that names the way out.

use std::path::{Path, PathBuf};

fn program(variable: &str, what: &str) -> PathBuf {
    let path = std::env::var_os(variable)
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            panic!("{variable} is not set: run this layer with tests/run, or name {what} there")
        });
    assert!(
        path.exists(),
        "{variable}: {} does not exist",
        path.display()
    );
    path
}

/// The `tulle` binary.
pub fn tulle() -> PathBuf {
    program("TULLE_BIN", "the tulle binary")
}

/// The newest Envoy.
pub fn envoy() -> PathBuf {
    program("TULLE_ENVOY", "an Envoy binary")
}

/// The newest Envoy, in a folder that every user can reach: the cache may lie in a home that is closed to others.
pub fn envoy_in(folder: &Path) -> PathBuf {
    let path = folder.join("envoy");
    if !path.exists() && std::fs::hard_link(envoy(), &path).is_err() {
        std::fs::copy(envoy(), &path).expect("room for a copy");
    }
    path
}

/// The sample applications and clients, built beside the tests.
pub fn sample() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    // …/debug/deps/envoy-0123 -> …/debug/tulle-sample
    let path = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("tests are built in a deps folder")
        .join("tulle-sample");
    assert!(
        path.exists(),
        "{} is not built: run this layer with tests/run",
        path.display()
    );
    path
}

/// Every Envoy version that Tulle supports, newest first.
pub fn envoys() -> Vec<(String, PathBuf)> {
    let newest = envoy();
    let versions = newest
        .parent()
        .and_then(|home| home.parent())
        .expect("…/envoy/VERSION/envoy");
    let mut all: Vec<(String, PathBuf)> = std::fs::read_dir(versions)
        .expect("the folder of Envoy versions")
        .filter_map(Result::ok)
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                entry.path().join("envoy"),
            )
        })
        .filter(|(version, path)| !version.starts_with('.') && path.exists())
        .collect();
    all.sort();
    all.reverse();
    all
}
