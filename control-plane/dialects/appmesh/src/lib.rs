//! The App Mesh dialect (`appmesh.k8s.aws/v1beta2`).
//!
//! - **Duty:** one object → its fragment of the mesh, and what there is to say about the object
//!   alone: what App Mesh's admission or API would have refused, what stock Envoy would refuse,
//!   what is not honoured yet. What cannot be used is left out in the smallest part: a route, a
//!   listener, a backend; an object only if nothing of it is left.
//! - **In:** a [`tulle_crds::Object`] and the fields that its schema did not know.
//! - **Out:** a [`Translated`] with references unresolved; equal input gives equal output.
//! - **Must never:** look up another object, know Envoy's types, or pass over a field in silence.
//!
//! [`admit`] is the other question about one object: what the admission webhooks write into it and refuse. It alone is told
//! of other objects, by its caller.

pub mod admit;
mod annotation;
mod backend_group;
mod client_policy;
mod duration;
mod extras;
mod field;
mod gateway_route;
mod host_aliases;
mod hosts;
mod logging;
mod matching;
mod mesh;
mod names;
mod number;
mod pool;
mod ports;
mod rate_limit;
mod report;
mod retry;
mod selector;
mod server_tls;
mod switch;
mod tls;
mod virtual_gateway;
mod virtual_node;
mod virtual_router;
mod virtual_service;

use tulle_crds::Object;
use tulle_model::ObjectId;
use tulle_model::fragment::Translated;

use crate::report::Report;

pub use crate::matching::MAX_REGEX_PROGRAM_SIZE;

/// The realm of this dialect's names ([`tulle_model::Name::realm`]).
pub const REALM: &str = "appmesh";

/// Translates an object of one of the seven kinds; `None` for an object of another dialect.
///
/// `unknown_fields` are paths such as `spec.backendDefaults.clientPolicy.tls.mode`, as
/// [`tulle_crds::decode()`] gives them; each becomes a warning.
pub fn translate(object: &Object, unknown_fields: &[String]) -> Option<Translated> {
    let mut report = Report::new(id(object));
    let fragment = match object {
        Object::Mesh(object) => mesh::translate(&mut report, &object.metadata, &object.spec),
        Object::VirtualNode(object) => {
            virtual_node::translate(&mut report, &object.metadata, &object.spec)
        }
        Object::VirtualService(object) => {
            virtual_service::translate(&mut report, &object.metadata, &object.spec)
        }
        Object::VirtualRouter(object) => {
            virtual_router::translate(&mut report, &object.metadata, &object.spec)
        }
        Object::VirtualGateway(object) => {
            virtual_gateway::translate(&mut report, &object.metadata, &object.spec)
        }
        Object::GatewayRoute(object) => {
            gateway_route::translate(&mut report, &object.metadata, &object.spec)
        }
        Object::BackendGroup(object) => backend_group::translate(&mut report, &object.spec),
        Object::Namespace(_)
        | Object::Service(_)
        | Object::EndpointSlice(_)
        | Object::Pod(_)
        | Object::Node(_) => {
            return None;
        }
    };
    annotation::known::check(&mut report, object.metadata());
    for path in unknown_fields {
        report.unknown_field(path);
    }
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

#[cfg(test)]
mod tests;
