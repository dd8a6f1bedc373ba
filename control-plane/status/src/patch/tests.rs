use std::collections::BTreeMap;

use tulle_crds::appmesh::VirtualRouterStatus;

use super::*;
use crate::fixture::object;
use crate::kind;

fn router() -> &'static Kind {
    kind::of(&object("VirtualRouter", "r")).unwrap()
}

fn status(active: bool, message: &str, routes: &[&str]) -> AppMeshStatus {
    AppMeshStatus {
        condition: Some(Condition {
            type_: "VirtualRouterActive".into(),
            active,
            reason: if active {
                "Active"
            } else {
                "DanglingReference"
            }
            .into(),
            message: message.into(),
        }),
        generation: Some(3),
        arn: Some("arn:r".into()),
        routes: Some(
            routes
                .iter()
                .map(|&route| (route.to_owned(), format!("arn:r/route/{route}")))
                .collect::<BTreeMap<_, _>>(),
        ),
        notices: Vec::new(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn write(desired: &AppMeshStatus, recorded: &mut Value, second: i64) -> bool {
    let patch = patch(router(), desired, recorded, at(second));
    if let Some(patch) = &patch {
        json_patch::merge(recorded, patch);
    }
    patch.is_some()
}

#[test]
fn written_once_and_read_by_the_types_of_the_crd() {
    let mut recorded = Value::Null;
    assert!(write(&status(true, "", &["a", "b"]), &mut recorded, 0));
    let typed: VirtualRouterStatus = serde_json::from_value(recorded.clone()).unwrap();
    assert_eq!(typed.observed_generation, Some(3));
    assert_eq!(typed.virtual_router_arn.as_deref(), Some("arn:r"));
    assert_eq!(typed.route_arns["b"], "arn:r/route/b");
    let [condition] = &typed.conditions[..] else {
        panic!()
    };
    assert_eq!(
        (&*condition.type_, &*condition.status),
        ("VirtualRouterActive", "True")
    );
    assert_eq!(condition.reason.as_deref(), Some("Active"));
    let time = condition.last_transition_time.as_deref();
    assert_eq!(time, Some("2023-11-14T22:13:20Z"));
    // again, later, and after the server has left out what is empty
    assert!(!write(&status(true, "", &["a", "b"]), &mut recorded, 60));
    recorded["conditions"][0]
        .as_object_mut()
        .unwrap()
        .remove("message");
    assert!(!write(&status(true, "", &["a", "b"]), &mut recorded, 60));
}

#[test]
fn time_moves_only_when_the_status_flips() {
    let mut recorded = Value::Null;
    write(&status(true, "", &[]), &mut recorded, 0);
    assert!(write(&status(true, "warning: x", &[]), &mut recorded, 100));
    let time = |recorded: &Value| recorded["conditions"][0]["lastTransitionTime"].clone();
    assert_eq!(time(&recorded), "2023-11-14T22:13:20Z");
    assert!(write(&status(false, "error: x", &[]), &mut recorded, 200));
    assert_eq!(time(&recorded), "2023-11-14T22:16:40Z");
}

#[test]
fn what_is_gone_goes_and_what_is_not_ours_stays() {
    let mut recorded = json!({
        "conditions": [
            { "type": "Other", "status": "True" },
            { "type": "VirtualRouterActive", "status": "True" },
            { "type": "VirtualRouterActive", "status": "False" },
        ],
        "observedGeneration": 3,
        "virtualRouterARN": "arn:aws:appmesh:eu-west-1:1:mesh/old",
        "routeARNs": { "a": "arn:r/route/a", "gone": "arn:r/route/gone", "b": "other" },
        "unknown": { "x": 1 },
    });
    assert!(write(&status(true, "", &["a", "b"]), &mut recorded, 0));
    assert_eq!(
        recorded["routeARNs"],
        json!({ "a": "arn:r/route/a", "b": "arn:r/route/b" })
    );
    let types: Vec<&Value> = recorded["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["type"])
        .collect();
    assert_eq!(types, ["Other", "VirtualRouterActive"]);
    assert_eq!(recorded["unknown"]["x"], 1);
    let mut nameless = status(true, "", &[]);
    (nameless.arn, nameless.routes) = (None, None);
    assert!(
        !write(&nameless, &mut recorded, 9),
        "what is not known is left alone"
    );
}

#[test]
fn only_the_difference_is_sent() {
    let mut recorded = Value::Null;
    write(&status(true, "", &["a"]), &mut recorded, 0);
    let mut next = status(true, "", &["a"]);
    next.generation = Some(4);
    assert_eq!(
        patch(router(), &next, &recorded, at(1)),
        Some(json!({ "observedGeneration": 4 }))
    );
}

#[test]
fn any_recorded_value_is_taken() {
    for odd in [
        json!(null),
        json!([]),
        json!("x"),
        json!({ "conditions": "x" }),
        json!({ "conditions": [1, null, { "type": 3 }] }),
        json!({ "routeARNs": [] }),
        json!({ "routeARNs": { "a": 1 } }),
        json!({ "observedGeneration": "x" }),
    ] {
        let mut recorded = odd.clone();
        assert!(write(&status(true, "", &["a"]), &mut recorded, 0), "{odd}");
        assert!(!write(&status(true, "", &["a"]), &mut recorded, 0), "{odd}");
    }
}
