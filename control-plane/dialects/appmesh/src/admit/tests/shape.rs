//! The form of patches and texts.

use super::*;

fn create(object: Value) -> Verdict {
    let listing = listing(table().world);
    ask(
        Phase::Mutating,
        Operation::Create,
        &received(object),
        &Value::Null,
        &listing,
    )
}

fn patch(verdict: &Verdict) -> Value {
    serde_json::to_value(&verdict.patch).unwrap()
}

#[test]
fn a_patch_touches_only_what_it_must() {
    let reference = json!({"name": "adm-shop", "uid": "uid-of-adm-shop"});
    let without_spec = create(json!({"kind": "VirtualNode", "metadata": {"name": "c"}}));
    assert_eq!(
        patch(&without_spec),
        json!([{"op": "add", "path": "/spec", "value": {"awsName": "c_adm-shop", "meshRef": reference}}])
    );
    let empty_name = create(json!({
        "kind": "VirtualNode", "metadata": {"name": "c"},
        "spec": {"awsName": "", "meshRef": reference, "listeners": []},
    }));
    assert_eq!(
        patch(&empty_name),
        json!([{"op": "replace", "path": "/spec/awsName", "value": "c_adm-shop"}])
    );
}

#[test]
fn what_the_schema_refuses_is_left_to_it() {
    for spec in [json!("text"), json!([1]), json!(7)] {
        let verdict =
            create(json!({"kind": "VirtualNode", "metadata": {"name": "c"}, "spec": spec}));
        assert_eq!(verdict, Verdict::default());
    }
    let listing = listing(table().world);
    let object = received(json!({
        "kind": "VirtualNode", "metadata": {"name": "c"},
        "spec": {"listeners": [{"portMapping": {"port": 0, "protocol": "http"}}]},
    }));
    let verdict = ask(
        Phase::Validating,
        Operation::Create,
        &object,
        &Value::Null,
        &listing,
    );
    assert_eq!(verdict.denied, None);
    assert_eq!(verdict.warnings.len(), 1, "{:?}", verdict.warnings);
    assert!(verdict.warnings[0].contains("spec.listeners[0].portMapping.port"));
}

#[test]
fn a_name_that_the_server_makes_up_later() {
    let listing = listing(table().world);
    let object = json!({
        "apiVersion": tulle_crds::appmesh::API_VERSION, "kind": "VirtualNode",
        "metadata": {"generateName": "c-"}, "spec": {"listeners": [{"portMapping": {"port": 1, "protocol": "tcp"}}]},
    });
    let mut request = AdmitRequest {
        phase: Phase::Mutating,
        operation: Operation::Create,
        kind: Kind::VirtualNode,
        namespace: "adm-shop",
        name: "",
        subresource: "",
        object: &object,
        old_object: &Value::Null,
    };
    let verdict = admit(&request, &listing);
    assert_eq!(verdict.patch.0.len(), 1);
    assert_eq!(verdict.patch.0[0].path().as_str(), "/spec/meshRef");
    request.phase = Phase::Validating;
    let denial = admit(&request, &listing).denied.unwrap();
    assert!(
        denial.message.starts_with("VirtualNode adm-shop/c-: "),
        "{denial}"
    );
}

#[test]
fn status_and_other_kinds_pass() {
    let listing = Listing::default();
    let faulty = received(json!({"kind": "GatewayRoute", "metadata": {"name": "c"}, "spec": {}}));
    for (kind, subresource) in [(Kind::GatewayRoute, "status"), (Kind::Pod, "")] {
        for phase in [Phase::Mutating, Phase::Validating] {
            let request = AdmitRequest {
                phase,
                operation: Operation::Create,
                kind,
                namespace: "adm-shop",
                name: "c",
                subresource,
                object: &faulty,
                old_object: &Value::Null,
            };
            assert_eq!(admit(&request, &listing), Verdict::default());
        }
    }
}

#[test]
fn warnings_are_few_and_short() {
    let listing = listing(table().world);
    let routes: Vec<Value> = (0..9)
        .map(|index| {
            json!({"name": format!("r{index}"), "httpRoute": {
                "match": {"path": {"regex": format!("({}\u{7}", "ä".repeat(120))}},
                "action": {"weightedTargets": [{"virtualNodeRef": {"name": "a"}, "weight": 1}]},
            }})
        })
        .collect();
    let object = received(json!({
        "kind": "VirtualRouter", "metadata": {"name": "c"},
        "spec": {"listeners": [{"portMapping": {"port": 1, "protocol": "http"}}], "routes": routes},
    }));
    let warnings = ask(
        Phase::Validating,
        Operation::Create,
        &object,
        &Value::Null,
        &listing,
    )
    .warnings;
    assert_eq!(warnings.len(), 5);
    assert!(warnings[4].starts_with("5 more warnings"), "{warnings:?}");
    for warning in &warnings {
        assert!(
            warning.len() < 256 && !warning.contains(char::is_control),
            "{warning:?}"
        );
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let listing = listing(table().world);
    let object = received(json!({
        "kind": "VirtualRouter", "metadata": {"name": "c"},
        "spec": {"routes": (0..20).map(|_| json!({"name": "same"})).collect::<Vec<_>>()},
    }));
    let denial = ask(
        Phase::Validating,
        Operation::Create,
        &object,
        &Value::Null,
        &listing,
    )
    .denied
    .unwrap();
    assert_eq!(denial.kind, DenialKind::Rule);
    assert!(
        denial
            .message
            .starts_with("VirtualRouter adm-shop/c: spec.routes[1].name: "),
        "{denial}"
    );
    assert!(denial.message.ends_with("and 11 more"), "{denial}");
}

#[test]
fn a_listing_forgets() {
    let table = table();
    let mut listing = listing(table.world);
    let before = listing.meshes().len();
    let key = |kind, namespace: Option<&str>, name: &str| tulle_crds::ObjectKey {
        kind,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    };
    listing.remove(&key(Kind::Mesh, None, "adm-shop"));
    listing.remove(&key(Kind::VirtualGateway, Some("adm-shop"), "front"));
    listing.remove(&key(Kind::Namespace, None, "adm-shop"));
    assert_eq!(listing.meshes().len(), before - 1);
    assert!(
        listing
            .gateways()
            .iter()
            .all(|gateway| gateway.name != "front")
    );
    assert_eq!(listing.namespace_labels("adm-shop"), None);
}

#[test]
fn pods_with_ipv6_make_a_mesh_of_ipv6() {
    let object = received(json!({
        "kind": "Mesh", "metadata": {"name": "c"}, "spec": {"awsName": "c", "meshServiceDiscovery": {}},
    }));
    let listing = Listing::new(IpFamily::V6);
    let verdict = ask(
        Phase::Mutating,
        Operation::Update,
        &object,
        &received(json!({
            "kind": "Mesh", "metadata": {"name": "c"}, "spec": {"awsName": "c"},
        })),
        &listing,
    );
    assert_eq!(
        patch(&verdict),
        json!([{"op": "replace", "path": "/spec/meshServiceDiscovery", "value": {"ipPreference": "IPv6_ONLY"}}])
    );
}
