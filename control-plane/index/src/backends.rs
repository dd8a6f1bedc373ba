//! Which services a workload may call, and how it secures its calls.

use std::sync::Arc;

use tulle_model::fragment::{BackendGroupRef, Ref, Workload};
use tulle_model::policy::ClientPolicy;
use tulle_model::{Finding, Name, Severity, Str, codes};

use crate::alias;
use crate::key::{Kind, Member};
use crate::reader::Reader;

/// A service that a workload may call.
#[derive(Debug)]
pub(crate) struct Callable {
    pub(crate) service: Name,
    /// How calls are secured.
    pub(crate) policy: Option<Arc<ClientPolicy>>,
    /// The field that declares it.
    pub(crate) field: Str,
}

/// The services that a workload of `mesh` may call, sorted by name, each once. Backends that it lists
/// itself come before those of groups; of several entries for one service the first one's policy holds.
pub(crate) fn callables(
    workload: &Workload,
    mesh: &Name,
    reader: &mut Reader<'_>,
) -> Vec<Callable> {
    let mut callables: Vec<Callable> = vec![];
    let default = workload.default_policy.clone().map(Arc::new);
    for backend in &workload.backends {
        match alias::resolve(Kind::Service, mesh, &backend.service, reader) {
            Ok(service) => callables.push(Callable {
                service,
                policy: backend.policy.clone().map(Arc::new).or(default.clone()),
                field: backend.field.clone(),
            }),
            Err(unresolved) => {
                let unresolved = unresolved.effect("this backend is left out");
                reader.report(unresolved.finding(&workload.object, &backend.field));
            }
        }
    }
    // The sort is stable, so that the first of several entries stays the first.
    callables.sort_by(|a, b| a.service.cmp(&b.service));
    for entries in callables.chunk_by(|a, b| a.service == b.service) {
        let (first, rest) = (&entries[0], &entries[1..]);
        for other in rest.iter().filter(|other| other.policy != first.policy) {
            reader.report(duplicate(workload, first, other));
        }
    }
    for reference in &workload.backend_groups {
        let services = group_services(workload, mesh, reference, reader);
        let services = services.iter().flat_map(|services| services.iter());
        callables.extend(services.map(|service| Callable {
            service: service.clone(),
            policy: default.clone(),
            field: reference.field.clone(),
        }));
    }
    callables.sort_by(|a, b| a.service.cmp(&b.service));
    callables.dedup_by(|other, first| other.service == first.service);
    callables
}

fn duplicate(workload: &Workload, first: &Callable, other: &Callable) -> Finding {
    let message = format!(
        "{} is a backend already, with another client policy; that of {} holds",
        Member::new(Kind::Service, &first.service),
        first.field
    );
    Finding::new(
        Severity::Warning,
        codes::DUPLICATE_BACKEND,
        &workload.object,
        &other.field,
        message,
    )
    .help("keep one of the two entries")
}

fn group_services(
    workload: &Workload,
    mesh: &Name,
    reference: &BackendGroupRef,
    reader: &mut Reader<'_>,
) -> Option<Arc<Vec<Name>>> {
    let Some(group) = &reference.group else {
        let namespace = &reference.namespace;
        let services = reader.everything(mesh, namespace)?;
        if services.is_empty() {
            reader.report(
                Finding::new(
                    Severity::Warning,
                    codes::EMPTY_GROUP,
                    &workload.object,
                    &reference.field,
                    format!("namespace {namespace} has no VirtualService of mesh {mesh}"),
                )
                .help("correct the namespace, or create the VirtualServices"),
            );
        }
        return Some(services);
    };
    match alias::resolve(Kind::BackendGroup, mesh, &Ref::Name(group.clone()), reader) {
        Ok(group) => reader.group_services(&group),
        Err(unresolved) => {
            let unresolved = unresolved.effect("this group is left out");
            reader.report(unresolved.finding(&workload.object, &reference.field));
            None
        }
    }
}
