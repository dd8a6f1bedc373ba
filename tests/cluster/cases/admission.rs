//! The table of admission rules against the real API server.

use std::collections::BTreeMap;
use std::process::Output;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use tulle_cluster::case::Case;

/// How long a row may be wrong because of the row before.
const PATIENCE: Duration = Duration::from_secs(8);

#[derive(Debug, Deserialize)]
struct Table {
    world: Vec<Value>,
    cases: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    name: String,
    #[serde(default = "create")]
    operation: String,
    stored: Option<Value>,
    object: Option<Value>,
    #[serde(default)]
    expect: Expect,
    unit: Option<String>,
    #[serde(default)]
    bare: bool,
    #[serde(default)]
    unmutated: bool,
}

fn create() -> String {
    "create".to_owned()
}

#[derive(Debug, Default, Deserialize)]
struct Expect {
    denied: Option<String>,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    silent: bool,
}

/// The group and the namespace that the table leaves out.
fn complete(object: &Value) -> Value {
    let mut object = object.clone();
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    let version = if kind == "Namespace" {
        "v1"
    } else {
        "appmesh.k8s.aws/v1beta2"
    };
    object["apiVersion"] = json!(version);
    if let Some(fields) = object.as_object_mut() {
        fields.remove("terminating");
    }
    if !["Mesh", "Namespace"].contains(&kind.as_str()) && object["metadata"]["namespace"].is_null()
    {
        object["metadata"]["namespace"] = json!("adm-shop");
    }
    object
}

/// `kubectl` with an object on its standard input.
fn kubectl(case: &Case, words: &str, object: &Value) -> Output {
    use std::io::Write;
    let mut command = case.kubectl().command(words.split_whitespace());
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(object.to_string().as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn prepare(case: &Case, world: &[Value]) {
    for object in world {
        let kind = object["kind"].as_str().unwrap();
        if kind == "Namespace" {
            case.owns(object["metadata"]["name"].as_str().unwrap());
        }
    }
    for object in world {
        let terminating = object["terminating"] == true;
        let mut made = complete(object);
        if terminating {
            made["metadata"]["finalizers"] = json!(["tulle.test/hold"]);
        }
        let output = kubectl(case, "apply -f -", &made);
        assert!(output.status.success(), "{made}: {output:?}");
        if terminating {
            let (kind, name) = (
                made["kind"].as_str().unwrap(),
                made["metadata"]["name"].as_str().unwrap(),
            );
            case.run(&format!("delete {kind} {name} --wait=false"));
        }
    }
}

/// What is wrong with a row; nothing if all is right.
fn judge(row: &Row, output: &Output) -> Vec<String> {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut wrong = Vec::new();
    if let Some(denied) = &row.expect.denied {
        if output.status.success() || !errors.contains(denied.as_str()) {
            wrong.push(format!("not denied with {denied:?}: {errors}"));
        }
        return wrong;
    }
    if !output.status.success() {
        return vec![format!("denied: {errors}")];
    }
    for warning in &row.expect.warnings {
        if !errors.contains(warning.as_str()) {
            wrong.push(format!("no warning {warning:?}: {errors}"));
        }
    }
    if row.expect.silent && errors.contains("Warning:") {
        wrong.push(format!("warns: {errors}"));
    }
    if row.expect.set.is_empty() {
        return wrong;
    }
    let stored: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    for (pointer, expected) in &row.expect.set {
        let found = stored.pointer(pointer).unwrap_or(&Value::Null);
        let right = match expected {
            Value::String(any) if any == "*" => found.as_str().is_some_and(|text| !text.is_empty()),
            expected => found == expected,
        };
        if !right {
            wrong.push(format!("{pointer} is {found}, not {expected}"));
        }
    }
    wrong
}

fn play(case: &Case, row: &Row) -> Vec<String> {
    if let Some(stored) = &row.stored {
        let stored = complete(stored);
        let output = kubectl(case, "create -f -", &stored);
        if !output.status.success() {
            return vec![format!("what is stored before was refused: {output:?}")];
        }
        let words = match row.operation.as_str() {
            "update" => "replace -f - --dry-run=server -o json",
            _ => "delete -f - --dry-run=server",
        };
        let mut object = row.object.as_ref().map_or_else(|| stored.clone(), complete);
        // The same object, not another of its name.
        let (kind, name) = (
            stored["kind"].as_str().unwrap(),
            stored["metadata"]["name"].as_str().unwrap(),
        );
        let place = stored["metadata"]["namespace"]
            .as_str()
            .map_or_else(String::new, |namespace| format!("-n {namespace}"));
        let known = case.get(&format!("{kind} {name} {place}"));
        object["metadata"]["resourceVersion"] = known["metadata"]["resourceVersion"].clone();
        let output = kubectl(case, words, &object);
        let wrong = judge(row, &output);
        case.run(&format!("delete {kind} {name} {place} --wait"));
        return wrong;
    }
    let object = complete(row.object.as_ref().unwrap());
    judge(
        row,
        &kubectl(case, "create -f - --dry-run=server -o json", &object),
    )
}

#[test]
fn every_rule_holds_on_the_real_api_server() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/admission/cases.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let table: Table = serde_saphyr::from_str(&text).unwrap();
    let case = Case::shared();
    prepare(&case, &table.world);
    let mut wrong = Vec::new();
    let mut played = 0;
    for row in &table.cases {
        // What only a stored object without defaults shows has no way into a cluster whose webhooks work.
        if row.unit.is_some() || row.bare || row.unmutated {
            continue;
        }
        played += 1;
        // Replicas answer from what they have seen, and one may not have seen yet what was made or deleted last.
        let end = Instant::now() + PATIENCE;
        let mut found = play(&case, row);
        while !found.is_empty() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(500));
            found = play(&case, row);
        }
        wrong.extend(found.iter().map(|one| format!("{}: {one}", row.name)));
    }
    for object in &table.world {
        if object["terminating"] == true {
            let name = object["metadata"]["name"].as_str().unwrap();
            let patch = r#"{"metadata":{"finalizers":null}}"#;
            let mut command = case
                .kubectl()
                .command(["patch", "mesh", name, "--type", "merge", "--patch", patch]);
            let _ = command.output();
        }
        if object["kind"] == "Mesh" {
            let name = object["metadata"]["name"].as_str().unwrap();
            case.run(&format!(
                "delete mesh {name} --ignore-not-found --wait=false"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {played}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(played >= 60, "only {played} cases");
}
