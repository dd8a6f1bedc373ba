//! What answers for a service, on which ports, and by which routes.

use std::sync::Arc;

use tulle_model::extras::RouteExtras;
use tulle_model::fragment::{self, Listener};
use tulle_model::linked::{Destination, HostRoutes, Route, WeightedDestination};
use tulle_model::matching::HttpMatch;
use tulle_model::{Finding, Name, Severity, codes};

use crate::key::Kind;
use crate::reader::Reader;
use crate::router::target::{UNREACHABLE_HELP, unreachable};
use crate::value::{Provider, Reach, Server, ServicePorts};
use crate::{alias, clusters, limits, tls};

/// What clients need to know of a workload.
pub(crate) fn server(name: &Name, reader: &mut Reader<'_>) -> Option<Arc<Server>> {
    let workload = reader.workload(name)?;
    let mut listeners = workload.listeners.clone();
    listeners.retain(|listener| tls::is_usable(listener, reader));
    listeners.sort_by_key(|listener| listener.port);
    listeners.dedup_by_key(|listener| listener.port);
    listeners.shrink_to_fit();
    Some(Arc::new(Server {
        object: workload.object.clone(),
        alias: workload.alias.clone(),
        listeners,
        discovery: workload.discovery.clone(),
        discovery_mode: workload.discovery_mode,
        has_pods: workload.pods.is_some(),
    }))
}

/// The ports on which a service is called: its router's, or its workload's own. `None` if there is no
/// such service or it belongs to no mesh.
pub(crate) fn ports(name: &Name, reader: &mut Reader<'_>) -> Option<Arc<ServicePorts>> {
    let service = reader.service(name)?;
    let mesh = alias::mesh_of(Kind::Service, name, reader)?;
    let mut linked = ServicePorts {
        object: service.object.clone(),
        host: service.host.clone(),
        host_aliases: service.host_aliases.clone(),
        alias: service.alias.clone(),
        provider: None,
        ports: vec![],
    };
    match provider(&service, &mesh, reader) {
        Ok(Some(Provider::Router(router))) => {
            if let Some(ports) = reader.router_ports(&router) {
                linked.ports = ports
                    .iter()
                    .map(|port| (port.port, port.protocol))
                    .collect();
            }
            linked.provider = Some(Provider::Router(router));
        }
        Ok(Some(Provider::Workload(workload))) => {
            if let Some(server) = reader.server(&workload) {
                match unreachable(&server) {
                    Some(what) => reader.report(no_listener(&service, &workload, what)),
                    None => linked.ports = server.listeners.iter().map(on).collect(),
                }
            }
            linked.provider = Some(Provider::Workload(workload));
        }
        Ok(None) => {}
        Err(unresolved) => {
            let unresolved = unresolved.effect("nobody answers for this service");
            reader.report(unresolved.finding(&service.object, "spec.provider"));
        }
    }
    Some(Arc::new(linked))
}

fn on(listener: &Listener) -> (u16, tulle_model::policy::Protocol) {
    (listener.port, listener.protocol)
}

fn provider(
    service: &fragment::Service,
    mesh: &Name,
    reader: &mut Reader<'_>,
) -> Result<Option<Provider>, alias::Unresolved> {
    match &service.provider {
        Some(fragment::Provider::Router(router)) => {
            alias::resolve(Kind::Router, mesh, router, reader)
                .map(|name| Some(Provider::Router(name)))
        }
        Some(fragment::Provider::Workload(workload)) => {
            alias::resolve(Kind::Workload, mesh, workload, reader)
                .map(|name| Some(Provider::Workload(name)))
        }
        None => {
            reader.report(
                Finding::new(
                    Severity::Warning,
                    codes::NO_PROVIDER,
                    &service.object,
                    "spec.provider",
                    "the service has no provider, so it has no port and nobody answers for it",
                )
                .help("name a VirtualRouter or a VirtualNode as its provider"),
            );
            Ok(None)
        }
    }
}

fn no_listener(service: &fragment::Service, workload: &Name, what: &str) -> Finding {
    Finding::new(
        Severity::Error,
        codes::NO_LISTENER,
        &service.object,
        "spec.provider",
        format!("VirtualNode {workload} {what}; nobody answers for this service"),
    )
    .help(UNREACHABLE_HELP)
}

/// A service's routes on one of its ports; `None` if it is not called on that port.
///
/// A workload that answers by itself has one route, under the limits of its own listener: where there
/// is no route they hold for both legs.
pub(crate) fn host_routes(
    name: &Name,
    port: u16,
    reader: &mut Reader<'_>,
) -> Option<Arc<HostRoutes>> {
    let service = reader.service_ports(name)?;
    let &(_, protocol) = service.ports.iter().find(|(number, _)| *number == port)?;
    let routes = match service.provider.as_ref()? {
        Provider::Router(router) => {
            let ports = reader.router_ports(router)?;
            let port = ports.iter().find(|own| own.port == port)?;
            port.routes.clone()
        }
        Provider::Workload(workload) => {
            let server = reader.server(workload)?;
            let listener = server.listeners.iter().find(|own| own.port == port)?;
            let implicit_retry = reader.implicit_retry();
            vec![Route {
                name: server.alias.clone(),
                origin: service.object.clone(),
                matches: HttpMatch::default(),
                targets: vec![WeightedDestination {
                    to: Destination {
                        workload: workload.clone(),
                        alias: server.alias.clone(),
                        protocol,
                        port,
                    },
                    weight: 1,
                }],
                limits: limits::limits(listener.timeouts, protocol),
                retry: limits::retry(None, protocol, implicit_retry),
                extras: RouteExtras::default(),
            }]
        }
    };
    Some(Arc::new(HostRoutes {
        object: service.object.clone(),
        host: service.host.clone(),
        host_aliases: match protocol.is_http() {
            true => service.host_aliases.clone(),
            false => Vec::new(),
        },
        port,
        protocol,
        routes,
    }))
}

/// A service on all its ports, with all that its routes lead to.
pub(crate) fn reach(name: &Name, reader: &mut Reader<'_>) -> Option<Arc<Vec<Reach>>> {
    let service = reader.service_ports(name)?;
    let mut reach = vec![];
    for &(port, _) in &service.ports {
        let Some(routes) = reader.host_routes(name, port) else {
            continue;
        };
        let sources = clusters::sources(&routes.routes, reader);
        let sources = sources.into();
        reach.push(Reach { routes, sources });
    }
    Some(Arc::new(reach))
}
