//! What is written into an object: defaults when it is made, and on an update what only the server had written and a manifest
//! does not know.
//!
//! App Mesh refused `kubectl replace` of a manifest without `meshRef` as a change of an immutable field. Nobody who does that
//! means to leave the mesh, so the old value is kept.

use std::collections::BTreeMap;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, ReplaceOperation};
use serde_json::{Map, Value, json};
use tulle_crds::Kind;

use super::denial::Denial;
use super::directory::{Directory, IpFamily};
use super::stored::{Stored, spec_value};
use super::{Operation, Subject, Verdict, membership};

/// Members of `spec` to be written.
type Edits = BTreeMap<&'static str, Value>;

pub(super) fn mutate(subject: &Subject<'_>, directory: &dyn Directory) -> Verdict {
    if subject.new.is_malformed() {
        return Verdict::default();
    }
    match edits(subject, directory) {
        Ok(edits) => Verdict {
            patch: patch(&subject.new, edits),
            ..Verdict::default()
        },
        Err(denial) => Verdict::denied(denial),
    }
}

fn edits(subject: &Subject<'_>, directory: &dyn Directory) -> Result<Edits, Denial> {
    let mut edits = Edits::new();
    if subject.kind == Kind::Mesh {
        ip_preference(subject, directory, &mut edits);
    }
    match (subject.operation, &subject.old) {
        (Operation::Update, Some(old)) => kept(subject, old, directory, &mut edits)?,
        _ => made(subject, directory, &mut edits)?,
    }
    Ok(edits)
}

fn made(subject: &Subject<'_>, directory: &dyn Directory, edits: &mut Edits) -> Result<(), Denial> {
    if subject.kind != Kind::Mesh {
        joined(subject, directory, true, true, edits)?;
    }
    if subject.new.aws_name().is_none()
        && let Some(default) = subject.new.default_aws_name()
    {
        edits.insert("awsName", default.into());
    }
    Ok(())
}

/// Writes who the object belongs to, in full: also where the manifest names the right one, whose UID may be that of an
/// earlier life.
fn joined(
    subject: &Subject<'_>,
    directory: &dyn Directory,
    mesh_wanted: bool,
    gateway_wanted: bool,
    edits: &mut Edits,
) -> Result<(), Denial> {
    let gateway_wanted = gateway_wanted && subject.kind == Kind::GatewayRoute;
    if !mesh_wanted && !gateway_wanted {
        return Ok(());
    }
    let mesh = membership::mesh(subject, directory)?;
    if mesh_wanted {
        edits.insert("meshRef", json!({"name": mesh.name, "uid": mesh.uid}));
    }
    if gateway_wanted {
        let gateway = membership::gateway(subject, directory, mesh)?;
        edits.insert(
            "virtualGatewayRef",
            json!({"namespace": gateway.namespace, "name": gateway.name, "uid": gateway.uid}),
        );
    }
    Ok(())
}

fn kept(
    subject: &Subject<'_>,
    old: &Stored<'_>,
    directory: &dyn Directory,
    edits: &mut Edits,
) -> Result<(), Denial> {
    let new = &subject.new;
    if let (None, Some(name)) = (new.aws_name(), old.aws_name())
        && old.default_aws_name().as_deref() == Some(name)
    {
        edits.insert("awsName", name.into());
    }
    if subject.kind == Kind::Mesh {
        return Ok(());
    }
    let dropped = new.field("meshRef").is_none();
    if let Some(value) = old.field("meshRef")
        && (dropped || new.mesh() == old.mesh())
    {
        edits.insert("meshRef", value.clone());
    }
    if let Some(value) = old.field("virtualGatewayRef")
        && (new.field("virtualGatewayRef").is_none() || new.gateway() == old.gateway())
    {
        edits.insert("virtualGatewayRef", value.clone());
    }
    // An object that was made while no webhook ran belongs nowhere for good; only the right place can be named.
    let mesh_named = old.mesh().is_none() && new.mesh().is_some();
    let gateway_named = old.gateway().is_none() && new.gateway().is_some();
    joined(subject, directory, mesh_named, gateway_named, edits)
}

/// A `meshServiceDiscovery` without a word about addresses means those that pods have, as App Mesh's controller wrote. What
/// the user says stays: here the cluster may have both families.
fn ip_preference(subject: &Subject<'_>, directory: &dyn Directory, edits: &mut Edits) {
    let Some(Value::Object(block)) = subject.new.field("meshServiceDiscovery") else {
        return;
    };
    let silent = match block.get("ipPreference") {
        None | Some(Value::Null) => true,
        Some(given) => given.as_str() == Some(""),
    };
    if silent {
        let preference = match directory.ip_family() {
            IpFamily::V4 => "IPv4_ONLY",
            IpFamily::V6 => "IPv6_ONLY",
        };
        let mut block = block.clone();
        block.insert("ipPreference".to_owned(), preference.into());
        edits.insert("meshServiceDiscovery", Value::Object(block));
    }
}

/// The smallest patch that makes these edits; none for what is so already.
fn patch(object: &Stored<'_>, mut edits: Edits) -> Patch {
    edits.retain(|key, value| object.field(key) != Some(value));
    if edits.is_empty() {
        return Patch::default();
    }
    let Some(spec) = spec_value(object.object) else {
        let spec: Map<String, Value> = edits
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        // "add" replaces a null
        return Patch(vec![PatchOperation::Add(AddOperation {
            path: PointerBuf::from_tokens(["spec"]),
            value: Value::Object(spec),
        })]);
    };
    let operation = |(key, value): (&str, Value)| {
        let path = PointerBuf::from_tokens(["spec", key]);
        match spec.get(key) {
            Some(_) => PatchOperation::Replace(ReplaceOperation { path, value }),
            None => PatchOperation::Add(AddOperation { path, value }),
        }
    };
    Patch(edits.into_iter().map(operation).collect())
}
