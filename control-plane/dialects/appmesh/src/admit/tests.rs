//! The table of `tests/golden/admission`, which a real API server is asked too, and what no table shows.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tulle_crds::{Kind, decode};
use tulle_model::Severity;

use super::*;

mod random;
mod shape;

const CASES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../tests/golden/admission/cases.yaml"
);

#[derive(Deserialize)]
struct Table {
    world: Vec<Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    operation: Option<String>,
    #[serde(default)]
    stored: Option<Value>,
    #[serde(default)]
    object: Value,
    expect: Expect,
    #[serde(default, rename = "unit")]
    _unit: Option<String>,
    #[serde(default)]
    bare: bool,
    #[serde(default)]
    unmutated: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    #[serde(default)]
    denied: Option<String>,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    silent: bool,
}

fn table() -> Table {
    serde_saphyr::from_str(&std::fs::read_to_string(CASES).unwrap()).unwrap()
}

/// What the API server makes of a manifest before admission.
fn received(mut manifest: Value) -> Value {
    let kind = manifest["kind"].as_str().unwrap().to_owned();
    let core = kind == "Namespace";
    manifest["apiVersion"] = if core {
        "v1".into()
    } else {
        tulle_crds::appmesh::API_VERSION.into()
    };
    let terminating = manifest.as_object_mut().unwrap().remove("terminating");
    let metadata = &mut manifest["metadata"];
    if !core && kind != "Mesh" && metadata.get("namespace").is_none() {
        metadata["namespace"] = "adm-shop".into();
    }
    if terminating == Some(true.into()) {
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    }
    let name = metadata["name"].as_str().unwrap().to_owned();
    metadata["uid"] = format!("uid-of-{name}").into();
    manifest
}

fn kind(object: &Value) -> Kind {
    let text = |key: &str| object[key].as_str().unwrap();
    Kind::from_manifest(text("apiVersion"), text("kind")).unwrap()
}

fn ask(
    phase: Phase,
    operation: Operation,
    object: &Value,
    old_object: &Value,
    directory: &dyn Directory,
) -> Verdict {
    let subject = if object.is_null() { old_object } else { object };
    let text = |key: &str| subject["metadata"][key].as_str().unwrap_or_default();
    let request = AdmitRequest {
        phase,
        operation,
        kind: kind(subject),
        namespace: text("namespace"),
        name: text("name"),
        subresource: "",
        object,
        old_object,
    };
    admit(&request, directory)
}

/// What an API server with both webhooks makes of a request: what is stored and the warnings, or the denial.
fn through(
    operation: Operation,
    mut object: Value,
    old: &Value,
    directory: &dyn Directory,
    mutated: bool,
) -> Result<(Value, Vec<String>), Denial> {
    if mutated {
        let verdict = ask(Phase::Mutating, operation, &object, old, directory);
        assert_eq!(verdict.warnings, [""; 0], "warnings are given once");
        if let Some(denial) = verdict.denied {
            return Err(denial);
        }
        json_patch::patch(&mut object, &verdict.patch).unwrap();
        let again = ask(Phase::Mutating, operation, &object, old, directory);
        assert_eq!(again, Verdict::default(), "asked again");
    }
    let verdict = ask(Phase::Validating, operation, &object, old, directory);
    assert_eq!(verdict.patch.0, []);
    match verdict.denied {
        Some(denial) => Err(denial),
        None => Ok((object, verdict.warnings)),
    }
}

fn listing(world: Vec<Value>) -> Listing {
    let mut listing = Listing::default();
    for manifest in world {
        let mut object = received(manifest);
        if object["kind"] != "Namespace" {
            (object, _) = through(Operation::Create, object, &Value::Null, &listing, true).unwrap();
        }
        let version = object["apiVersion"].as_str().unwrap().to_owned();
        let kind = object["kind"].as_str().unwrap().to_owned();
        let decoded = decode(&version, &kind, object).unwrap().unwrap();
        listing.put(&decoded.object);
    }
    listing
}

fn run(case: &Case, listing: &Listing) -> Result<(Value, Vec<String>), Denial> {
    let stored = match case.stored.clone().map(received) {
        None => Value::Null,
        Some(stored) if case.bare => stored,
        Some(stored) => {
            through(Operation::Create, stored, &Value::Null, listing, true)
                .unwrap()
                .0
        }
    };
    match case.operation.as_deref() {
        None | Some("create") => {
            let object = received(case.object.clone());
            through(Operation::Create, object, &stored, listing, !case.unmutated)
        }
        Some("update") => {
            let object = received(case.object.clone());
            through(Operation::Update, object, &stored, listing, !case.unmutated)
        }
        Some("delete") => through(Operation::Delete, Value::Null, &stored, listing, true),
        Some(other) => panic!("{}: no operation {other}", case.name),
    }
}

fn failures(case: &Case, outcome: Result<(Value, Vec<String>), Denial>) -> Vec<String> {
    let mut failures = Vec::new();
    match (outcome, &case.expect.denied) {
        (Err(denial), Some(part)) if denial.message.contains(part.as_str()) => {}
        (Err(denial), _) => failures.push(format!("denied: {denial}")),
        (Ok(_), Some(part)) => failures.push(format!("allowed, not denied with {part:?}")),
        (Ok((object, warnings)), None) => {
            for (pointer, wanted) in &case.expect.set {
                let found = object.pointer(pointer).unwrap_or(&Value::Null);
                let good = match wanted.as_str() {
                    Some("*") => found.as_str().is_some_and(|text| !text.is_empty()),
                    _ => found == wanted,
                };
                if !good {
                    failures.push(format!("{pointer} is {found}, not {wanted}"));
                }
            }
            for part in &case.expect.warnings {
                if !warnings
                    .iter()
                    .any(|warning| warning.contains(part.as_str()))
                {
                    failures.push(format!("no warning {part:?} among {warnings:?}"));
                }
            }
            if case.expect.silent && !warnings.is_empty() {
                failures.push(format!("warnings {warnings:?}"));
            }
        }
    }
    failures
}

#[test]
fn every_case_of_the_table() {
    let table = table();
    let listing = listing(table.world);
    assert!(table.cases.len() >= 60);
    let mut names = std::collections::BTreeSet::new();
    let mut all = Vec::new();
    for case in &table.cases {
        assert!(names.insert(&case.name), "{} twice", case.name);
        for failure in failures(case, run(case, &listing)) {
            all.push(format!("{}: {failure}", case.name));
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// With the webhooks away a refused object gets in: then its translation has to say what is wrong, as an error.
#[test]
fn what_is_denied_is_an_error_of_the_translation() {
    let table = table();
    let listing = listing(table.world);
    let mut seen = 0;
    for case in &table.cases {
        let Err(denial) = run(case, &listing) else {
            continue;
        };
        if denial.kind == DenialKind::Membership || denial.message.contains("update may not") {
            continue;
        }
        seen += 1;
        let object = received(case.object.clone());
        let kind = object["kind"].as_str().unwrap().to_owned();
        let decoded = decode(tulle_crds::appmesh::API_VERSION, &kind, object)
            .unwrap()
            .unwrap();
        let findings = crate::translate(&decoded.object, &[]).unwrap().findings;
        assert!(
            findings
                .iter()
                .any(|finding| finding.severity == Severity::Error),
            "{}: {denial} but {findings:?}",
            case.name
        );
    }
    assert!(seen > 25, "{seen}");
}
