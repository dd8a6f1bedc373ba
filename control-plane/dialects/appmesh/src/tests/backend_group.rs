use serde_json::json;
use tulle_model::fragment::Fragment;

use super::*;
use crate::names::name;

fn services(fragment: Fragment) -> Vec<tulle_model::Name> {
    match fragment {
        Fragment::BackendGroup(group) => group.services,
        other => panic!("{other:?}"),
    }
}

#[test]
fn services_are_of_the_groups_namespace_unless_said_otherwise() {
    let spec = json!({"virtualservices": [
        {"name": "a"}, {"name": "b", "namespace": "x"}, {"name": "a", "namespace": "shop"},
    ]});
    assert_eq!(
        services(clean("BackendGroup", spec)),
        [name("shop", "a"), name("x", "b")]
    );
}

#[test]
fn the_mesh_is_kept() {
    match clean(
        "BackendGroup",
        json!({"meshRef": {"name": "m", "uid": "1"}}),
    ) {
        Fragment::BackendGroup(group) => assert_eq!(group.mesh, Some(name("", "m"))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_entry_without_a_name_is_left_out() {
    let fragment = one_finding(
        "BackendGroup",
        json!({"virtualservices": [{"name": ""}, {"name": "b"}]}),
        Severity::Error,
        "spec.virtualservices[0].name",
        "names no VirtualService",
    );
    assert_eq!(services(fragment.unwrap()), [name("shop", "b")]);
}
