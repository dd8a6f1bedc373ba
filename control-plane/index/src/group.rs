//! Lists of services that workloads may take as backends.

use std::sync::Arc;

use tulle_model::fragment::Ref;
use tulle_model::{Name, Str};

use crate::alias;
use crate::key::{Kind, Member};
use crate::reader::Reader;
use crate::value::Standing;

/// The services of a backend group that exist in its mesh; `None` if there is no such group or it
/// belongs to no mesh.
pub(crate) fn group(name: &Name, reader: &mut Reader<'_>) -> Option<Arc<Vec<Name>>> {
    let group = reader.group(name)?;
    let mesh = alias::mesh_of(Kind::BackendGroup, name, reader)?;
    let mut services = vec![];
    for (index, service) in group.services.iter().enumerate() {
        let reference = Ref::Name(service.clone());
        match alias::resolve(Kind::Service, &mesh, &reference, reader) {
            Ok(service) => services.push(service),
            Err(unresolved) => {
                let field = format!("spec.virtualservices[{index}]");
                let unresolved = unresolved.effect("the group goes without it");
                reader.report(unresolved.finding(&group.object, &field));
            }
        }
    }
    services.sort_unstable();
    services.dedup();
    Some(Arc::new(services))
}

/// The services of a mesh that a namespace holds, sorted; those of other meshes are no matter of it.
pub(crate) fn everything(
    mesh: &Name,
    namespace: &Str,
    reader: &mut Reader<'_>,
) -> Option<Arc<Vec<Name>>> {
    let mut services = reader.services_in(&mesh.realm, namespace);
    services.retain(|service| {
        let standing = reader.standing(&Member::new(Kind::Service, service));
        matches!(standing, Standing::In { mesh: its } if its == *mesh)
    });
    Some(Arc::new(services))
}
