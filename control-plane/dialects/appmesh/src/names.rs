//! Names and references: awsName, meshRef, `…Ref` and `…ARN`.

use tulle_crds::appmesh::{MeshRef, ObjectRef};
use tulle_model::fragment::Ref;
use tulle_model::id::shared;
use tulle_model::{Name, Str};

use crate::REALM;
use crate::field::Field;
use crate::report::{LeftOut, Report, code};

/// A name of this dialect; `namespace` is empty for a Mesh.
pub(crate) fn name(namespace: &str, name: &str) -> Name {
    Name::new(REALM, namespace, name)
}

/// The name inside the mesh: `spec.awsName`, or the default if that is absent or empty.
pub(crate) fn alias(aws_name: Option<&str>, default: impl FnOnce() -> String) -> Str {
    match aws_name {
        Some(given) if !given.is_empty() => shared(given),
        _ => shared(&default()),
    }
}

/// The default awsName of nodes, routers, gateways and gateway routes: `<name>_<namespace>`.
pub(crate) fn underscored(name: &Name) -> String {
    format!("{}_{}", name.name, name.namespace)
}

/// The default awsName of virtual services, the host that clients call: `<name>.<namespace>`.
pub(crate) fn dotted(name: &Name) -> String {
    format!("{}.{}", name.name, name.namespace)
}

/// The mesh that `spec.meshRef` names. Its `uid` serves admission alone and is not looked at.
pub(crate) fn mesh(mesh_ref: Option<&MeshRef>) -> Option<Name> {
    let mesh_ref = mesh_ref?;
    (!mesh_ref.name.is_empty()).then(|| name("", &mesh_ref.name))
}

/// The namespace of a reference: its own, or that of the object that holds it.
pub(crate) fn namespace_of<'a>(given: Option<&'a str>, holder: &'a str) -> &'a str {
    given.filter(|given| !given.is_empty()).unwrap_or(holder)
}

/// What a reference points to, and how it is spelled in `parent`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pointer<'a> {
    /// Kind in ARNs and start of the two fields' names, such as `virtualNode`.
    pub(crate) kind: &'a str,
    /// Value of `<kind>ARN`.
    pub(crate) arn: Option<&'a str>,
    /// Value of `<kind>Ref`.
    pub(crate) reference: Option<&'a ObjectRef>,
}

/// Reads a reference in one of its two spellings. Of both, the ARN counts; of neither, nothing can
/// be found, which is an error.
pub(crate) fn reference(
    report: &mut Report,
    parent: &Field,
    pointer: Pointer<'_>,
) -> Result<Ref, LeftOut> {
    let Pointer {
        kind,
        arn,
        reference,
    } = pointer;
    let ref_field = parent.key(&format!("{kind}Ref"));
    let arn_field = parent.key(&format!("{kind}ARN"));
    if let Some(arn) = arn {
        let found = from_arn(report, &arn_field, kind, arn)?;
        if reference.is_some() {
            report.warning(
                code::NO_EFFECT,
                &ref_field,
                format!("{kind}ARN is set too and counts"),
                "remove one of the two",
            );
        }
        return Ok(Ref::Alias(found));
    }
    match reference {
        Some(reference) if !reference.name.is_empty() => {
            let holder = report.object().namespace.clone();
            let namespace = namespace_of(reference.namespace.as_deref(), &holder);
            Ok(Ref::Name(name(namespace, &reference.name)))
        }
        _ => Err(report.error(
            code::REFERENCE,
            parent,
            format!("neither {kind}Ref nor {kind}ARN names an object"),
            format!("set {kind}Ref.name"),
        )),
    }
}

/// The last name of an ARN whose resource looks like `mesh/<mesh>/<kind>/<name>`. Nothing else of
/// it counts: region, account and mesh are never compared.
fn from_arn(report: &mut Report, field: &Field, kind: &str, arn: &str) -> Result<Str, LeftOut> {
    let sections: Vec<&str> = arn.splitn(6, ':').collect();
    let resource: Vec<&str> = match sections.as_slice() {
        ["arn", _, _, _, _, resource] => resource.split('/').collect(),
        _ => Vec::new(),
    };
    match resource.as_slice() {
        ["mesh", mesh, found_kind, name]
            if [mesh, found_kind, name].iter().all(|part| !part.is_empty()) =>
        {
            if *found_kind != kind {
                report.warning(
                    code::REFERENCE,
                    field,
                    format!("the ARN names a {found_kind}, where a {kind} is meant; only its last part counts"),
                    format!("write mesh/{mesh}/{kind}/{name}"),
                );
            }
            Ok(shared(name))
        }
        _ => Err(report.error(
            code::REFERENCE,
            field,
            format!("{arn:?} is no ARN of a {kind}"),
            format!("write arn:aws:appmesh:REGION:ACCOUNT:mesh/MESH/{kind}/NAME, or use {kind}Ref"),
        )),
    }
}
