//! `tulle analyze` and `tulle migrate`: what they print about folders under `golden/analyze/`.
//!
//! A case holds `input.yaml` or `input.json`. Beside it lies what came out when a person last looked: `analyze.txt` and
//! `migrate.txt` with the exit code, `analyze.json`, `migrate.json`, and of `analyze.sarif` the results.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tulle_tests::programs;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/analyze")
}

fn cases() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root()).expect("readable");
    let mut folders: Vec<PathBuf> = folders
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 5, "{folders:?}");
    folders
}

/// Runs in a case's folder, so that paths are alike everywhere.
fn tulle(folder: &Path, arguments: &[&str]) -> Output {
    let program = std::path::absolute(programs::tulle()).expect("a path");
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output();
    output.expect("tulle runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn input(folder: &Path) -> &'static str {
    match folder.join("input.json").exists() {
        true => "input.json",
        false => "input.yaml",
    }
}

fn sarif(folder: &Path) -> Value {
    let output = tulle(folder, &["analyze", input(folder), "-o", "sarif"]);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// What comes out now, by file.
fn outputs(folder: &Path) -> Vec<(&'static str, String)> {
    let file = input(folder);
    let run = |arguments: &[&str]| tulle(folder, arguments);
    let with_code = |output: Output| {
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let code = output.status.code().expect("an exit code");
        format!("{}exit code {code}\n", stdout(&output))
    };
    let mut results = sarif(folder)["runs"][0]["results"].take();
    for result in results.as_array_mut().into_iter().flatten() {
        // It moves with every code that is new.
        result
            .as_object_mut()
            .expect("a result")
            .remove("ruleIndex");
    }
    let pretty = |value: &Value| serde_json::to_string_pretty(value).expect("JSON") + "\n";
    vec![
        ("analyze.txt", with_code(run(&["analyze", file]))),
        (
            "analyze.json",
            stdout(&run(&["analyze", file, "-o", "json"])),
        ),
        ("analyze.sarif", pretty(&results)),
        ("migrate.txt", with_code(run(&["migrate", "appmesh", file]))),
        (
            "migrate.json",
            stdout(&run(&["migrate", "appmesh", file, "-o", "json"])),
        ),
    ]
}

#[test]
fn every_case_is_told_as_is_checked_in() {
    let update = std::env::var_os("TULLE_UPDATE").is_some_and(|value| value == "1");
    let mut differences = Vec::new();
    for folder in cases() {
        for (name, now) in outputs(&folder) {
            let path = folder.join(name);
            let before = std::fs::read_to_string(&path).unwrap_or_default();
            if before == now {
                continue;
            }
            if update {
                std::fs::write(&path, now).expect("writable");
            } else {
                differences.push(format!("{}:\n{now}", path.display()));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What SARIF 2.1.0 demands of the parts that are used.
#[test]
fn sarif_is_of_its_form() {
    for folder in cases() {
        let log = sarif(&folder);
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        let ids: BTreeSet<&str> = rules
            .iter()
            .map(|rule| rule["id"].as_str().expect("an id"))
            .collect();
        assert_eq!(ids.len(), rules.len(), "each rule once");
        let levels = ["error", "warning", "note"];
        for rule in rules {
            assert!(
                levels.contains(
                    &rule["defaultConfiguration"]["level"]
                        .as_str()
                        .expect("a level")
                )
            );
            assert!(
                rule["shortDescription"]["text"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            );
        }
        for result in run["results"].as_array().expect("results") {
            let index = result["ruleIndex"].as_u64().expect("an index");
            let rule = &rules[usize::try_from(index).expect("small")];
            assert_eq!(result["ruleId"], rule["id"]);
            assert!(levels.contains(&result["level"].as_str().expect("a level")));
            assert!(
                result["message"]["text"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            );
            let location = &result["locations"][0]["physicalLocation"];
            assert_eq!(location["artifactLocation"]["uri"], input(&folder));
            let region = &location["region"];
            if !region.is_null() {
                assert!(region["startLine"].as_u64() >= Some(1), "{result}");
                assert!(region["startColumn"].as_u64() >= Some(1), "{result}");
            }
        }
    }
}

#[test]
fn exit_codes_follow_the_severity_that_is_asked_for() {
    let code = |case: &str, more: &[&str]| {
        let folder = root().join(case);
        let file = input(&folder);
        let arguments = [&["analyze", file][..], more].concat();
        tulle(&folder, &arguments).status.code()
    };
    assert_eq!(code("fine", &[]), Some(0));
    assert_eq!(code("fine", &["--fail-on", "info"]), Some(0));
    assert_eq!(code("references", &[]), Some(1));
    assert_eq!(code("references", &["--fail-on", "never"]), Some(0));
    assert_eq!(code("fine", &["--fail-on", "nonsense"]), Some(2));
    assert_eq!(code("fine", &["nowhere.yaml"]), Some(2));
    let folder = root().join("fine");
    assert_eq!(tulle(&folder, &["analyze"]).status.code(), Some(2));
    assert_eq!(
        tulle(&folder, &["migrate", "appmesh"]).status.code(),
        Some(2)
    );
    let both = tulle(&folder, &["analyze", "input.yaml", "--kubernetes"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn a_file_that_cannot_be_read_is_no_pass() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("latin.yaml"), b"name: gr\xfc\xdfe\n").expect("writable");
    let output = tulle(folder.path(), &["analyze", ".", "--fail-on", "never"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(
        stdout(&output).contains("[unreadable-file]"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn cleaned_manifests_are_written_once_and_mean_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = root().join("appmesh-export");
    let out = folder.path().join("cleaned");
    let out_text = out.display().to_string();
    let arguments = ["migrate", "appmesh", "input.yaml", "--write", &out_text];
    let first = tulle(&case, &arguments);
    assert_eq!(first.status.code(), Some(1), "{}", stdout(&first));
    let mesh = std::fs::read_to_string(out.join("cluster.yaml")).expect("written");
    let shop = std::fs::read_to_string(out.join("namespace-shop.yaml")).expect("written");
    for gone in [
        "finalizers",
        "meshRef",
        "uid",
        "status",
        "resourceVersion",
        "cloudMapServiceARN",
    ] {
        assert!(
            !mesh.contains(gone) && !shop.contains(gone),
            "{gone}\n{mesh}\n{shop}"
        );
    }
    let again = tulle(&case, &arguments);
    assert_eq!(again.status.code(), Some(2));
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(told.contains("nothing is overwritten"), "{told}");

    // With the namespace beside them they are found as good as before.
    let namespace =
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {mesh: shop}}\n";
    std::fs::write(out.join("namespace.yaml"), namespace).expect("writable");
    let findings = |folder: &Path, path: &str| {
        let output = tulle(folder, &["analyze", path, "-o", "json"]);
        let analysis: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let findings = analysis["findings"].as_array().expect("findings").clone();
        findings
            .iter()
            .map(|one| format!("{} {} {}", one["object"], one["code"], one["field"]))
            .collect::<BTreeSet<String>>()
    };
    assert_eq!(findings(&out, "."), findings(&case, "input.yaml"));
}

#[test]
fn values_of_the_old_chart_become_values_of_this_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = "USER-SUPPLIED VALUES:\nregion: eu-central-1\naccountId: 012345678901\nsidecar:\n  logLevel: warn\n";
    std::fs::write(folder.path().join("old.yaml"), old).expect("writable");
    let output = tulle(
        folder.path(),
        &["migrate", "appmesh", "--controller-values", "old.yaml"],
    );
    assert_eq!(output.status.code(), Some(0));
    let values: Value = serde_saphyr::from_str(&stdout(&output)).expect("YAML");
    assert_eq!(values["config"]["aws"]["region"], "eu-central-1");
    assert_eq!(values["config"]["aws"]["accountId"], "012345678901");
    assert_eq!(values["config"]["injection"]["logLevel"], "warning");
}
