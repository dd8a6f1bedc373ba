//! VirtualRouter.

use std::collections::BTreeSet;

use tulle_crds::appmesh::VirtualRouterSpec;
use tulle_crds::core::ObjectMeta;
use tulle_model::fragment::{Fragment, Listener, Route, Router};
use tulle_model::policy::Timeouts;

use crate::extras;
use crate::field::Field;
use crate::names;
use crate::ports;
use crate::report::{Report, code};

mod action;
mod route;

pub(crate) fn translate(
    report: &mut Report,
    metadata: &ObjectMeta,
    spec: &VirtualRouterSpec,
) -> Option<Fragment> {
    let field = Field::spec();
    let object = report.object().clone();
    let name = names::name(&object.namespace, &object.name);
    let listeners = listeners(report, &field.key("listeners"), spec);
    let mut routes = routes(report, &field.key("routes"), spec);
    extras::of_routes(report, metadata, spec, &mut routes);
    for route in &routes {
        check_listeners(report, route, &listeners, spec);
    }
    Some(Fragment::from(Router {
        alias: names::alias(spec.aws_name.as_deref(), || names::underscored(&name)),
        name,
        mesh: names::mesh(spec.mesh_ref.as_ref()),
        listeners,
        routes,
        object,
    }))
}

fn listeners(report: &mut Report, field: &Field, spec: &VirtualRouterSpec) -> Vec<Listener> {
    if spec.listeners.is_empty() {
        report.error(
            code::MISSING,
            field,
            "a router without a listener cannot be called",
            "add a listener with the port and protocol that clients use",
        );
    }
    let mut seen = BTreeSet::new();
    let given = spec.listeners.iter().enumerate();
    let mut listeners: Vec<Listener> = given
        .filter_map(|(index, given)| {
            let mapping = &given.port_mapping;
            let field = field.index(index);
            Some(Listener {
                port: ports::listener_port(report, &field, mapping.port, &mut seen).ok()?,
                protocol: ports::protocol(mapping.protocol),
                timeouts: Timeouts::default(),
                tls: None,
                pool: None,
                outlier_detection: None,
                health_check: None,
                rate_limit: None,
            })
        })
        .collect();
    listeners.shrink_to_fit();
    listeners
}

/// Of several routes with one name the first counts, be it usable or not: mending it must not
/// push another one out.
fn routes(report: &mut Report, field: &Field, spec: &VirtualRouterSpec) -> Vec<Route> {
    let router = report.object().name.clone();
    let mut seen = BTreeSet::new();
    let given = spec.routes.iter().enumerate();
    let mut routes: Vec<Route> = given
        .filter_map(|(index, given)| {
            let field = field.index(index);
            if !seen.insert(given.name.as_str()) {
                report.error(
                    code::DUPLICATE,
                    &field.key("name"),
                    format!(
                        "VirtualRouter-{router} has duplicate route entries for {}",
                        given.name
                    ),
                    "rename the route; of those with one name the first counts",
                );
                return None;
            }
            route::route(report, &field, given).ok()
        })
        .collect();
    routes.shrink_to_fit();
    routes
}

/// Says where a route serves no listener, or more of them than its author may think. A router
/// without listeners is reported as such.
fn check_listeners(
    report: &mut Report,
    route: &Route,
    listeners: &[Listener],
    spec: &VirtualRouterSpec,
) {
    let field = Field::spec().key("routes");
    let Some(index) = spec
        .routes
        .iter()
        .position(|given| *given.name == *route.name)
    else {
        return;
    };
    let field = field.index(index);
    let fitting = listeners
        .iter()
        .filter(|listener| listener.protocol == route.protocol)
        .filter(|listener| route.port.is_none_or(|port| port == listener.port))
        .count();
    let protocol = route.protocol.as_str();
    if fitting == 0 && !listeners.is_empty() {
        let which = match route.port {
            Some(port) => format!("no {protocol} listener on port {port}"),
            None => format!("no {protocol} listener"),
        };
        report.warning(
            code::NO_EFFECT,
            &field,
            format!(
                "the router has {which}, so route {} serves nothing",
                route.name
            ),
            format!("a {protocol} route serves listeners of protocol {protocol} on its match.port"),
        );
    } else if fitting > 1 {
        report.warning(
            code::AMBIGUOUS,
            &field,
            format!("route {} names no port and serves {fitting} listeners", route.name),
            "App Mesh wanted match.port where a router has several listeners: set it if one is meant",
        );
    }
}
