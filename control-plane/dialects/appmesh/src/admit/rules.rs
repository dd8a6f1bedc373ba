//! What App Mesh's validating webhook refused, and no more: what it overlooked keeps passing.

use tulle_crds::Object;
use tulle_crds::appmesh::{HttpPathMatch, MeshSpec, VirtualGatewaySpec};

use super::denial::Fault;
use crate::field::Field;

mod gateway_route;
mod virtual_node;
mod virtual_router;

/// Everything that is wrong with an object by those rules.
pub(super) fn check(object: &Object) -> Vec<Fault> {
    let mut faults = Vec::new();
    let name = object.name();
    let namespace = object.namespace().unwrap_or_default();
    match object {
        Object::Mesh(mesh) => check_mesh(&mesh.spec, &mut faults),
        Object::VirtualNode(node) => virtual_node::check(namespace, name, &node.spec, &mut faults),
        Object::VirtualRouter(router) => virtual_router::check(name, &router.spec, &mut faults),
        Object::VirtualGateway(gateway) => check_gateway(&gateway.spec, &mut faults),
        Object::GatewayRoute(route) => gateway_route::check(&route.spec, &mut faults),
        _ => {}
    }
    faults
}

fn check_mesh(spec: &MeshSpec, faults: &mut Vec<Fault>) {
    if spec
        .mesh_service_discovery
        .is_some_and(|discovery| discovery.ip_preference.is_none())
    {
        faults.push(Fault::new(
            "spec.meshServiceDiscovery.ipPreference",
            "Only non-empty values allowed are IPv4_ONLY or IPv6_ONLY",
            "set ipPreference, or remove meshServiceDiscovery",
        ));
    }
}

fn check_gateway(spec: &VirtualGatewaySpec, faults: &mut Vec<Fault>) {
    let field = Field::spec().key("listeners");
    for (index, listener) in spec.listeners.iter().enumerate() {
        let Some(pool) = &listener.connection_pool else {
            continue;
        };
        let members = [
            pool.grpc.is_some(),
            pool.http.is_some(),
            pool.http2.is_some(),
        ];
        if members.into_iter().filter(|set| *set).count() > 1 {
            faults.push(one_pool(&field.index(index), "Virtual Gateway"));
        }
    }
}

fn one_pool(listener: &Field, what: &str) -> Fault {
    Fault::new(
        listener.key("connectionPool"),
        format!("Only one type of {what} Connection Pool is allowed"),
        "keep the one of the listener's protocol",
    )
}

/// A path is matched either exactly or by a regular expression.
fn check_path(field: &Field, path: &HttpPathMatch, faults: &mut Vec<Fault>) {
    match (&path.exact, &path.regex) {
        (None, None) => faults.push(Fault::new(
            field,
            "Either exact or regex for path must be specified",
            "set exact or regex",
        )),
        (Some(_), Some(_)) => faults.push(Fault::new(
            field,
            "Both exact and regex for path are not allowed. Only one must be specified",
            "remove exact or regex",
        )),
        _ => {}
    }
}
