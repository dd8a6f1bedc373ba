//! What `tulle inject` makes of manifests: a folder each under `tests/golden/inject/<case>/`.
//!
//! `input.yaml` holds the manifests, `config.yaml` the settings if any. `expected.yaml` holds what was printed when a person
//! last looked, `messages.txt` what was said beside it; a case without `expected.yaml` was refused. The inputs are manifests that
//! a cluster takes too: a namespace each, pods that run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tulle_injector::bootstrap::{
    BOOTSTRAP_FILE, SHARED_DIRECTORY, SharedSpec, TOKEN_DIRECTORY, TOKEN_FILE, shared,
};
use tulle_tests::programs;

const CASES: usize = 46;

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

/// How a pod starts its Envoy.
#[derive(Debug, Default)]
struct Start {
    /// What is merged over the shared bootstrap.
    overlay: Option<String>,
    /// The files that init container `tulle-bootstrap` merges before.
    files: Vec<String>,
}

fn items<'a>(value: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    value[list].as_array().into_iter().flatten()
}

fn arguments(container: &Value) -> Vec<&str> {
    items(container, "args").filter_map(Value::as_str).collect()
}

/// An argument as its container sees it: the kubelet replaces variables, and reads two dollars as one.
fn expanded(argument: &str, container: &Value) -> String {
    let mut text = argument.replace("$$", "\u{0}");
    for variable in items(container, "env") {
        let name = variable["name"].as_str().expect("a name");
        let value = match (&variable["value"], &variable["valueFrom"]) {
            (Value::String(value), _) => value,
            (_, from) if from["fieldRef"]["fieldPath"] == "status.hostIP" => "192.0.2.1",
            _ => "value",
        };
        text = text.replace(&format!("$({name})"), value);
    }
    text.replace('\0', "$")
}

fn start(spec: &Value) -> Option<Start> {
    let containers = || items(spec, "initContainers").chain(items(spec, "containers"));
    let named = |name: &'static str| move |container: &&Value| container["name"] == name;
    let ours = |container: &&Value| container["command"] == serde_json::json!(["envoy"]);
    let envoy = containers().filter(ours).find(named("envoy"))?;
    let known = arguments(envoy);
    let option = known.iter().position(|known| *known == "--config-yaml");
    let merge = containers().find(named("tulle-bootstrap"));
    Some(Start {
        overlay: option.map(|at| expanded(known[at + 1], envoy)),
        files: merge.map_or_else(Vec::new, |merge| {
            let arguments = arguments(merge);
            arguments[5..]
                .iter()
                .map(|file| (*file).to_owned())
                .collect()
        }),
    })
}

/// Every pod's start, and the files of every ConfigMap by name.
fn starts(text: &str) -> (Vec<Start>, Vec<(String, String)>) {
    fn look(value: &Value, found: &mut Vec<Start>) {
        found.extend(start(value));
        match value {
            Value::Array(items) => items.iter().for_each(|item| look(item, found)),
            Value::Object(fields) => fields.values().for_each(|field| look(field, found)),
            _ => {}
        }
    }
    let (mut found, mut files) = (Vec::new(), Vec::new());
    for document in text.split("---\n") {
        let value = tulle_proto::from_yaml(document).expect("YAML");
        if value["kind"] == "ConfigMap" {
            for (name, text) in value["data"].as_object().into_iter().flatten() {
                files.push((name.clone(), text.as_str().expect("text").to_owned()));
            }
        }
        look(&value, &mut found);
    }
    (found, files)
}

/// What the leader puts into a namespace, in a folder of this machine.
fn shared_files(folder: &Path) -> PathBuf {
    let spec = SharedSpec {
        control_plane: "tulle.tulle-system.svc.cluster.local".to_owned(),
        control_plane_port: 15012,
        control_plane_identity: "spiffe://cluster.local/ns/tulle-system/sa/tulle".to_owned(),
        root_pem: "-----BEGIN CERTIFICATE-----\n".to_owned(),
        ipv6: true,
    };
    let here = folder.display().to_string();
    std::fs::write(folder.join(TOKEN_FILE), "token").expect("writable");
    for (name, text) in shared(spec).expect("files").into_data() {
        let text = text
            .replace(SHARED_DIRECTORY, &here)
            .replace(TOKEN_DIRECTORY, &here);
        std::fs::write(folder.join(name), text).expect("writable");
    }
    folder.join(BOOTSTRAP_FILE)
}

/// What init container `tulle-bootstrap` makes.
fn merged(folder: &Path, base: &Path, files: &[String], maps: &[(String, String)]) -> PathBuf {
    if files.is_empty() {
        return base.to_owned();
    }
    let out = folder.join("merged.json");
    let mut command = Command::new(programs::tulle());
    command.arg("merge-bootstrap").arg("--base").arg(base);
    command.arg("--out").arg(&out);
    for file in files {
        let name = file.rsplit('/').next().expect("a part");
        let (_, text) = maps
            .iter()
            .find(|(known, _)| known == name)
            .unwrap_or_else(|| panic!("no ConfigMap holds {name}"));
        let file = folder.join(name);
        std::fs::write(&file, text).expect("writable");
        command.arg(file);
    }
    let output = command.output().expect("tulle runs");
    assert!(output.status.success(), "{output:?}");
    out
}

#[test]
fn every_supported_envoy_accepts_what_every_pod_starts_it_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = shared_files(folder.path());
    let mut checked = 0;
    for case in cases() {
        let text = std::fs::read_to_string(case.join("expected.yaml")).unwrap_or_default();
        let (starts, maps) = starts(&text);
        for start in starts {
            if start.overlay.is_none() && start.files.is_empty() && checked > 0 {
                continue;
            }
            let bootstrap = merged(folder.path(), &base, &start.files, &maps);
            for (version, envoy) in programs::envoys() {
                let mut command = Command::new(&envoy);
                command.args(["--mode", "validate", "--use-dynamic-base-id"]);
                command.args(["--service-node", "a", "--service-cluster", "b"]);
                command.args(["-l", "error", "-c"]).arg(&bootstrap);
                if let Some(overlay) = &start.overlay {
                    command.args(["--config-yaml", overlay]);
                }
                let output = command.output().expect("Envoy runs");
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
    assert!(checked >= 15 * 3, "{checked}");
}
