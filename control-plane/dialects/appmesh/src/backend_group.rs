//! BackendGroup.

use tulle_crds::appmesh::BackendGroupSpec;
use tulle_model::fragment::{BackendGroup, Fragment};

use crate::field::Field;
use crate::names;
use crate::report::{Report, code};

pub(crate) fn translate(report: &mut Report, spec: &BackendGroupSpec) -> Option<Fragment> {
    let object = report.object().clone();
    let field = Field::spec().key("virtualservices");
    let mut services = Vec::new();
    for (index, reference) in spec.virtual_services.iter().enumerate() {
        if reference.name.is_empty() {
            report.error(
                code::REFERENCE,
                &field.index(index).key("name"),
                "the reference names no VirtualService",
                "set name, or remove the entry",
            );
            continue;
        }
        let namespace = names::namespace_of(reference.namespace.as_deref(), &object.namespace);
        let service = names::name(namespace, &reference.name);
        // A repeated entry says nothing new.
        if !services.contains(&service) {
            services.push(service);
        }
    }
    Some(Fragment::from(BackendGroup {
        name: names::name(&object.namespace, &object.name),
        object,
        mesh: names::mesh(spec.mesh_ref.as_ref()),
        services,
    }))
}
