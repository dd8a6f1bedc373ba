//! Names inside a mesh: each has one owner, and references find it.

use tulle_model::fragment::Ref;
use tulle_model::{Code, Finding, Name, ObjectId, Severity, Str, codes};

use crate::key::{Kind, Member};
use crate::reader::Reader;
use crate::value::{Membership, Rival, Standing};

/// Whether a member may be referred to. Of several members that claim one name in a mesh the first by
/// namespace and name has it; the others are told so and can be referred to no more, for their virtual
/// hosts and clusters would bear the winner's names. Their own proxies keep their config.
///
/// Gateways have no such names, and nothing refers to them by alias: two of one name are only told.
pub(crate) fn standing(member: &Member, reader: &mut Reader<'_>) -> Standing {
    let (mesh, alias) = match reader.membership(member) {
        Membership::Absent => return Standing::Absent,
        Membership::NoMesh => return Standing::NoMesh,
        Membership::In { mesh, alias } => (mesh, alias),
    };
    let Some(alias) = alias else {
        return Standing::In { mesh };
    };
    let claims = reader.claims(member.kind, &mesh, &alias);
    let winner = match claims.into_iter().next() {
        Some(winner) if winner != member.name => winner,
        _ => return Standing::In { mesh },
    };
    let object = reader.header(member).map(|header| header.object);
    let harmless = member.kind == Kind::Gateway;
    if let Some(object) = object {
        let word = member.kind.word();
        let (severity, effect) = if harmless {
            (
                Severity::Warning,
                "statistics of the two are told apart by pod only",
            )
        } else {
            (Severity::Error, "nothing can refer to this one")
        };
        reader.report(
            Finding::new(
                severity,
                codes::DUPLICATE_NAME,
                &object,
                "spec.awsName",
                format!("{word} {winner} has the name {alias} in mesh {mesh} already; {effect}"),
            )
            .help("give one of the two another awsName"),
        );
    }
    if harmless {
        return Standing::In { mesh };
    }
    Standing::Lost {
        mesh,
        rival: Box::new(Rival { alias, winner }),
    }
}

/// The mesh that a member belongs to.
pub(crate) fn mesh_of(kind: Kind, name: &Name, reader: &mut Reader<'_>) -> Option<Name> {
    let standing = reader.standing(&Member::new(kind, name));
    standing.mesh().cloned()
}

/// A reference that leads nowhere.
#[derive(Debug)]
pub(crate) struct Unresolved {
    code: Code,
    message: String,
    help: String,
}

impl Unresolved {
    /// Adds what becomes of whoever refers.
    pub(crate) fn effect(mut self, effect: &str) -> Self {
        self.message = format!("{}; {effect}", self.message);
        self
    }

    /// As a finding on the object that refers.
    pub(crate) fn finding(self, object: &ObjectId, field: &str) -> Finding {
        Finding::new(Severity::Error, self.code, object, field, self.message).help(self.help)
    }
}

/// Follows a reference made by a member of `mesh`.
pub(crate) fn resolve(
    kind: Kind,
    mesh: &Name,
    reference: &Ref,
    reader: &mut Reader<'_>,
) -> Result<Name, Unresolved> {
    let word = kind.word();
    match reference {
        Ref::Alias(alias) => {
            let claimed: Str = match kind {
                Kind::Service => alias.to_lowercase().into(),
                _ => alias.clone(),
            };
            let claims = reader.claims(kind, mesh, &claimed);
            claims.into_iter().next().ok_or_else(|| Unresolved {
                code: codes::DANGLING_REFERENCE,
                message: format!("mesh {mesh} has no {word} with the awsName {alias}"),
                help: format!("create it, or refer to an existing {word}"),
            })
        }
        Ref::Name(name) => {
            let member = Member::new(kind, name);
            match reader.standing(&member) {
                Standing::In { mesh: its } if its == *mesh => Ok(name.clone()),
                Standing::Absent => Err(Unresolved {
                    code: codes::DANGLING_REFERENCE,
                    message: format!("{member} does not exist"),
                    help: format!("create it, or refer to an existing {word}"),
                }),
                Standing::NoMesh => Err(Unresolved {
                    code: codes::FOREIGN_MESH,
                    message: format!("{member} belongs to no mesh"),
                    help: format!("bring it into mesh {mesh}; see its own findings"),
                }),
                Standing::In { mesh: its } | Standing::Lost { mesh: its, .. } if its != *mesh => {
                    Err(Unresolved {
                        code: codes::FOREIGN_MESH,
                        message: format!(
                            "{member} belongs to mesh {its}, and this object to mesh {mesh}"
                        ),
                        help: "refer to a member of the same mesh".to_owned(),
                    })
                }
                Standing::Lost { rival, .. } => {
                    let Rival { alias, winner } = &*rival;
                    Err(Unresolved {
                        code: codes::DUPLICATE_NAME,
                        message: format!(
                            "{member} gives way to {word} {winner}: both have the name {alias}"
                        ),
                        help: format!("refer to {winner}, or give one of the two another awsName"),
                    })
                }
                Standing::In { .. } => unreachable!("both cases of the mesh were taken above"),
            }
        }
    }
}
