//! Gateways: which routes they have, and what these lead to.

pub(crate) mod attach;
pub(crate) mod pool;
pub(crate) mod route;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tulle_model::fragment;
use tulle_model::linked::{Gateway, GatewayListener};
use tulle_model::{Finding, Name, Severity, Str, codes};

use crate::clusters::{Clusters, sources};
use crate::facts::table::Held;
use crate::order;
use crate::reader::Reader;
use crate::tls;

/// What a gateway is told, and the clusters for it. No backends are needed: what the routes lead to is
/// what the gateway may call.
pub(crate) fn gateway(
    name: &Name,
    gateway: &fragment::Gateway,
    reader: &mut Reader<'_>,
) -> (Gateway, Clusters) {
    let names = reader.attached(name);
    let mut routes: Vec<Held<fragment::GatewayRoute>> = names
        .iter()
        .filter_map(|name| reader.gateway_route(name))
        .collect();
    routes.sort_by_cached_key(|route| order::gateway_route(route));
    check(gateway, &routes, reader);
    let policy = gateway.default_policy.clone().map(Arc::new);
    tls::check(&gateway.object, &gateway.listeners, reader);
    let mut listeners: Vec<&fragment::Listener> = gateway.listeners.iter().collect();
    listeners.retain(|listener| tls::is_usable(listener, reader));
    listeners.sort_by_key(|listener| listener.port);
    listeners.dedup_by_key(|listener| listener.port);
    let mut clusters = Clusters::default();
    let listeners = listeners.iter().map(|listener| {
        let fitting = routes.iter().filter(|route| fits(route, listener));
        let routes: Vec<_> = fitting
            .filter_map(|route| reader.linked_gateway_route(&route.name, listener.port))
            .collect();
        let mut called = BTreeSet::new();
        for service in routes.iter().filter_map(|route| route.service.as_ref()) {
            let sources = sources(&service.routes, reader);
            clusters.add(&sources, policy.as_ref());
            called.extend(sources.iter().map(|source| source.to.clone()));
        }
        for to in &called {
            clusters.limit(to, pool::toward(listener, to.protocol));
        }
        GatewayListener {
            port: listener.port,
            protocol: listener.protocol,
            tls: listener.tls.clone(),
            pool: listener.pool,
            rate_limit: listener.rate_limit,
            routes,
        }
    });
    let role = Gateway {
        listeners: listeners.collect(),
        policy: gateway.default_policy.clone(),
    };
    (role, clusters)
}

fn fits(route: &fragment::GatewayRoute, listener: &fragment::Listener) -> bool {
    route.protocol == listener.protocol && route.port.is_none_or(|port| port == listener.port)
}

fn check(
    gateway: &fragment::Gateway,
    routes: &[Held<fragment::GatewayRoute>],
    reader: &mut Reader<'_>,
) {
    let mut aliases: BTreeMap<&Str, &Name> = BTreeMap::new();
    let mut by_name: Vec<&Held<fragment::GatewayRoute>> = routes.iter().collect();
    by_name.sort_by(|a, b| a.name.cmp(&b.name));
    for route in by_name {
        if let Some(first) = aliases.get(&route.alias) {
            reader.report(
                Finding::new(
                    Severity::Warning,
                    codes::DUPLICATE_NAME,
                    &route.object,
                    "spec.awsName",
                    format!(
                        "GatewayRoute {first} of the same gateway has the name {} already; statistics count the two as one",
                        route.alias
                    ),
                )
                .help("give one of the two another awsName"),
            );
        } else {
            aliases.insert(&route.alias, &route.name);
        }
        if gateway.listeners.iter().any(|own| fits(route, own)) {
            continue;
        }
        let at = match route.port {
            Some(port) => format!(" on port {port}"),
            None => String::new(),
        };
        reader.report(
            Finding::new(
                Severity::Error,
                codes::ROUTE_WITHOUT_LISTENER,
                &route.object,
                &route.field,
                format!(
                    "VirtualGateway {} has no {} listener{at}, so this route has no effect",
                    gateway.name,
                    route.protocol.as_str()
                ),
            )
            .help("write a route of the listener's protocol and port, or add a listener to the gateway"),
        );
    }
}
