//! One bootstrap with a proxy's whole configuration inside, which Envoy can load without a control plane.

mod secrets;

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
use tulle_proto::tls::Secret;
use tulle_proto::{RE2_PROGRAM_SIZE, RE2_PROGRAM_SIZE_KEY};

use crate::plan::Compiled;
use crate::{type_url, wire};

/// Why resources do not make a bootstrap.
#[derive(Debug)]
pub enum StaticBootstrapError {
    /// A resource is not what it says it is.
    Unreadable {
        /// The resource.
        resource: String,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A resource needs a secret, and it is not there.
    NoSecret {
        /// The resource.
        resource: String,
        /// The secret.
        secret: String,
    },
}

impl std::fmt::Display for StaticBootstrapError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable { resource, source } => {
                write!(f, "{resource} cannot be read back: {source}")
            }
            Self::NoSecret { resource, secret } => {
                write!(
                    f,
                    "{resource} needs secret {secret}, which is not among the resources"
                )
            }
        }
    }
}

impl std::error::Error for StaticBootstrapError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::NoSecret { .. } => None,
        }
    }
}

impl StaticBootstrapError {
    fn unreadable(resource: &str, source: DecodeError) -> Self {
        Self::Unreadable {
            resource: resource.to_owned(),
            source,
        }
    }
}

/// A bootstrap in which listeners hold their route configurations, clusters their endpoints, and secrets
/// are there. Routes and endpoints that none of `resources` has stay empty; a secret has to be there.
pub fn static_bootstrap<'a>(
    resources: impl IntoIterator<Item = &'a Compiled>,
    admin: Option<SocketAddr>,
) -> Result<Bootstrap, StaticBootstrapError> {
    let mut parts = Parts::default();
    for resource in resources {
        parts
            .read(resource)
            .map_err(|source| StaticBootstrapError::unreadable(&resource.name, source))?;
    }
    let Parts {
        mut clusters,
        mut listeners,
        routes,
        endpoints,
        secrets,
    } = parts;
    for cluster in &mut clusters {
        inline_endpoints(cluster, &endpoints);
        let matched = cluster.transport_socket_matches.iter_mut();
        let matched = matched.filter_map(|matched| matched.transport_socket.as_mut());
        let sockets = matched.chain(&mut cluster.transport_socket);
        secrets::inline(&cluster.name, sockets, &secrets)?;
    }
    for listener in &mut listeners {
        let inlined = inline_routes(listener, &routes);
        inlined.map_err(|source| StaticBootstrapError::unreadable(&listener.name, source))?;
        let chains = &mut listener.filter_chains;
        let chains = chains.iter_mut().chain(&mut listener.default_filter_chain);
        let sockets = chains.filter_map(|chain| chain.transport_socket.as_mut());
        secrets::inline(&listener.name, sockets, &secrets)?;
    }
    Ok(Bootstrap {
        static_resources: Some(StaticResources {
            listeners,
            clusters,
            secrets: secrets.into_values().collect(),
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
    secrets: BTreeMap<String, Secret>,
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
            type_url::SECRET => {
                let secret = Secret::decode(bytes)?;
                self.secrets.insert(secret.name.clone(), secret);
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
