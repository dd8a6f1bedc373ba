//! Tables of good and bad objects, a file a kind; the schema walk that forbids silence; random
//! objects.

use serde_json::{Value, json};
use tulle_crds::{Object, appmesh};
use tulle_model::fragment::{Fragment, Translated};
use tulle_model::{Finding, Severity};

use crate::translate;

mod backend_group;
mod common;
mod extras;
mod gateway_route;
mod host_aliases;
mod logging;
mod mesh;
mod random;
mod rate_limit;
mod schema;
mod silence;
mod switch;
mod tls;
mod traffic;
mod virtual_gateway;
mod virtual_node;
mod virtual_router;
mod virtual_service;

/// An object called `one` in namespace `shop`, not held against the schema: what the schema
/// forbids has to be survived too. `None` if the spec does not even have the right types.
fn object(kind: &str, spec: Value) -> Option<Object> {
    fn of<T: serde::de::DeserializeOwned + Into<Object>>(value: Value) -> Option<Object> {
        serde_json::from_value::<T>(value).ok().map(Into::into)
    }
    let mut metadata = json!({"name": "one", "labels": {"route": "one"}});
    if kind != "Mesh" {
        metadata["namespace"] = "shop".into();
    }
    let value = json!({
        "apiVersion": "appmesh.k8s.aws/v1beta2", "kind": kind, "metadata": metadata, "spec": spec,
    });
    match kind {
        "Mesh" => of::<appmesh::Mesh>(value),
        "VirtualNode" => of::<appmesh::VirtualNode>(value),
        "VirtualService" => of::<appmesh::VirtualService>(value),
        "VirtualRouter" => of::<appmesh::VirtualRouter>(value),
        "VirtualGateway" => of::<appmesh::VirtualGateway>(value),
        "GatewayRoute" => of::<appmesh::GatewayRoute>(value),
        "BackendGroup" => of::<appmesh::BackendGroup>(value),
        other => panic!("no kind {other}"),
    }
}

fn translated(kind: &str, spec: Value) -> Translated {
    let object = object(kind, spec.clone()).unwrap_or_else(|| panic!("{kind} {spec}"));
    translate(&object, &[]).unwrap()
}

/// The only fragment of an object about which there is nothing to say.
fn clean(kind: &str, spec: Value) -> Fragment {
    let Translated {
        mut fragments,
        findings,
    } = translated(kind, spec);
    assert_eq!(findings, [], "no findings");
    assert_eq!(fragments.len(), 1, "one fragment");
    fragments.remove(0)
}

/// Severity, code and field of each finding.
fn findings(translated: &Translated) -> Vec<(Severity, &str, &str)> {
    let findings = translated.findings.iter();
    findings
        .map(|finding| (finding.severity, &*finding.code, &*finding.field))
        .collect()
}

/// Asserts that an object gives exactly one finding, and gives back that and the fragment.
#[track_caller]
fn one_finding(
    kind: &str,
    spec: Value,
    severity: Severity,
    field: &str,
    message: &str,
) -> Option<Fragment> {
    let Translated {
        fragments,
        findings,
    } = translated(kind, spec);
    let [finding] = findings.as_slice() else {
        panic!("one finding expected: {findings:#?}");
    };
    assert_eq!(
        (finding.severity, &*finding.field),
        (severity, field),
        "{finding}"
    );
    assert!(finding.message.contains(message), "{finding}");
    assert!(!finding.help.is_empty(), "{finding}");
    fragments.into_iter().next()
}

fn str(text: &str) -> tulle_model::Str {
    text.into()
}
