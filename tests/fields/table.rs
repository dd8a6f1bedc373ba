//! `docs/fields.md`: each field, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::cases::{Case, State};
use tulle_tests::schema::{KINDS, NODES, nodes};

const HEAD: &str = "\
# Fields

What becomes of every field of the App Mesh kinds (`appmesh.k8s.aws/v1beta2`). This page is made by a test
(`tests/fields`): it sets each field in a mesh where it matters, changes it, and holds what follows against what
is claimed here. *Seen in* is where the change was seen: in Envoy's clusters, endpoints (ClusterLoadAssignment), listeners,
routes or secrets, in the pods that are injected, in the object's status, in what the webhook writes, or in what Tulle says
of the object ([findings](findings.md)).
";

type Rows = BTreeMap<String, (Case, BTreeSet<&'static str>)>;

/// Compares the document with what is checked in, or writes it anew.
pub(crate) fn check(rows: &Rows) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fields.md");
    let now = document(rows);
    if std::env::var_os("TULLE_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(path, now).expect("writable");
        return;
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = before
        .lines()
        .zip(now.lines())
        .find(|(one, two)| one != two);
    assert!(
        before == now,
        "docs/fields.md is not what the fields do (TULLE_UPDATE=1 writes it): {differs:?}"
    );
}

fn document(rows: &Rows) -> String {
    let nodes = nodes();
    let mut text = HEAD.to_owned();
    let leaves = nodes.iter().filter(|node| node.is_leaf).count();
    let _ = write!(
        text,
        "\nThe seven specs have {NODES} nodes: {} objects and lists of objects, and {leaves} fields that hold values.\n\n",
        NODES - leaves
    );
    text.push_str("| Kind | Fields |");
    for state in State::ALL {
        let _ = write!(text, " {} |", state.text());
    }
    text.push_str("\n|---|---|---|---|---|\n");
    let count = |kind: &str, state: Option<State>| {
        let rows = rows.iter();
        let of_kind =
            rows.filter(|(field, _)| field.starts_with(&format!("{kind}.")) || kind.is_empty());
        of_kind
            .filter(|(_, (case, _))| state.is_none_or(|state| case.state() == state))
            .count()
    };
    for kind in KINDS.into_iter().chain([""]) {
        let name = if kind.is_empty() { "all" } else { kind };
        let _ = write!(text, "| {name} | {} |", count(kind, None));
        for state in State::ALL {
            let _ = write!(text, " {} |", count(kind, Some(state)));
        }
        text.push('\n');
    }
    for kind in KINDS {
        let _ = write!(
            text,
            "\n## {kind}\n\n| Field | Value | State | Seen in |\n|---|---|---|---|\n"
        );
        for node in nodes
            .iter()
            .filter(|node| node.is_leaf && node.kind == kind)
        {
            let Some((case, seen)) = rows.get(&format!("{kind}.{}", node.path)) else {
                continue;
            };
            let seen: Vec<&str> = seen.iter().copied().collect();
            let remark = match case.remark() {
                "" => String::new(),
                remark => format!(": {remark}"),
            };
            let _ = writeln!(
                text,
                "| `{}` | {} | {}{remark} | {} |",
                node.path,
                node.form,
                case.state().text(),
                seen.join(", ")
            );
        }
    }
    text
}
