//! A router's routes, on each of its ports, with their targets resolved.

pub(crate) mod target;

use std::sync::Arc;

use tulle_model::extras::RouteExtras;
use tulle_model::fragment::{Listener, Route, Router};
use tulle_model::linked;
use tulle_model::policy::Protocol;
use tulle_model::{Finding, Name, Severity, codes};

use self::target::Targets;
use crate::key::Kind;
use crate::reader::Reader;
use crate::value::RouterPort;
use crate::{alias, limits, order};

/// The ports of a router; `None` if there is no such router or it belongs to no mesh.
///
/// A port has the routes of its protocol that name it or no port, in the order in which they are
/// tried. TCP has nothing to tell routes apart by, so the first route has all.
pub(crate) fn ports(name: &Name, reader: &mut Reader<'_>) -> Option<Arc<Vec<RouterPort>>> {
    let router = reader.router(name)?;
    let mesh = alias::mesh_of(Kind::Router, name, reader)?;
    let mut listeners: Vec<&Listener> = router.listeners.iter().collect();
    listeners.sort_by_key(|listener| listener.port);
    listeners.dedup_by_key(|listener| listener.port);
    check(&router, reader);
    let implicit_retry = reader.implicit_retry();
    let ports = listeners.iter().map(|listener| {
        let mut routes: Vec<&Route> = router
            .routes
            .iter()
            .filter(|route| fits(route, listener))
            .collect();
        routes.sort_by_cached_key(|route| order::route(route));
        if listener.protocol == Protocol::Tcp {
            let first = routes.first().map(|route| route.name.clone());
            for shadowed in routes.drain(1.min(routes.len())..) {
                let first = first.as_deref().unwrap_or_default();
                reader.report(shadowed_route(&router, shadowed, first, listener.port));
            }
        }
        let routes = routes.iter().map(|route| {
            let targets = Targets {
                object: &router.object,
                route,
                mesh: &mesh,
                port: listener.port,
            };
            linked::Route {
                name: route.name.clone(),
                origin: router.object.clone(),
                matches: route.matches.clone(),
                targets: targets.resolve(reader),
                limits: limits::limits(route.timeouts, route.protocol),
                retry: limits::retry(route.retry.as_ref(), route.protocol, implicit_retry),
                extras: RouteExtras {
                    request_headers: route.extras.request_headers.clone(),
                    response_headers: route.extras.response_headers.clone(),
                    fault: route.extras.fault,
                    mirrors: targets.mirrors(reader),
                },
            }
        });
        RouterPort {
            port: listener.port,
            protocol: listener.protocol,
            routes: routes.collect(),
        }
    });
    Some(Arc::new(ports.collect()))
}

fn fits(route: &Route, listener: &Listener) -> bool {
    route.protocol == listener.protocol && route.port.is_none_or(|port| port == listener.port)
}

/// Says which routes have no effect, or more than the user may think.
fn check(router: &Router, reader: &mut Reader<'_>) {
    let object = &router.object;
    if router.listeners.is_empty() {
        reader.report(
            Finding::new(
                Severity::Warning,
                codes::NO_LISTENER,
                object,
                "spec.listeners",
                "the router has no listener, so no client reaches its routes",
            )
            .help("add a listener with the port that clients call"),
        );
        return;
    }
    for route in &router.routes {
        let at_port = |listener: &&Listener| route.port.is_none_or(|port| port == listener.port);
        let listeners: Vec<&Listener> = router.listeners.iter().filter(at_port).collect();
        let protocol = route.protocol.as_str();
        if let (Some(port), []) = (route.port, listeners.as_slice()) {
            reader.report(
                Finding::new(
                    Severity::Error,
                    codes::NO_SUCH_PORT,
                    object,
                    &route.field,
                    format!(
                        "route {} is for port {port}, on which the router does not listen",
                        route.name
                    ),
                )
                .help("correct match.port, or add a listener"),
            );
        } else if !listeners.iter().any(|listener| fits(route, listener)) {
            let spoken: Vec<String> = listeners
                .iter()
                .map(|listener| format!("{} on {}", listener.protocol.as_str(), listener.port))
                .collect();
            reader.report(
                Finding::new(
                    Severity::Error,
                    codes::PROTOCOL_MISMATCH,
                    object,
                    &route.field,
                    format!(
                        "route {} is for {protocol} and has no effect: the router speaks {}",
                        route.name,
                        spoken.join(", ")
                    ),
                )
                .help(format!(
                    "write a route of the listener's protocol, or add a {protocol} listener"
                )),
            );
        } else if route.port.is_none() && router.listeners.len() > 1 {
            reader.report(
                Finding::new(
                    Severity::Info,
                    codes::ROUTE_WITHOUT_PORT,
                    object,
                    &route.field,
                    format!(
                        "route {} names no port and serves every {protocol} listener",
                        route.name
                    ),
                )
                .help("set match.port to serve one listener only"),
            );
        }
    }
}

fn shadowed_route(router: &Router, route: &Route, first: &str, port: u16) -> Finding {
    Finding::new(
        Severity::Error,
        codes::SHADOWED_ROUTE,
        &router.object,
        &route.field,
        format!(
            "tcp route {} has no effect on port {port}: route {first} comes first and takes every connection",
            route.name
        ),
    )
    .help("keep one tcp route a listener")
}
