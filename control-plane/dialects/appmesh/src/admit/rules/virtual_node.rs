//! A VirtualNode's rules.

use std::collections::BTreeSet;

use tulle_crds::appmesh::{Backend, Listener, VirtualNodeSpec};

use super::one_pool;
use crate::admit::denial::Fault;
use crate::field::Field;
use crate::names;

pub(super) fn check(namespace: &str, name: &str, spec: &VirtualNodeSpec, faults: &mut Vec<Fault>) {
    let field = Field::spec();
    if !spec.listeners.is_empty() && spec.service_discovery.is_none() {
        faults.push(Fault::new(
            field.key("serviceDiscovery"),
            format!(
                "ServiceDiscovery missing for VirtualNode-{name}. ServiceDiscovery must be specified when a listener is specified."
            ),
            "set dns.hostname, for instance to NAME.NAMESPACE.svc.cluster.local of its Kubernetes Service",
        ));
    }
    backends(
        namespace,
        name,
        &field.key("backends"),
        &spec.backends,
        faults,
    );
    for (index, listener) in spec.listeners.iter().enumerate() {
        if pools(listener) > 1 {
            faults.push(one_pool(
                &field.key("listeners").index(index),
                "Virtual Node",
            ));
        }
    }
}

fn pools(listener: &Listener) -> usize {
    let Some(pool) = &listener.connection_pool else {
        return 0;
    };
    let members = [
        pool.grpc.is_some(),
        pool.http.is_some(),
        pool.http2.is_some(),
        pool.tcp.is_some(),
    ];
    members.into_iter().filter(|set| *set).count()
}

/// An entry with both spellings was judged by its reference alone, ARNs by their whole text.
fn backends(
    namespace: &str,
    node: &str,
    field: &Field,
    backends: &[Backend],
    faults: &mut Vec<Fault>,
) {
    let mut references = BTreeSet::new();
    let mut arns = BTreeSet::new();
    for (index, backend) in backends.iter().enumerate() {
        let service = &backend.virtual_service;
        let duplicate = match (&service.virtual_service_ref, &service.virtual_service_arn) {
            (Some(reference), _) => {
                let namespace = names::namespace_of(reference.namespace.as_deref(), namespace);
                (!references.insert((namespace, reference.name.as_str())))
                    .then_some(("VirtualServiceReferences", &reference.name))
            }
            (None, Some(arn)) => {
                (!arns.insert(arn.as_str())).then_some(("VirtualServiceReferenceARNs", arn))
            }
            (None, None) => None,
        };
        if let Some((list, what)) = duplicate {
            faults.push(Fault::new(
                field.index(index).key("virtualService"),
                format!("VirtualNode-{node} has duplicate {list} {what}"),
                "remove the entry",
            ));
        }
    }
}
