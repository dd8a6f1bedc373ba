//! One bootstrap with a proxy's whole configuration inside, which Envoy can load without a control plane.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use prost::{DecodeError, Message};
use tulle_proto::Any;
use tulle_proto::bootstrap::bootstrap::StaticResources;
use tulle_proto::bootstrap::runtime_layer::LayerSpecifier;
use tulle_proto::bootstrap::{Admin, Bootstrap, LayeredRuntime, RuntimeLayer};
use tulle_proto::cluster::Cluster;
use tulle_proto::cluster::cluster::{ClusterDiscoveryType, DiscoveryType};
use tulle_proto::endpoint::ClusterLoadAssignment;
use tulle_proto::http_connection_manager::HttpConnectionManager;
use tulle_proto::http_connection_manager::http_connection_manager::RouteSpecifier;
use tulle_proto::listener::Listener;
use tulle_proto::listener::filter::ConfigType;
use tulle_proto::protobuf::value::Kind;
use tulle_proto::protobuf::{Struct, Value};
use tulle_proto::route::RouteConfiguration;
use tulle_proto::{RE2_PROGRAM_SIZE, RE2_PROGRAM_SIZE_KEY};

use crate::plan::Compiled;
use crate::{type_url, wire};

/// Why resources do not make a bootstrap.
#[derive(Debug)]
pub struct StaticBootstrapError {
    /// The resource that is not what it says it is.
    pub resource: String,
    /// What is wrong with it.
    pub source: DecodeError,
}

impl std::fmt::Display for StaticBootstrapError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} cannot be read back: {}", self.resource, self.source)
    }
}

impl std::error::Error for StaticBootstrapError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// A bootstrap in which listeners hold their route configurations and clusters their endpoints. A name
/// that none of `resources` has stays empty: no routes, no endpoints.
pub fn static_bootstrap<'a>(
    resources: impl IntoIterator<Item = &'a Compiled>,
    admin: Option<SocketAddr>,
) -> Result<Bootstrap, StaticBootstrapError> {
    let mut parts = Parts::default();
    for resource in resources {
        parts
            .read(resource)
            .map_err(|source| StaticBootstrapError {
                resource: resource.name.to_string(),
                source,
            })?;
    }
    let Parts {
        mut clusters,
        mut listeners,
        routes,
        endpoints,
    } = parts;
    for cluster in &mut clusters {
        inline_endpoints(cluster, &endpoints);
    }
    for listener in &mut listeners {
        let inlined = inline_routes(listener, &routes);
        inlined.map_err(|source| StaticBootstrapError {
            resource: listener.name.clone(),
            source,
        })?;
    }
    Ok(Bootstrap {
        static_resources: Some(StaticResources {
            listeners,
            clusters,
            ..Default::default()
        }),
        layered_runtime: Some(runtime()),
        admin: admin.map(|address| Admin {
            address: Some(wire::address(address.ip(), address.port())),
            ..Default::default()
        }),
        ..Default::default()
    })
}

#[derive(Default)]
struct Parts {
    clusters: Vec<Cluster>,
    listeners: Vec<Listener>,
    routes: BTreeMap<String, RouteConfiguration>,
    endpoints: BTreeMap<String, ClusterLoadAssignment>,
}

impl Parts {
    fn read(&mut self, resource: &Compiled) -> Result<(), DecodeError> {
        let bytes = &*resource.bytes;
        match resource.type_url {
            type_url::CLUSTER => self.clusters.push(Cluster::decode(bytes)?),
            type_url::LISTENER => self.listeners.push(Listener::decode(bytes)?),
            type_url::ROUTES => {
                let routes = RouteConfiguration::decode(bytes)?;
                self.routes.insert(routes.name.clone(), routes);
            }
            type_url::ENDPOINTS => {
                let endpoints = ClusterLoadAssignment::decode(bytes)?;
                let name = endpoints.cluster_name.clone();
                self.endpoints.insert(name, endpoints);
            }
            _ => {}
        }
        Ok(())
    }
}

fn inline_endpoints(cluster: &mut Cluster, endpoints: &BTreeMap<String, ClusterLoadAssignment>) {
    let Some(eds) = cluster.eds_cluster_config.take() else {
        return;
    };
    cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(DiscoveryType::Static.into()));
    let found = endpoints.get(&eds.service_name).cloned();
    cluster.load_assignment = Some(found.unwrap_or_else(|| ClusterLoadAssignment {
        cluster_name: eds.service_name,
        ..Default::default()
    }));
}

fn inline_routes(
    listener: &mut Listener,
    routes: &BTreeMap<String, RouteConfiguration>,
) -> Result<(), DecodeError> {
    let chains = &mut listener.filter_chains;
    let chains = chains.iter_mut().chain(&mut listener.default_filter_chain);
    for filter in chains.flat_map(|chain| &mut chain.filters) {
        if let Some(ConfigType::TypedConfig(any)) = &mut filter.config_type {
            inline_routes_of(any, routes)?;
        }
    }
    Ok(())
}

fn inline_routes_of(
    any: &mut Any,
    routes: &BTreeMap<String, RouteConfiguration>,
) -> Result<(), DecodeError> {
    if any.type_url != <HttpConnectionManager as prost::Name>::type_url() {
        return Ok(());
    }
    let mut manager = HttpConnectionManager::decode(&*any.value)?;
    if let Some(RouteSpecifier::Rds(rds)) = manager.route_specifier {
        let found = routes.get(&rds.route_config_name).cloned();
        let inlined = found.unwrap_or_else(|| RouteConfiguration {
            name: rds.route_config_name,
            ..Default::default()
        });
        manager.route_specifier = Some(RouteSpecifier::RouteConfig(inlined));
        *any = tulle_proto::any(&manager);
    }
    Ok(())
}

/// What a proxy's bootstrap has to say for these resources to be taken.
fn runtime() -> LayeredRuntime {
    let number = |value: f64| Value {
        kind: Some(Kind::NumberValue(value)),
    };
    LayeredRuntime {
        layers: vec![RuntimeLayer {
            name: "tulle".to_owned(),
            layer_specifier: Some(LayerSpecifier::StaticLayer(Struct {
                fields: [(
                    RE2_PROGRAM_SIZE_KEY.to_owned(),
                    number(RE2_PROGRAM_SIZE.into()),
                )]
                .into(),
            })),
        }],
    }
}

#[cfg(test)]
mod tests;
