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

fn names(changes: &[(ObjectId, Option<Arc<AppMeshStatus>>)]) -> Vec<&str> {
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
            scope: "virtualnode/shop/b transparent".into(),
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
fn what_is_wrong_as_it_is_written_is_said_of_the_generation_in_force() {
    let node = object("VirtualNode", "a");
    let mut board = Board::default();
    board.observe(&node, Some(1), facts("a"));
    board.set_findings([finding(Severity::Warning, &node, "no-effect")]);
    board.changes();
    board.set_problems([finding(Severity::Error, &node, "invalid-object")]);
    let changes = board.changes();
    let status = changes[0].1.as_ref().unwrap();
    let condition = status.condition.as_ref().unwrap();
    assert_eq!((status.generation, condition.active), (Some(1), false));
    assert_eq!(condition.reason, "InvalidObject");
    assert_eq!(condition.message.lines().count(), 2);
    assert!(status.arn.is_some());
    board.set_problems([]);
    let changes = board.changes();
    let status = changes[0].1.as_ref().unwrap();
    assert!(status.condition.as_ref().unwrap().active);
}

#[test]
fn objects_of_kubernetes_itself_are_told_of_while_there_is_an_error() {
    let service = ObjectId::new("", "Service", "shop", "front");
    let mut board = Board::default();
    board.set_findings([finding(Severity::Error, &service, "invalid-value")]);
    let changes = board.changes();
    let status = changes[0].1.as_ref().unwrap();
    assert_eq!((&status.condition, status.notices.len()), (&None, 1));
    board.set_findings([finding(Severity::Warning, &service, "invalid-value")]);
    assert_eq!(board.changes(), [(service, None)]);
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
