//! Route configurations (RDS): which cluster a request goes to.

mod action;
mod egress;
mod gateway;
mod headers;
mod ingress;
mod matching;
mod mirror;
mod retry;
mod service_host;
mod virtual_host;

use std::collections::BTreeSet;

use tulle_model::Str;
use tulle_proto::route::{Route, RouteConfiguration, VirtualHost};

use crate::{type_url, wire};

pub use egress::{CalledPort, Undeclared};
pub use service_host::VirtualHosts;

pub(crate) use egress::egress;
pub(crate) use gateway::{compose_accepted, gateway};
pub(crate) use ingress::ingress;
pub(crate) use virtual_host::hosts_of;

/// A route configuration. Clusters are not looked for when it is loaded: the server sends them first, and
/// one that is missing is that route's 503 and not every route's refusal.
fn configuration(name: String, virtual_hosts: Vec<VirtualHost>) -> RouteConfiguration {
    RouteConfiguration {
        name,
        virtual_hosts,
        validate_clusters: Some(wire::bool_value(false)),
        ..Default::default()
    }
}

fn virtual_host(name: String, domains: Vec<String>, routes: Vec<Route>) -> VirtualHost {
    VirtualHost {
        name,
        domains,
        routes,
        ..Default::default()
    }
}

/// Clusters as requirements.
fn requirements(clusters: BTreeSet<String>) -> Vec<(&'static str, Str)> {
    clusters
        .into_iter()
        .map(|cluster| (type_url::CLUSTER, cluster.into()))
        .collect()
}

#[cfg(test)]
mod tests;
