//! A gateway route and the service behind it.

use std::sync::Arc;

use tulle_model::fragment::GatewayRoute;
use tulle_model::linked;
use tulle_model::linked::HostRoutes;
use tulle_model::{Code, Finding, Name, Severity, codes};

use crate::alias;
use crate::key::Kind;
use crate::reader::Reader;
use crate::value::ServicePorts;

/// What becomes of a route whose service cannot be called.
const EFFECT: &str = "this route answers 404";

/// A gateway route on one port of its gateway; `None` if there is no such route or it has no mesh.
///
/// A route whose service cannot be called stays where it is and answers 404. To leave it out would let
/// its requests fall to the next route that fits, which may lead past the very service (one that checks
/// who calls, say) that the user put in the way. Gateway API decides likewise.
pub(crate) fn linked(
    name: &Name,
    gateway_port: u16,
    reader: &mut Reader<'_>,
) -> Option<Arc<linked::GatewayRoute>> {
    let route = reader.gateway_route(name)?;
    let mesh = alias::mesh_of(Kind::GatewayRoute, name, reader)?;
    let target = match alias::resolve(Kind::Service, &mesh, &route.target, reader) {
        Ok(service) => reader.service_ports(&service).map(|ports| (service, ports)),
        Err(unresolved) => {
            let unresolved = unresolved.effect(EFFECT);
            reader.report(unresolved.finding(&route.object, &route.field));
            None
        }
    };
    let host_rewrite = target
        .as_ref()
        .filter(|_| route.rewrite_host)
        .map(|(_, ports)| ports.alias.clone());
    let service =
        target.and_then(|(service, ports)| routes(&route, &service, &ports, gateway_port, reader));
    Some(Arc::new(linked::GatewayRoute {
        object: route.object.clone(),
        name: route.alias.clone(),
        host: route.host.clone(),
        matches: route.matches.clone(),
        path_rewrite: route.path_rewrite.clone(),
        host_rewrite,
        service,
        request_headers: route.request_headers.clone(),
        response_headers: route.response_headers.clone(),
    }))
}

/// A gateway's own routes say for which hosts they are: how else sidecars call the service does not concern it.
fn without_aliases(routes: Arc<HostRoutes>) -> Arc<HostRoutes> {
    if routes.host_aliases.is_empty() {
        return routes;
    }
    let mut routes = Arc::unwrap_or_clone(routes);
    routes.host_aliases.clear();
    Arc::new(routes)
}

/// The service's routes on the port that is meant: the one named, the only one, or the one that equals
/// the gateway's own.
fn routes(
    route: &GatewayRoute,
    service: &Name,
    ports: &ServicePorts,
    gateway_port: u16,
    reader: &mut Reader<'_>,
) -> Option<Arc<HostRoutes>> {
    let error = |code: Code, what: String, help: &str| {
        let message = format!("VirtualService {service} {what}; {EFFECT}");
        Finding::new(Severity::Error, code, &route.object, &route.field, message).help(help)
    };
    let on = |port: u16| ports.ports.iter().find(|(number, _)| *number == port);
    let chosen = match (route.target_port, ports.ports.as_slice()) {
        (Some(port), _) => on(port).ok_or_else(|| {
            let what = format!("is not called on port {port}");
            error(codes::NO_SUCH_PORT, what, "correct target.port")
        }),
        (None, [only]) => Ok(only),
        (None, []) => {
            let what = "has no port".to_owned();
            Err(error(
                codes::NO_LISTENER,
                what,
                "see the findings on that service",
            ))
        }
        (None, _) => on(gateway_port).ok_or_else(|| {
            let what = format!("has several ports, none of them the gateway's own {gateway_port}");
            error(codes::AMBIGUOUS_PORT, what, "set target.port")
        }),
    };
    let finding = match chosen {
        Ok(&(port, protocol)) if protocol.is_http() => {
            return reader.host_routes(service, port).map(without_aliases);
        }
        Ok(&(port, _)) => {
            let what = format!("speaks tcp on port {port}, which a gateway cannot route");
            error(
                codes::PROTOCOL_MISMATCH,
                what,
                "point to a service of http, http2 or grpc",
            )
        }
        Err(finding) => finding,
    };
    reader.report(finding);
    None
}
