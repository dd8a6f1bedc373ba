//! The services that a VirtualNode may call.

use std::collections::BTreeSet;

use tulle_crds::appmesh;
use tulle_model::fragment::{Backend, Ref};
use tulle_model::id::shared;

use crate::client_policy::{client_policy, is_silent};
use crate::field::Field;
use crate::names::{self, Pointer};
use crate::report::{Report, code};

/// Of several entries for one service the first counts. `has_default`: the node has a client
/// policy for backends that say nothing, which an empty policy takes the place of.
pub(super) fn backends(
    report: &mut Report,
    field: &Field,
    given: &[appmesh::Backend],
    has_default: bool,
) -> Vec<Backend> {
    let mut seen: BTreeSet<Ref> = BTreeSet::new();
    let mut backends = Vec::new();
    for (index, entry) in given.iter().enumerate() {
        let entry_field = field.index(index);
        let field = entry_field.key("virtualService");
        let policy = client_policy(
            report,
            &field.key("clientPolicy"),
            entry.virtual_service.client_policy.as_ref(),
        )
        .filter(|policy| has_default || !is_silent(policy));
        let pointer = Pointer {
            kind: "virtualService",
            arn: entry.virtual_service.virtual_service_arn.as_deref(),
            reference: entry.virtual_service.virtual_service_ref.as_ref(),
        };
        let Ok(service) = names::reference(report, &field, pointer) else {
            continue;
        };
        if !seen.insert(service.clone()) {
            duplicate(report, &field, &service);
            continue;
        }
        backends.push(Backend {
            service,
            policy,
            field: shared(entry_field.as_str()),
        });
    }
    backends.shrink_to_fit();
    backends
}

fn duplicate(report: &mut Report, field: &Field, service: &Ref) {
    let (list, what) = match service {
        Ref::Name(name) => ("VirtualServiceReferences", name.to_string()),
        Ref::Alias(alias) => ("VirtualServiceReferenceARNs", alias.to_string()),
    };
    let node = report.object().name.clone();
    report.error(
        code::DUPLICATE,
        field,
        format!("VirtualNode-{node} has duplicate {list} {what}"),
        "remove the entry; the first one counts",
    );
}
