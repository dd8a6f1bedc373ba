//! What is wrong is told: of random meshes in which one thing is wrong none stops Tulle, and each has a finding that
//! names the field. What is left of them, Envoy loads.

use std::collections::BTreeSet;

use serde_json::Value;
use tulle_tests::built::Built;

use crate::invalid::{Invalid, invalid};
use crate::numbered::{ToEnvoy, build, build_shown, judge_all};

/// Of so many meshes, what is left of one is shown to Envoy.
const ONE_OF: u64 = 4;

/// What is said: the kind, namespace and name, the field, and the whole of it.
type Said = (String, String, String);

fn said(built: &Built) -> BTreeSet<Said> {
    let problems = built.problems.iter().map(|problem| {
        let object = problem.object.as_ref().map(ToString::to_string);
        let field = problem.field.clone().unwrap_or_default();
        (object.unwrap_or_default(), field, problem.to_string())
    });
    let findings = built.engine.findings();
    let findings = findings.iter().map(|finding| {
        let object = finding.object.to_string();
        (object, finding.field.to_string(), finding.to_string())
    });
    problems.chain(findings).collect()
}

fn name(document: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, metadata) = (text(&document["kind"]), &document["metadata"]);
    match &metadata["namespace"] {
        Value::String(namespace) => format!("{kind} {namespace}/{}", text(&metadata["name"])),
        _ => format!("{kind} {}", text(&metadata["name"])),
    }
}

/// Whether a finding's field is the one that is wrong, or holds it, or lies in it.
fn names(said: &str, wrong: &str) -> bool {
    let (short, long) = match said.len() < wrong.len() {
        true => (said, wrong),
        false => (wrong, said),
    };
    !short.is_empty()
        && short != "spec"
        && long
            .strip_prefix(short)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn judge(number: u64, to_envoy: &mut ToEnvoy) -> Vec<String> {
    let Invalid {
        before,
        after,
        document,
        field,
        what,
    } = invalid(number);
    let mut built = build_shown(&after);
    let mut wrong = Vec::new();
    if number.is_multiple_of(ONE_OF) {
        wrong = to_envoy.add(number, &mut built);
    }
    let object = name(&after[document]);
    let known = said(&build(&before));
    let new: Vec<Said> = said(&built).difference(&known).cloned().collect();
    let is_named = new
        .iter()
        .any(|(whose, place, _)| *whose == object && names(place, &field));
    if !is_named {
        let pointer: String = field.replace('[', "/").replace(']', "").replace('.', "/");
        let value = after[document].pointer(&format!("/{pointer}"));
        wrong.push(format!("{object}: {field} ({what}: {value:?}): {new:?}"));
    }
    wrong
}

#[test]
fn every_invalid_mesh_has_a_finding_that_names_the_field() {
    judge_all(judge);
}
