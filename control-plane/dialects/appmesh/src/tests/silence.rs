//! No field is passed over in silence: every scalar of the seven schemas changes the translation,
//! or a finding names it.

use std::collections::BTreeSet;

use serde_json::json;

use super::schema::{Step, below, leaves, put, specs, text, values};
use super::*;

/// Fields without effect on purpose, and why.
const NOT_LOOKED_AT: &[(&str, &str)] = &[
    (
        "spec.meshRef.uid",
        "tells a Mesh from one of the same name made anew: admission's business",
    ),
    (
        "spec.virtualGatewayRef.uid",
        "the same for a VirtualGateway",
    ),
];

/// Objects of a kind in which fields are tried out, one after the other.
fn bases(kind: &str) -> Vec<Value> {
    let selector =
        || json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["x"]}]});
    let targets = || {
        json!({"weightedTargets": [
            {"virtualNodeRef": {"name": "a"}, "weight": 1}, {"virtualNodeRef": {"name": "b"}, "weight": 1},
        ]})
    };
    let route = |protocol: &str, kind: &str, wanted: Value| {
        json!({
            "listeners": [{"portMapping": {"port": 1, "protocol": protocol}}],
            "routes": [{"name": "r", kind: {"match": wanted, "action": targets()}}],
        })
    };
    let gateway_route = |kind: &str, wanted: Value| {
        let target = json!({"virtualService": {"virtualServiceRef": {"name": "a"}}});
        json!({ kind: {"match": wanted, "action": {"target": target}} })
    };
    let retried = |mut spec: Value, kind: &str| {
        spec["routes"][0][kind]["retryPolicy"] = json!({
            "maxRetries": 1, "perRetryTimeout": {"unit": "s", "value": 1}, "httpRetryEvents": ["client-error"],
        });
        spec
    };
    let with_range = |mut spec: Value, pointer: &str, key: &str| {
        let range = json!({"range": {"start": 0, "end": 100}});
        spec.pointer_mut(pointer).unwrap()[key] = json!([{"name": "h", "match": range}]);
        spec
    };
    let node = |protocol: &str| {
        json!({
            "listeners": [{"portMapping": {"port": 1, "protocol": protocol}}],
            "serviceDiscovery": {"dns": {"hostname": "a"}},
            "podSelector": selector(),
            "backends": [{"virtualService": {"virtualServiceRef": {"name": "a"}}}],
        })
    };
    match kind {
        "Mesh" => vec![json!({"namespaceSelector": selector()})],
        "BackendGroup" | "VirtualService" => vec![json!({})],
        "VirtualNode" => {
            let mut bases: Vec<Value> = ["http", "http2", "grpc", "tcp"].map(node).into();
            let map = json!({"namespaceName": "n", "serviceName": "s"});
            bases.push(json!({"serviceDiscovery": {"awsCloudMap": map}}));
            bases.extend(secured(&node("http"), true));
            bases
        }
        "VirtualGateway" => {
            let gateway = |protocol: &str| {
                json!({
                    "namespaceSelector": selector(), "podSelector": selector(), "gatewayRouteSelector": selector(),
                    "listeners": [{"portMapping": {"port": 1, "protocol": protocol}}],
                })
            };
            let mut bases: Vec<Value> = ["http", "http2", "grpc"].map(gateway).into();
            bases.extend(secured(&gateway("http"), false));
            bases
        }
        "VirtualRouter" => {
            let mut bases = vec![route("tcp", "tcpRoute", json!({}))];
            let grpc = json!({"serviceName": "a"});
            for (protocol, kind, wanted) in [
                ("http", "httpRoute", json!({"prefix": "/"})),
                ("http", "httpRoute", json!({"path": {"exact": "/"}})),
                ("http", "httpRoute", json!({"path": {}})),
                ("http2", "http2Route", json!({"prefix": "/"})),
                ("http2", "http2Route", json!({"path": {}})),
                ("grpc", "grpcRoute", grpc),
            ] {
                let base = route(protocol, kind, wanted);
                bases.push(retried(base.clone(), kind));
                let list = if kind == "grpcRoute" {
                    "metadata"
                } else {
                    "headers"
                };
                bases.push(with_range(
                    base.clone(),
                    &format!("/routes/0/{kind}/match"),
                    list,
                ));
                bases.push(base);
            }
            bases
        }
        "GatewayRoute" => {
            let mut bases = Vec::new();
            for kind in ["httpRoute", "http2Route"] {
                for wanted in [
                    json!({"prefix": "/a/"}),
                    json!({"path": {"exact": "/a"}}),
                    json!({"path": {}}),
                    json!({"hostname": {"exact": "a"}}),
                    json!({"hostname": {}}),
                ] {
                    let base = gateway_route(kind, wanted);
                    bases.push(with_range(
                        base.clone(),
                        &format!("/{kind}/match"),
                        "headers",
                    ));
                    bases.push(base);
                }
            }
            let grpc = gateway_route("grpcRoute", json!({"serviceName": "a"}));
            bases.push(with_range(grpc.clone(), "/grpcRoute/match", "metadata"));
            bases.push(grpc);
            bases.push(gateway_route("grpcRoute", json!({"hostname": {}})));
            bases
        }
        other => panic!("no kind {other}"),
    }
}

/// Nodes or gateways with each member of each part of TLS.
fn secured(base: &Value, is_node: bool) -> Vec<Value> {
    let file = || json!({"file": {"certificateChain": "/c", "privateKey": "/k"}});
    let sds = || json!({"sds": {"secretName": "s"}});
    let acm = || json!({"acm": {"certificateARN": "a"}});
    let ca = || json!({"file": {"certificateChain": "/ca"}});
    let authority = || json!({"acm": {"certificateAuthorityARNs": ["a"]}});
    let validation = |trust: Value| json!({"trust": trust, "subjectAlternativeNames": {"match": {"exact": ["a"]}}});
    let mut bases = Vec::new();
    let trusts = [ca(), sds(), authority()].into_iter();
    for trust in trusts.take(if is_node { 2 } else { 3 }) {
        for certificate in [file(), sds(), acm()] {
            let validation = validation(trust.clone());
            let mut base = base.clone();
            base["listeners"][0]["tls"] =
                json!({"mode": "STRICT", "certificate": certificate, "validation": validation});
            bases.push(base);
        }
    }
    for trust in [ca(), sds(), authority()] {
        for certificate in [file(), sds()] {
            let validation = validation(trust.clone());
            let tls = json!({"certificate": certificate, "validation": validation});
            let mut defaults = base.clone();
            defaults["backendDefaults"] = json!({"clientPolicy": {"tls": tls}});
            bases.push(defaults);
            if is_node {
                let mut own = base.clone();
                own["backends"][0]["virtualService"]["clientPolicy"] = json!({"tls": tls});
                bases.push(own);
            }
        }
    }
    bases
}

#[test]
fn no_field_is_passed_over_in_silence() {
    let mut silent = Vec::new();
    let mut count = 0;
    for (kind, schema) in specs() {
        let bases = bases(&kind);
        for path in leaves(&schema) {
            count += 1;
            let name = text(&path);
            let excused = NOT_LOOKED_AT.iter().any(|(field, _)| *field == name);
            let heard = bases
                .iter()
                .any(|base| is_heard(&kind, &schema, base, &path));
            if heard == excused {
                silent.push(format!("{kind} {name}: heard {heard}, excused {excused}"));
            }
        }
    }
    assert!(silent.is_empty(), "{silent:#?}");
    assert!(count > 300, "only {count} fields walked");
}

/// Whether the field makes a difference in this object, or is named.
fn is_heard(kind: &str, schema: &Value, base: &Value, path: &[Step]) -> bool {
    let name = text(path);
    let tried = values(below(schema, path))
        .into_iter()
        .map(Some)
        .chain([None]);
    let mut outcomes = BTreeSet::new();
    for value in tried {
        let is_set = value.is_some();
        let mut spec = base.clone();
        put(&mut spec, schema, path, value);
        let Some(object) = object(kind, spec) else {
            continue;
        };
        let translated = translate(&object, &[]).unwrap();
        if is_set
            && translated
                .findings
                .iter()
                .any(|finding| names(finding, &name))
        {
            return true;
        }
        // A value that is refused proves nothing.
        if translated
            .findings
            .iter()
            .all(|finding| finding.severity < Severity::Error)
        {
            outcomes.insert(serde_json::to_string(&translated.fragments).unwrap());
        }
    }
    outcomes.len() > 1
}

/// Whether a finding says of this very field, or of one around it, that it has no effect.
fn names(finding: &Finding, field: &str) -> bool {
    let around = field
        .strip_prefix(&*finding.field)
        .is_some_and(|rest| rest.starts_with('.') || rest.starts_with('['));
    match &*finding.code {
        "no-effect" | "acm-without-aws" => around || &*finding.field == field,
        _ => false,
    }
}
