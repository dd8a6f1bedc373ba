//! The ports of a gateway.

use prost::Message;
use tulle_model::linked::{Gateway, GatewayListener, ProxyView};
use tulle_model::logging::AccessLog;
use tulle_model::policy::Protocol;
use tulle_model::settings::Settings;
use tulle_model::tls::{ServerTls, TlsMode};
use tulle_model::{Capture, ObjectId};
use tulle_proto::core::TrafficDirection;
use tulle_proto::listener::{FilterChain, Listener};

use super::bind::Bind;
use super::http::{Manager, Place};
use super::{chain_for_all, http};
use crate::plan::{Parts, Resource};
use crate::{names, tls, type_url};

/// A listener for each of a gateway's ports. It is no target of redirected traffic: the port is its own.
pub(crate) fn gateway<'a>(
    view: &'a ProxyView,
    gateway: &'a Gateway,
    capture: Capture,
    settings: &Settings,
) -> impl Iterator<Item = Port<'a>> {
    let trusted_hops = settings.trusted_hops;
    let only = gateway.listeners.len() == 1;
    let http = gateway.listeners.iter().filter(|l| l.protocol.is_http());
    http.map(move |listener| Port {
        bind: match capture {
            Capture::Transparent => Bind::any(view.ip, listener.port),
            Capture::Loopback(block) => Bind::one(block.inbound(), listener.port),
        },
        protocol: listener.protocol,
        tls: listener.tls.as_ref().filter(|tls| tls.takes_tls()),
        only,
        limited: listener.rate_limit.is_some(),
        faults: has_faults(listener),
        trusted_hops,
        access_log: view.access_log.as_ref(),
        origin: &view.object,
    })
}

fn has_faults(listener: &GatewayListener) -> bool {
    let services = listener.routes.iter().filter_map(|r| r.service.as_ref());
    services.into_iter().any(|service| service.has_faults())
}

#[derive(Debug, Hash)]
pub(crate) struct Port<'a> {
    bind: Bind,
    protocol: Protocol,
    tls: Option<&'a ServerTls>,
    /// The gateway has no other port.
    only: bool,
    /// It may be limited by its routes.
    limited: bool,
    /// Some of its routes have faults.
    faults: bool,
    trusted_hops: u32,
    access_log: Option<&'a AccessLog>,
    origin: &'a ObjectId,
}

impl Resource for Port<'_> {
    const TYPE_URL: &'static str = type_url::LISTENER;

    fn name(&self) -> String {
        names::gateway_listener(self.bind.address, self.bind.port)
    }

    fn compile(&self) -> Parts {
        let Bind { port, .. } = self.bind;
        let filter = http::manager(Manager {
            stat_prefix: names::ingress_stat_prefix(self.only, self.protocol, port),
            routes: names::ingress_routes(self.protocol, port),
            place: Place::Gateway {
                trusted_hops: self.trusted_hops,
            },
            faults: self.faults,
            limited: self.limited.then_some((self.protocol, port)),
            access_log: self.access_log,
        });
        let name = format!("{}_{port}", self.protocol.as_str());
        let is_open = self.tls.is_none_or(|tls| tls.mode != TlsMode::Strict);
        let open = is_open.then(|| chain_for_all(name.clone(), vec![filter.clone()]));
        let in_tls = self.tls.map(|tls| FilterChain {
            filter_chain_match: is_open.then(|| super::in_tls(None)),
            transport_socket: Some(tls::downstream(tls, self.protocol)),
            ..chain_for_all(name + "_tls", vec![filter])
        });
        // The first bytes of a connection tell its chain.
        let inspector = in_tls.as_ref().filter(|_| is_open);
        let inspector = inspector.map(|_| super::tls_inspector(None));
        let listener = Listener {
            name: self.name(),
            address: Some(self.bind.address()),
            traffic_direction: TrafficDirection::Inbound.into(),
            filter_chains: in_tls.into_iter().chain(open).collect(),
            listener_filters: inspector.into_iter().collect(),
            ..Default::default()
        };
        Parts {
            bytes: listener.encode_to_vec(),
            requires: self.tls.map(tls::server_requires).unwrap_or_default(),
            origins: vec![self.origin.clone()],
            ..Default::default()
        }
    }
}
