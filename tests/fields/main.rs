//! Every field of the App Mesh kinds has its effect: each is changed where it matters, and something has to follow.
//!
//! `base.yaml` is a mesh in which every field is set; `cases.yaml` says what each is changed to and what Tulle makes of it.
//! `docs/fields.md` is made of both, and of what was seen to change; `TULLE_UPDATE=1` writes it anew.

mod cases;
mod outcome;
mod table;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tulle_tests::built::documents;
use tulle_tests::places;
use tulle_tests::schema::{self, Node};

use crate::cases::{Case, State};
use crate::outcome::{FINDINGS, Outcome};

fn base() -> Vec<Value> {
    documents(include_str!("base.yaml"))
}

/// Where the change of a field is seen; else why it is not enough.
fn seen(
    documents: &[Value],
    before: &Outcome,
    node: &Node,
    case: &Case,
) -> Result<BTreeSet<&'static str>, String> {
    let mut places = places::places(documents, node);
    if let Some(object) = &case.object {
        places.retain(|place| documents[place.document]["metadata"]["name"] == **object);
    }
    if places.is_empty() {
        return Err("it is set nowhere in base.yaml".to_owned());
    }
    let mut why = "it has the new value everywhere already".to_owned();
    let mut seen = BTreeSet::new();
    for place in places {
        let Some(changed) = places::changed(documents, &place, case.up, &case.to) else {
            continue;
        };
        let after = Outcome::of(&changed);
        let errors: Vec<&String> = after.new_errors(before).collect();
        if !case.breaks && !errors.is_empty() {
            why = format!("the changed manifests are in error: {errors:?}");
            continue;
        }
        let mut differences = before.differences(&after);
        if node.path.ends_with("Ref.uid") && webhook::writes(documents, &place) {
            differences.push(webhook::WEBHOOK);
        }
        if case.state() != State::Cannot && differences != [FINDINGS] {
            differences.retain(|place| *place != FINDINGS);
        }
        match (case.state(), differences.as_slice()) {
            (_, []) => why = "nothing follows from it".to_owned(),
            (State::Honoured, [FINDINGS]) => {
                why = format!(
                    "nothing follows from it but findings: {:?}",
                    after
                        .findings()
                        .symmetric_difference(before.findings())
                        .collect::<Vec<_>>()
                );
            }
            (State::Cannot, differences) if !differences.contains(&FINDINGS) => {
                why = "nobody is told that nothing follows from it".to_owned();
            }
            _ => {
                seen.extend(differences);
                // One place where it matters is enough.
                break;
            }
        }
    }
    if seen.is_empty() { Err(why) } else { Ok(seen) }
}

#[test]
fn every_field_has_its_effect() {
    let documents = base();
    let before = Outcome::of(&documents);
    let errors: Vec<&String> = before
        .findings()
        .iter()
        .filter(|said| said.starts_with("error"))
        .collect();
    assert!(errors.is_empty(), "the base is in error: {errors:#?}");
    if std::env::var_os("TULLE_SHOW").is_some() {
        eprintln!("{:#?}", before.findings());
    }
    let cases = cases::cases();
    let mut failures = Vec::new();
    let mut rows = BTreeMap::new();
    let mut used = BTreeSet::new();
    for node in schema::nodes().iter().filter(|node| node.is_leaf) {
        let field = format!("{}.{}", node.kind, node.path);
        let Some(case) = cases::of(&cases, node) else {
            failures.push(format!("{field}: no case"));
            continue;
        };
        used.insert(case.field.clone());
        match seen(&documents, &before, node, case) {
            Ok(seen) => {
                rows.insert(field, (case.clone(), seen));
            }
            Err(why) => failures.push(format!("{field} ({}): {why}", case.field)),
        }
    }
    for case in cases.iter().filter(|case| !used.contains(&case.field)) {
        failures.push(format!("{}: a case of no field", case.field));
    }
    assert!(
        failures.is_empty(),
        "{} of the fields:\n{}",
        failures.len(),
        failures.join("\n")
    );
    table::check(&rows);
}
