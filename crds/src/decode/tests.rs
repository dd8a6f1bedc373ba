use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::appmesh::API_VERSION;

fn ok(value: Value) -> Decoded {
    let api_version = value["apiVersion"].as_str().unwrap().to_owned();
    let kind = value["kind"].as_str().unwrap().to_owned();
    decode(&api_version, &kind, value)
        .unwrap_or_else(|error| panic!("{error}"))
        .unwrap()
}

fn error(value: Value) -> DecodeError {
    let api_version = value["apiVersion"].as_str().unwrap().to_owned();
    let kind = value["kind"].as_str().unwrap().to_owned();
    decode(&api_version, &kind, value).unwrap_err()
}

fn node(spec: Value) -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": "VirtualNode",
        "metadata": { "name": "front", "namespace": "shop" }, "spec": spec,
    })
}

#[test]
fn kinds_that_tulle_does_not_know_are_none() {
    for (api_version, kind) in [
        ("apps/v1", "Deployment"),
        ("appmesh.k8s.aws/v1beta1", "Mesh"),
        ("v1", "Mesh"),
        ("", ""),
    ] {
        assert_eq!(
            decode(api_version, kind, json!({})),
            Ok(None),
            "{api_version} {kind}"
        );
    }
}

#[test]
fn the_corpus_irregularities_are_accepted_and_reported() {
    let tls = json!({
        "mode": "STRICT",
        "validation": { "trust": { "sds": { "secretName": "spiffe://x" } } },
    });
    let decoded = ok(node(
        json!({ "backendDefaults": { "clientPolicy": { "tls": tls } } }),
    ));
    assert_eq!(
        decoded.unknown_fields,
        ["spec.backendDefaults.clientPolicy.tls.mode"]
    );

    let decoded = ok(json!({
        "apiVersion": API_VERSION, "kind": "VirtualRouter",
        "metadata": { "name": "redis", "namespace": "yelb" },
        "spec": { "routes": [{
            "name": "redis",
            "tcpRoute": {
                "match": { "prefix": "/" },
                "action": { "weightedTargets": [{ "virtualNodeRef": { "name": "r" }, "weight": 1 }] },
            },
        }] },
    }));
    assert_eq!(
        decoded.unknown_fields,
        ["spec.routes[0].tcpRoute.match.prefix"]
    );

    let mut with_root_field = node(json!({}));
    with_root_field["data"] = json!({ "x": 1 });
    assert_eq!(ok(with_root_field).unknown_fields, ["data"]);
}

#[test]
fn namespaces_are_as_kubernetes_sets_them() {
    let mut value = node(json!({}));
    value["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("namespace");
    assert_eq!(
        ok(value.clone()).object.key().to_string(),
        "VirtualNode default/front"
    );
    value["metadata"]["namespace"] = json!("");
    assert_eq!(ok(value).object.namespace(), Some("default"));

    let mesh = ok(json!({
        "apiVersion": API_VERSION, "kind": "Mesh",
        "metadata": { "name": "color", "namespace": "shop", "creationTimestamp": null },
    }));
    assert_eq!(mesh.object.key().to_string(), "Mesh color");
    assert_eq!(
        (mesh.object.namespace(), mesh.object.name()),
        (None, "color")
    );
}

#[test]
fn an_error_names_the_object_and_every_field() {
    let error = error(node(json!({
        "listeners": [{ "portMapping": { "port": 70000, "protocol": "HTTP" } }],
        "serviceDiscovery": { "dns": { "hostname": true } },
    })));
    assert_eq!(
        error.to_string(),
        "VirtualNode shop/front: \
         spec.listeners[0].portMapping.port: expected a number from 1 to 65535, found 70000; \
         spec.listeners[0].portMapping.protocol: expected one of grpc, http, http2, tcp, found \
         \"HTTP\" (write http); \
         spec.serviceDiscovery.dns.hostname: expected a string, found true (put it in quotes)"
    );
}

#[test]
fn bad_metadata_is_an_error_with_the_name_if_it_has_one() {
    let with = |metadata: Value| {
        let mut value = node(json!({}));
        value["metadata"] = metadata;
        error(value)
    };
    assert_eq!(
        with(json!({})).to_string(),
        "VirtualNode: metadata.name: required, but missing"
    );
    assert_eq!(
        with(json!(null)).to_string(),
        "VirtualNode: metadata.name: required, but missing"
    );
    assert_eq!(
        with(json!([])).to_string(),
        "VirtualNode: metadata: expected an object, found a list"
    );
    assert_eq!(
        with(json!({ "name": 5 })).to_string(),
        "VirtualNode: metadata.name: expected a string, found 5 (put it in quotes)"
    );
    assert!(
        with(json!({ "name": "" }))
            .to_string()
            .contains("not a name")
    );
    let template = with(json!({ "name": "front", "namespace": "${APP_NAMESPACE}" }));
    assert!(
        template.to_string().contains("fill in the template"),
        "{template}"
    );
    let label = with(json!({ "name": "front", "labels": { "version": 1 } }));
    assert_eq!(
        label.violations[0].path.to_string(),
        "metadata.labels.version"
    );
    assert_eq!(
        label.object.unwrap().to_string(),
        "VirtualNode default/front"
    );
}

#[test]
fn names_follow_the_rule_of_kubernetes() {
    for good in ["a", "0", "a-b.c1", &"a".repeat(253)] {
        assert_eq!(name_violation(good), None, "{good}");
    }
    for bad in [
        "",
        "-a",
        "a-",
        "a..b",
        ".a",
        "A",
        "a_b",
        "ü",
        &"a".repeat(254),
    ] {
        assert!(name_violation(bad).is_some(), "{bad}");
    }
}

#[test]
fn something_else_than_an_object_is_an_error() {
    let error = decode(API_VERSION, "Mesh", json!("text")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Mesh: expected an object, found \"text\""
    );
}

#[test]
fn kubernetes_own_kinds_are_read() {
    let service = ok(json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": "front", "namespace": "shop" },
        "spec": { "ports": [{ "port": 80, "targetPort": "http" }] },
    }));
    assert_eq!(
        (service.object.kind(), service.object.api_group()),
        (Kind::Service, "")
    );

    let slice = ok(json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": { "name": "front-1", "namespace": "shop" }, "addressType": "IPv4",
        "endpoints": [{ "addresses": ["127.0.0.5"], "conditions": { "ready": true } }],
    }));
    assert_eq!(slice.object.api_group(), "discovery.k8s.io");

    let pod = ok(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "front-0" },
        "spec": { "containers": [{ "name": "app", "resources": { "limits": { "cpu": 1, "memory": "1Gi" } } }] },
    }));
    let Object::Pod(pod) = pod.object else {
        panic!()
    };
    let limits = &pod.spec.as_ref().unwrap().containers[0]
        .resources
        .as_ref()
        .unwrap()
        .limits;
    assert_eq!(limits.as_ref().unwrap()["cpu"].0, "1");

    let bad = error(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "front" },
        "spec": { "ports": [{ "port": "eighty" }] },
    }));
    assert_eq!(bad.violations[0].path.to_string(), "spec.ports[0].port");
}

#[test]
fn objects_are_equal_by_content() {
    let one = ok(node(json!({ "awsName": "front" }))).object;
    let other = ok(node(json!({ "awsName": "front" }))).object;
    assert_eq!(one, other);
    assert_ne!(one, ok(node(json!({ "awsName": "back" }))).object);
    let (Object::VirtualNode(a), Object::VirtualNode(b)) = (&one, &one.clone()) else {
        panic!()
    };
    assert!(Arc::ptr_eq(a, b), "a clone shares the content");
}
