use serde_json::json;
use tulle_model::fragment::{Fragment, Mesh};
use tulle_model::policy::{EgressPolicy, IpPreference, MtlsMode};
use tulle_model::selector::{Operator, Requirement, Selector};

use super::*;

fn mesh(fragment: Fragment) -> Mesh {
    match fragment {
        Fragment::Mesh(mesh) => *mesh,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_mesh_selects_nothing_and_drops() {
    let mesh = mesh(clean("Mesh", json!({})));
    assert_eq!(mesh.name, crate::names::name("", "one"));
    assert_eq!(mesh.namespaces, None);
    assert_eq!(mesh.egress, EgressPolicy::DropAll);
    assert_eq!(mesh.ip, IpPreference::Unset);
}

#[test]
fn egress_and_family() {
    for (text, policy) in [
        ("ALLOW_ALL", EgressPolicy::AllowAll),
        ("DROP_ALL", EgressPolicy::DropAll),
    ] {
        assert_eq!(
            mesh(clean("Mesh", json!({"egressFilter": {"type": text}}))).egress,
            policy
        );
    }
    for (text, ip) in [
        ("IPv4_ONLY", IpPreference::V4Only),
        ("IPv6_ONLY", IpPreference::V6Only),
    ] {
        let spec = json!({"meshServiceDiscovery": {"ipPreference": text}});
        assert_eq!(mesh(clean("Mesh", spec)).ip, ip);
    }
}

#[test]
fn a_preference_block_without_preference_is_an_error() {
    let fragment = one_finding(
        "Mesh",
        json!({"meshServiceDiscovery": {}}),
        Severity::Error,
        "spec.meshServiceDiscovery.ipPreference",
        "Only non-empty values allowed are IPv4_ONLY or IPv6_ONLY",
    );
    assert_eq!(mesh(fragment.unwrap()).ip, IpPreference::Unset);
}

#[test]
fn mesh_owner_has_no_effect() {
    let fragment = one_finding(
        "Mesh",
        json!({"meshOwner": "123456789012"}),
        Severity::Info,
        "spec.meshOwner",
        "belongs to its cluster",
    );
    assert!(fragment.is_some());
}

#[test]
fn an_empty_selector_selects_everything() {
    let mesh = mesh(clean("Mesh", json!({"namespaceSelector": {}})));
    assert_eq!(mesh.namespaces, Some(Selector::default()));
}

#[test]
fn selectors_keep_every_requirement() {
    let mesh = mesh(clean(
        "Mesh",
        json!({"namespaceSelector": {
            "matchLabels": {"mesh": "one", "app.kubernetes.io/name": ""},
            "matchExpressions": [
                {"key": "a", "operator": "In", "values": ["x", "y"]},
                {"key": "b", "operator": "NotIn", "values": ["z"]},
                {"key": "c", "operator": "Exists"},
                {"key": "d", "operator": "DoesNotExist", "values": []},
            ],
        }}),
    ));
    let of = |key: &str, operator| Requirement {
        key: key.into(),
        operator,
    };
    let expected = vec![
        of("app.kubernetes.io/name", Operator::In(vec!["".into()])),
        of("mesh", Operator::In(vec!["one".into()])),
        of("a", Operator::In(vec!["x".into(), "y".into()])),
        of("b", Operator::NotIn(vec!["z".into()])),
        of("c", Operator::Exists),
        of("d", Operator::DoesNotExist),
    ];
    assert_eq!(
        mesh.namespaces,
        Some(Selector {
            requirements: expected
        })
    );
}

#[test]
fn selectors_that_cannot_be_evaluated_select_nothing() {
    let expression = |key: &str, operator: &str, values: Value| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
    for (selector, field) in [
        (
            expression("a", "Equals", json!(["x"])),
            "matchExpressions[0].operator",
        ),
        (
            expression("a", "in", json!(["x"])),
            "matchExpressions[0].operator",
        ),
        (
            expression("a", "In", json!([])),
            "matchExpressions[0].values",
        ),
        (
            expression("a", "NotIn", json!([])),
            "matchExpressions[0].values",
        ),
        (
            expression("a", "Exists", json!(["x"])),
            "matchExpressions[0].values",
        ),
        (
            expression("a", "DoesNotExist", json!(["x"])),
            "matchExpressions[0].values",
        ),
        (
            expression("", "Exists", json!([])),
            "matchExpressions[0].key",
        ),
        (
            expression("a/b/c", "Exists", json!([])),
            "matchExpressions[0].key",
        ),
        (
            expression("-a", "Exists", json!([])),
            "matchExpressions[0].key",
        ),
        (
            expression("Upper/a", "Exists", json!([])),
            "matchExpressions[0].key",
        ),
        (
            expression("a", "In", json!(["x", "not one word"])),
            "matchExpressions[0].values[1]",
        ),
        (
            json!({"matchLabels": {"mesh": "${MESH_NAME}"}}),
            "matchLabels.mesh",
        ),
        (json!({"matchLabels": {"": "x"}}), "matchLabels."),
    ] {
        let fragment = one_finding(
            "Mesh",
            json!({"namespaceSelector": selector}),
            Severity::Error,
            &format!("spec.namespaceSelector.{field}"),
            "the selector selects nothing",
        );
        assert_eq!(mesh(fragment.unwrap()).namespaces, None);
    }
}

#[test]
fn the_mtls_switch_is_an_annotation_or_a_label() {
    let said = |annotation: Option<&str>, label: Option<&str>| {
        let mut object = object("Mesh", json!({})).unwrap();
        let metadata = object.metadata_mut();
        let entries = |text: Option<&str>| {
            let key = tulle_model::policy::MTLS_SWITCH.to_owned();
            text.map(|text| [(key, text.to_owned())].into())
        };
        (metadata.annotations, metadata.labels) = (entries(annotation), entries(label));
        let translated = translate(&object, &[]).unwrap();
        let told: Vec<_> = findings(&translated)
            .into_iter()
            .map(|(severity, code, field)| format!("{severity} {code} {field}"))
            .collect();
        let Translated { mut fragments, .. } = translated;
        (mesh(fragments.remove(0)).mtls, told.join("; "))
    };
    let none = String::new;
    assert_eq!(said(None, None), (None, none()));
    let strict = Some(MtlsMode::Strict);
    assert_eq!(said(Some("strict"), None), (strict, none()));
    assert_eq!(said(None, Some("strict")), (strict, none()));
    assert_eq!(said(Some("strict"), Some("strict")), (strict, none()));
    let twice = "warning duplicate metadata.labels[tulle.dev/mtls]".to_owned();
    assert_eq!(said(Some("strict"), Some("off")), (strict, twice));
    let bad = "error invalid-value metadata.annotations[tulle.dev/mtls]".to_owned();
    let off = Some(MtlsMode::Off);
    assert_eq!(said(Some("STRICT"), Some("off")), (off, bad.clone()));
    assert_eq!(said(Some("on"), None), (None, bad));
}
