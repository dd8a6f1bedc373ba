//! Which mesh a member belongs to.
//!
//! The object names its mesh, or else exactly one mesh must select the labels of its namespace. App
//! Mesh decided this once, when an object was made; here it follows the labels, so that a cluster's
//! state says all.

use std::sync::Arc;

use tulle_model::{Finding, Name, Severity, Str, codes};

use crate::key::Member;
use crate::reader::Reader;
use crate::value::Membership;

/// The meshes of a realm that select a namespace, sorted.
pub(crate) fn selected(realm: &Str, namespace: &Str, reader: &mut Reader<'_>) -> Arc<Vec<Name>> {
    let labels = reader.namespace_labels(namespace);
    Arc::new(reader.meshes_selecting(realm, &labels))
}

/// The mesh that a member belongs to. Says so if there is not exactly one, and if other objects
/// declare the same member.
pub(crate) fn membership(member: &Member, reader: &mut Reader<'_>) -> Membership {
    let Some(header) = reader.header(member) else {
        return Membership::Absent;
    };
    for rival in &header.rivals {
        reader.report(
            Finding::new(
                Severity::Error,
                codes::DUPLICATE_OBJECT,
                rival,
                "metadata.name",
                format!("{} has declared {member} already", header.object),
            )
            .help("remove one of the two or rename it"),
        );
    }
    let namespace = &member.name.namespace;
    let mesh = match header.mesh {
        Some(mesh) if reader.mesh_known(&mesh) => mesh,
        Some(mesh) => {
            reader.report(
                Finding::new(
                    Severity::Error,
                    codes::NO_SUCH_MESH,
                    &header.object,
                    "spec.meshRef",
                    format!("mesh {mesh} does not exist"),
                )
                .help(format!(
                    "create Mesh {mesh}, or remove spec.meshRef so that the namespace's labels choose the mesh"
                )),
            );
            return Membership::NoMesh;
        }
        None => match reader.selected(&member.name.realm, namespace).as_slice() {
            [mesh] => mesh.clone(),
            [] => {
                reader.report(
                    Finding::new(
                        Severity::Error,
                        codes::NO_MESH,
                        &header.object,
                        "metadata.namespace",
                        format!("failed to find matching mesh for namespace: {namespace}, expecting 1 but found 0"),
                    )
                    .help(format!(
                        "label namespace {namespace} so that the namespaceSelector of one Mesh selects it, or widen that selector"
                    )),
                );
                return Membership::NoMesh;
            }
            several => {
                let names: Vec<String> = several.iter().map(Name::to_string).collect();
                reader.report(
                    Finding::new(
                        Severity::Error,
                        codes::SEVERAL_MESHES,
                        &header.object,
                        "metadata.namespace",
                        format!(
                            "found multiple matching meshes for namespace: {namespace}, expecting 1 but found {}: {}",
                            several.len(),
                            names.join(",")
                        ),
                    )
                    .help(format!(
                        "narrow the namespaceSelector of all but one of these meshes, or the labels of namespace {namespace}"
                    )),
                );
                return Membership::NoMesh;
            }
        },
    };
    Membership::In {
        mesh,
        alias: header.alias,
    }
}
