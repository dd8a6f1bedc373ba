//! What holds for every kind.

use serde_json::json;
use tulle_crds::core::{Namespace, Pod};
use tulle_model::fragment::{Fragment, Ref};

use super::*;

fn alias(fragment: &Fragment) -> &str {
    match fragment {
        Fragment::Mesh(mesh) => &mesh.alias,
        Fragment::Workload(workload) => &workload.alias,
        Fragment::Service(service) => &service.alias,
        Fragment::Router(router) => &router.alias,
        Fragment::Gateway(gateway) => &gateway.alias,
        Fragment::GatewayRoute(route) => &route.alias,
        other => panic!("no alias: {other:?}"),
    }
}

#[test]
fn aws_names_default_where_they_are_absent_or_empty() {
    let listener = json!([{"portMapping": {"port": 80, "protocol": "http"}}]);
    let route = json!({
        "match": {"prefix": "/"},
        "action": {"target": {"virtualService": {"virtualServiceRef": {"name": "front"}}}},
    });
    let cases = [
        ("Mesh", json!({}), "one"),
        ("VirtualNode", json!({}), "one_shop"),
        ("VirtualService", json!({}), "one.shop"),
        ("VirtualRouter", json!({"listeners": listener}), "one_shop"),
        ("VirtualGateway", json!({}), "one_shop"),
        ("GatewayRoute", json!({"httpRoute": route}), "one_shop"),
    ];
    for (kind, spec, default) in cases {
        for (given, expected) in [(None, default), (Some(""), default), (Some("own"), "own")] {
            let mut spec = spec.clone();
            if let Some(given) = given {
                spec["awsName"] = given.into();
            }
            assert_eq!(alias(&clean(kind, spec)), expected, "{kind} {given:?}");
        }
    }
}

#[test]
fn objects_without_a_spec_are_survived() {
    for kind in [
        "Mesh",
        "VirtualNode",
        "VirtualService",
        "VirtualGateway",
        "BackendGroup",
    ] {
        assert_eq!(
            translated(kind, serde_json::Value::Null).findings,
            [],
            "{kind}"
        );
    }
}

#[test]
fn other_kinds_are_not_this_dialects() {
    for object in [
        Object::from(Namespace::default()),
        Object::from(Pod::default()),
    ] {
        assert_eq!(translate(&object, &[]), None);
    }
}

#[test]
fn unknown_fields_are_named() {
    let object = object("Mesh", json!({})).unwrap();
    let path = "spec.backendDefaults.clientPolicy.tls.mode".to_owned();
    let translated = translate(&object, std::slice::from_ref(&path)).unwrap();
    assert_eq!(
        findings(&translated),
        [(Severity::Warning, "unknown-field", path.as_str())]
    );
    assert_eq!(translated.fragments.len(), 1);
}

fn backend(service: Value) -> Value {
    json!({"backends": [{"virtualService": service}]})
}

fn first_backend(fragment: Fragment) -> Option<Ref> {
    match fragment {
        Fragment::Workload(workload) => workload.backends.into_iter().next().map(|b| b.service),
        other => panic!("{other:?}"),
    }
}

#[test]
fn references_name_an_object_or_an_aws_name() {
    let arn = "arn:aws:appmesh:eu-west-1:123:mesh/m/virtualService/color.other.svc";
    let named = |namespace, name| Some(Ref::Name(crate::names::name(namespace, name)));
    let cases = [
        (
            json!({"virtualServiceRef": {"name": "color"}}),
            named("shop", "color"),
        ),
        (
            json!({"virtualServiceRef": {"name": "color", "namespace": ""}}),
            named("shop", "color"),
        ),
        (
            json!({"virtualServiceRef": {"name": "color", "namespace": "x"}}),
            named("x", "color"),
        ),
        (
            json!({"virtualServiceARN": arn}),
            Some(Ref::Alias("color.other.svc".into())),
        ),
    ];
    for (given, expected) in cases {
        assert_eq!(
            first_backend(clean("VirtualNode", backend(given))),
            expected
        );
    }
}

#[test]
fn of_ref_and_arn_the_arn_counts() {
    let fragment = one_finding(
        "VirtualNode",
        backend(json!({
            "virtualServiceRef": {"name": "color"},
            "virtualServiceARN": "arn:aws:appmesh:r:1:mesh/m/virtualService/blue",
        })),
        Severity::Warning,
        "spec.backends[0].virtualService.virtualServiceRef",
        "virtualServiceARN is set too and counts",
    );
    assert_eq!(
        first_backend(fragment.unwrap()),
        Some(Ref::Alias("blue".into()))
    );
}

#[test]
fn an_arn_of_another_kind_is_taken_by_its_name() {
    let fragment = one_finding(
        "VirtualNode",
        backend(json!({"virtualServiceARN": "arn:aws:appmesh:r:1:mesh/m/virtualNode/blue"})),
        Severity::Warning,
        "spec.backends[0].virtualService.virtualServiceARN",
        "names a virtualNode",
    );
    assert_eq!(
        first_backend(fragment.unwrap()),
        Some(Ref::Alias("blue".into()))
    );
}

#[test]
fn references_that_name_nothing_are_left_out() {
    for (given, field) in [
        (json!({}), "spec.backends[0].virtualService"),
        (
            json!({"virtualServiceRef": {"name": ""}}),
            "spec.backends[0].virtualService",
        ),
        (
            json!({"virtualServiceARN": ""}),
            "spec.backends[0].virtualService.virtualServiceARN",
        ),
        (
            json!({"virtualServiceARN": "${ARN}", "virtualServiceRef": {"name": "a"}}),
            "spec.backends[0].virtualService.virtualServiceARN",
        ),
        (
            json!({"virtualServiceARN": "arn:aws:appmesh:r:1:mesh/m/virtualService/"}),
            "spec.backends[0].virtualService.virtualServiceARN",
        ),
        (
            json!({"virtualServiceARN": "mesh/m/virtualService/blue"}),
            "spec.backends[0].virtualService.virtualServiceARN",
        ),
        (
            json!({"virtualServiceARN": "arn:aws:appmesh:r:1:mesh/m/virtualRouter/a/route/b"}),
            "spec.backends[0].virtualService.virtualServiceARN",
        ),
    ] {
        let fragment = one_finding("VirtualNode", backend(given), Severity::Error, field, "");
        assert_eq!(first_backend(fragment.unwrap()), None);
    }
}
