//! Kubernetes' own kinds, as far as the mesh reads them.
//!
//! - **Duty:** one Namespace, Service, EndpointSlice, Pod or Node → its fragment: labels, names and
//!   ports, endpoints with their conditions, addresses and readiness, the proxy that was put into
//!   a pod, zones.
//! - **In:** a [`tulle_crds::Object`].
//! - **Out:** a [`Translated`]; equal input gives equal output.
//! - **Must never:** look up another object (which endpoints or pods belong to what is the index's
//!   business), or know a mesh dialect.

mod address;
mod endpoint_slice;
mod namespace;
mod node;
mod pod;
mod pod_proxy;
mod port;
mod report;
mod service;

use tulle_crds::Object;
use tulle_crds::core::ObjectMeta;
use tulle_model::ObjectId;
use tulle_model::fragment::Translated;
use tulle_model::id::shared;
use tulle_model::selector::Labels;

use crate::report::Report;

/// Translates an object of one of the five kinds; `None` for an object of a mesh dialect.
pub fn translate(object: &Object) -> Option<Translated> {
    let mut report = Report::new(id(object));
    let fragment = match object {
        Object::Namespace(object) => Some(namespace::translate(&mut report, object)),
        Object::Service(object) => Some(service::translate(&mut report, object)),
        Object::EndpointSlice(object) => endpoint_slice::translate(&mut report, object),
        Object::Pod(object) => Some(pod::translate(&mut report, object)),
        Object::Node(object) => Some(node::translate(&report, object)),
        Object::Mesh(_)
        | Object::VirtualNode(_)
        | Object::VirtualService(_)
        | Object::VirtualRouter(_)
        | Object::VirtualGateway(_)
        | Object::GatewayRoute(_)
        | Object::BackendGroup(_) => return None,
    };
    Some(Translated {
        fragments: fragment.into_iter().collect(),
        findings: report.into_findings(),
    })
}

fn id(object: &Object) -> ObjectId {
    ObjectId::new(
        object.api_group(),
        object.kind().as_str(),
        object.namespace().unwrap_or_default(),
        object.name(),
    )
}

fn labels(metadata: &ObjectMeta) -> Labels {
    let labels = metadata.labels.iter().flatten();
    labels
        .map(|(key, value)| (shared(key), shared(value)))
        .collect()
}

#[cfg(test)]
mod tests;
