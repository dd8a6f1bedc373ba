//! What comes in to a sidecar.

use prost::Message;
use tulle_model::linked::{ProxyView, Sidecar};
use tulle_model::policy::{Limits, Protocol};
use tulle_model::{Capture, ObjectId, Str};
use tulle_proto::core::TrafficDirection;
use tulle_proto::listener::{FilterChain, Listener};

use super::bind::Bind;
use super::http::{Manager, Place};
use super::{INBOUND_CAPTURE_PORT, chain_for_all, http, tcp};
use crate::cluster::Application;
use crate::plan::{Parts, Resource};
use crate::{names, type_url};

/// The listeners for what the application is sent; none if it listens on nothing.
pub(crate) fn ingress<'a>(
    view: &'a ProxyView,
    sidecar: &'a Sidecar,
    capture: Capture,
) -> Vec<Ingress<'a>> {
    let only = sidecar.inbound.len() == 1;
    let listener = |bind, ports, captured| Ingress {
        bind,
        captured,
        ports,
        origin: &view.object,
    };
    let ports = sidecar.inbound.iter().map(|inbound| Port {
        number: inbound.port,
        protocol: inbound.protocol,
        // An HTTP port's limits are its route's.
        tcp: (!inbound.protocol.is_http()).then(|| Tcp {
            cluster: Application::name_of(view, inbound),
            limits: inbound.limits,
        }),
        only,
    });
    match capture {
        _ if sidecar.inbound.is_empty() => Vec::new(),
        Capture::Transparent => {
            let bind = Bind::any(view.ip, INBOUND_CAPTURE_PORT);
            vec![listener(bind, ports.collect(), true)]
        }
        Capture::Loopback(block) => ports
            .map(|port| {
                let bind = Bind::one(block.inbound(), port.number);
                listener(bind, vec![port], false)
            })
            .collect(),
    }
}

#[derive(Debug, Hash)]
pub(crate) struct Ingress<'a> {
    bind: Bind,
    captured: bool,
    ports: Vec<Port>,
    origin: &'a ObjectId,
}

#[derive(Debug, Hash)]
struct Port {
    number: u16,
    protocol: Protocol,
    tcp: Option<Tcp>,
    /// The application has no other port.
    only: bool,
}

#[derive(Debug, Hash)]
struct Tcp {
    cluster: String,
    limits: Limits,
}

impl Resource for Ingress<'_> {
    const TYPE_URL: &'static str = type_url::LISTENER;

    fn name(&self) -> String {
        names::ingress_listener(self.bind.address, self.bind.port)
    }

    fn compile(&self) -> Parts {
        let mut listener = Listener {
            name: self.name(),
            address: Some(self.bind.address()),
            traffic_direction: TrafficDirection::Inbound.into(),
            filter_chains: self.ports.iter().map(|port| self.chain(port)).collect(),
            ..Default::default()
        };
        if self.captured {
            listener.listener_filters = vec![super::original_destination()];
        }
        let tcp = self.ports.iter().filter_map(|port| port.tcp.as_ref());
        Parts {
            bytes: listener.encode_to_vec(),
            requires: tcp
                .map(|tcp| (type_url::CLUSTER, Str::from(tcp.cluster.as_str())))
                .collect(),
            origins: vec![self.origin.clone()],
            ..Default::default()
        }
    }
}

impl Ingress<'_> {
    fn chain(&self, port: &Port) -> FilterChain {
        let stat_prefix = names::ingress_stat_prefix(port.only, port.protocol, port.number);
        let filter = match &port.tcp {
            Some(tcp) => tcp::proxy_to(stat_prefix, tcp.cluster.clone(), tcp.limits),
            None => Some(http::manager(Manager {
                stat_prefix,
                routes: names::ingress_routes(port.protocol, port.number),
                place: Place::Ingress,
            })),
        };
        let name = format!("{}_{}", port.protocol.as_str(), port.number);
        let mut chain = chain_for_all(name, filter.into_iter().collect());
        if self.captured {
            chain.filter_chain_match = Some(super::destination_port(port.number));
        }
        chain
    }
}
