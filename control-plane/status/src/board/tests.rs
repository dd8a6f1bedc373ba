use tulle_model::Severity;

use super::*;
use crate::fixture::{finding, object};
use crate::refusal::RefusalKey;

fn facts(alias: &str) -> Option<Facts> {
    Some(Facts {
        mesh: "m".into(),
        alias: alias.into(),
        gateway: None,
        routes: BTreeSet::new(),
    })
}

fn names(changes: &[(ObjectId, Option<AppMeshStatus>)]) -> Vec<&str> {
    changes.iter().map(|(object, _)| &*object.name).collect()
}

#[test]
fn only_what_changes_is_given_out() {
    let (a, b) = (object("VirtualNode", "a"), object("VirtualNode", "b"));
    let mut board = Board::default();
    board.set_findings([finding(Severity::Error, &b, "duplicate")]);
    assert!(board.changes().is_empty(), "nobody has seen b yet");
    board.observe(&a, Some(1), facts("a"));
    board.observe(&b, Some(1), None);
    let changes = board.changes();
    assert_eq!(names(&changes), ["a", "b"]);
    let condition = |at: usize| {
        changes[at]
            .1
            .as_ref()
            .unwrap()
            .condition
            .as_ref()
            .unwrap()
            .active
    };
    assert!(condition(0) && !condition(1));

    board.observe(&a, Some(1), facts("a"));
    board.set_findings([finding(Severity::Error, &b, "duplicate")]);
    assert!(board.changes().is_empty());
    board.set_findings([finding(Severity::Warning, &a, "no-effect")]);
    assert_eq!(names(&board.changes()), ["a", "b"]);
    board.observe(&a, Some(1), facts("other"));
    assert_eq!(names(&board.changes()), ["a"]);
    board.observe(&b, Some(2), None);
    assert_eq!(names(&board.changes()), ["b"]);

    let refused = Refused {
        key: RefusalKey {
            scope: "s".into(),
            type_url: "t".into(),
            name: "n".into(),
        },
        message: "no".into(),
    };
    board.set_refused([(b.clone(), vec![refused])].into());
    assert_eq!(names(&board.changes()), ["b"]);
    board.set_space(ArnSpace::new("eu-west-1", "123456789012").unwrap());
    assert_eq!(names(&board.changes()), ["a"], "b has no ARN to change");
    board.forget(&b);
    assert_eq!(board.changes(), [(b.clone(), None)]);
    board.forget(&b);
    board.set_refused(BTreeMap::new());
    assert!(board.changes().is_empty());
}

#[test]
fn an_object_without_a_condition_is_given_out_while_it_has_errors() {
    let group = object("BackendGroup", "all");
    let mut board = Board::default();
    board.observe(&group, Some(1), None);
    assert!(board.changes().is_empty());
    board.set_findings([finding(Severity::Error, &group, "invalid-reference")]);
    assert_eq!(names(&board.changes()), ["all"]);
    board.set_findings([]);
    assert_eq!(board.changes(), [(group, None)]);
}
