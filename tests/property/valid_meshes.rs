//! What App Mesh took, Tulle takes: random valid meshes are compiled without an error, and Envoy loads them.

use tulle_model::Severity;

use crate::numbered::{ToEnvoy, build_shown, judge_all};
use crate::valid::valid;

/// What is wrong with a mesh; its proxies' configuration is shown to Envoy.
fn judge(number: u64, to_envoy: &mut ToEnvoy) -> Vec<String> {
    let mut built = build_shown(&valid(number));
    let problems = built.problems.iter().map(ToString::to_string);
    let findings = built.engine.findings();
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let mut wrong: Vec<String> = problems.chain(errors.map(ToString::to_string)).collect();
    wrong.extend(to_envoy.add(number, &mut built));
    wrong
}

#[test]
fn every_valid_mesh_is_taken_by_tulle_and_by_envoy() {
    judge_all(judge);
}
