//! Which computation makes which node.

use std::sync::Arc;

use crate::key::Node;
use crate::reader::Reader;
use crate::value::{Named, Value};
use crate::{
    alias, discovery, endpoints, gateway, group, membership, mtls, names, router, service, view,
};

/// Computes a node from what the reader gives.
pub(crate) fn compute(node: &Node, reader: &mut Reader<'_>) -> Value {
    match node {
        Node::Selected(of) => Value::Selected(membership::selected(&of.0, &of.1, reader)),
        Node::Membership(member) => Value::Membership(membership::membership(member, reader)),
        Node::Standing(member) => Value::Standing(alias::standing(member, reader)),
        Node::GatewayOf(route) => Value::GatewayOf(gateway::attach::gateway_of(route, reader)),
        Node::Mode { mesh, namespace } => Value::Mode(mtls::mode(mesh, namespace, reader)),
        Node::Server(workload) => Value::Server(service::server(workload, reader)),
        Node::MtlsPorts(proxy) => Value::MtlsPorts(mtls::ports(proxy, reader)),
        Node::Identities(of) => Value::Identities(mtls::identities(&of.0, &of.1, reader)),
        Node::Source { workload, port } => {
            Value::Source(discovery::source(workload, *port, reader))
        }
        Node::RouterPorts(name) => Value::RouterPorts(router::ports(name, reader)),
        Node::ServicePorts(name) => Value::ServicePorts(service::ports(name, reader)),
        Node::HostRoutes { service, port } => {
            Value::HostRoutes(service::host_routes(service, *port, reader))
        }
        Node::Registered(workload) => {
            let named = names::registered(workload, reader);
            Value::Named(told(Vec::from_iter(named)))
        }
        Node::HostName(service) => Value::Named(told(names::host_names(service, reader))),
        Node::HostAddresses(host) => Value::HostAddresses(discovery::addresses(host, reader)),
        Node::Reach(service) => Value::Reach(service::reach(service, reader)),
        Node::Group(name) => Value::Group(group::group(name, reader)),
        Node::Everything { mesh, namespace } => {
            Value::Group(group::everything(mesh, namespace, reader))
        }
        Node::GatewayRoute { route, port } => {
            Value::GatewayRoute(gateway::route::linked(route, *port, reader))
        }
        Node::View(proxy) => Value::View(view::view(proxy, reader)),
        Node::Endpoints(set) => Value::Endpoints(endpoints::endpoints(set, reader)),
    }
}

/// Names that are answered; where there are none, which is the usual, nothing is held.
fn told(names: Vec<Named>) -> Arc<[Named]> {
    match names.is_empty() {
        true => Arc::default(),
        false => names.into(),
    }
}
