//! What `tulle inject` makes of manifests: a folder each under `tests/golden/inject/<case>/`.
//!
//! `input.yaml` holds the manifests, `config.yaml` the settings if any. `expected.yaml` holds what was printed when a person
//! last looked, `messages.txt` what was said beside it; a case without `expected.yaml` was refused. The inputs are manifests that
//! a cluster takes too: a namespace each, pods that run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tulle_tests::programs;

const CASES: usize = 30;

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/inject");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&root)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    assert!(cases.len() >= CASES, "{} cases", cases.len());
    cases
}

fn inject(case: &Path, input: &Path) -> Output {
    let mut command = Command::new(programs::tulle());
    command.arg("inject").arg("-f").arg(input);
    let config = case.join("config.yaml");
    if config.exists() {
        command.arg("--config").arg(config);
    }
    command.output().expect("tulle runs")
}

fn differs(file: &Path, now: &str) -> Option<String> {
    let before = std::fs::read_to_string(file).unwrap_or_default();
    if before == now {
        return None;
    }
    if std::env::var_os("TULLE_UPDATE").is_some_and(|value| value == "1") {
        if now.is_empty() {
            std::fs::remove_file(file).expect("removable");
        } else {
            std::fs::write(file, now).expect("writable");
        }
        return None;
    }
    let mut lines = before.lines().zip(now.lines()).enumerate();
    let place = lines.find(|(_, (one, other))| one != other);
    Some(match place {
        Some((n, (one, other))) => {
            format!("{}:{}:\n  - {one}\n  + {other}", file.display(), n + 1)
        }
        None => format!("{}: one is longer than the other", file.display()),
    })
}

#[test]
fn every_injection_gives_what_is_checked_in() {
    let mut differences = Vec::new();
    for case in cases() {
        let output = inject(&case, &case.join("input.yaml"));
        let printed = String::from_utf8(output.stdout).expect("text");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(
            output.status.code(),
            Some(i32::from(printed.is_empty())),
            "{}: {said}",
            case.display()
        );
        differences.extend(differs(&case.join("expected.yaml"), &printed));
        differences.extend(differs(&case.join("messages.txt"), &said));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn injecting_twice_changes_nothing() {
    for case in cases() {
        let expected = case.join("expected.yaml");
        let Ok(once) = std::fs::read_to_string(&expected) else {
            continue;
        };
        let twice = inject(&case, &expected).stdout;
        assert_eq!(String::from_utf8_lossy(&twice), once, "{}", case.display());
    }
}

/// What the pods of a text give their Envoys beyond the shared bootstrap.
fn overlays(text: &str) -> Vec<String> {
    fn look(value: &Value, found: &mut Vec<String>) {
        if let Some(arguments) = value.get("args").and_then(Value::as_array) {
            let option = arguments.iter().position(|known| known == "--config-yaml");
            let overlay = option.and_then(|at| arguments.get(at + 1)?.as_str());
            // The kubelet reads two dollars as one.
            found.extend(overlay.map(|overlay| overlay.replace("$$", "$")));
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| look(item, found)),
            Value::Object(fields) => fields.values().for_each(|field| look(field, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for document in text.split("---\n") {
        let value = tulle_proto::from_yaml(document).expect("YAML");
        look(&value, &mut found);
    }
    found
}

#[test]
fn every_supported_envoy_accepts_every_overlay() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path().join("envoy.yaml");
    std::fs::write(
        &base,
        "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}\n",
    )
    .expect("writable");
    let mut checked = 0;
    for case in cases() {
        let text = std::fs::read_to_string(case.join("expected.yaml")).unwrap_or_default();
        for overlay in overlays(&text) {
            for (version, envoy) in programs::envoys() {
                let output = Command::new(&envoy)
                    .args([
                        "--mode",
                        "validate",
                        "--use-dynamic-base-id",
                        "-l",
                        "error",
                        "-c",
                    ])
                    .arg(&base)
                    .args(["--config-yaml", &overlay])
                    .output()
                    .expect("Envoy runs");
                assert!(
                    output.status.success(),
                    "{version}, {}: {}",
                    case.display(),
                    String::from_utf8_lossy(&output.stderr)
                );
                checked += 1;
            }
        }
    }
    assert!(checked >= 8 * 3, "{checked}");
}
