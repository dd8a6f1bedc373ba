//! What goes out of a sidecar.
//!
//! With redirected traffic one listener takes it all and a filter chain a destination port tells it
//! apart; else there is a listener a port.

use std::net::{IpAddr, Ipv4Addr};

use prost::Message;
use tulle_model::linked::{OutboundPort, ProxyView, Sidecar};
use tulle_model::logging::AccessLog;
use tulle_model::policy::{EgressPolicy, IpPreference, Limits, Protocol};
use tulle_model::{Capture, LoopbackBlock, ObjectId, Str};
use tulle_proto::core::{CidrRange, TrafficDirection};
use tulle_proto::listener::listener_filter_chain_match_predicate::Rule;
use tulle_proto::listener::{
    FilterChain, FilterChainMatch, Listener, ListenerFilter, ListenerFilterChainMatchPredicate,
};

use super::bind::Bind;
use super::http::{Manager, Place};
use super::tcp_chains::{TcpChain, tcp_chains};
use super::{OUTBOUND_CAPTURE_PORT, http, tcp};
use crate::plan::{Parts, Resource};
use crate::targets::{ClusterNames, Use, shares};
use crate::{names, type_url, wire};

/// Where the cloud's API endpoints listen.
const HTTPS: u16 = 443;
const AMAZONAWS: &str = "*.amazonaws.com";

/// The listeners for what the application sends.
pub(crate) fn egress<'a>(
    view: &'a ProxyView,
    sidecar: &'a Sidecar,
    capture: Capture,
    names: &ClusterNames<'a>,
) -> Vec<Egress<'a>> {
    let listener = |bind, ports: Vec<Port<'a>>, captured| Egress {
        bind,
        captured,
        names: names.among(ports.iter().flat_map(Port::uses)),
        ports,
        egress: sidecar.egress,
        ip: view.ip,
        access_log: view.access_log.as_ref(),
        origin: &view.object,
    };
    let ports = sidecar.outbound.iter().map(|port| Port::new(port, capture));
    match capture {
        Capture::Transparent => {
            let bind = Bind::any(view.ip, OUTBOUND_CAPTURE_PORT);
            vec![listener(bind, ports.collect(), true)]
        }
        Capture::Loopback(block) => ports
            .map(|port| listener(bind(block, port.number), vec![port], false))
            .collect(),
    }
}

fn bind(block: LoopbackBlock, port: u16) -> Bind {
    Bind::one(block.outbound(), port)
}

#[derive(Debug, Hash)]
pub(crate) struct Egress<'a> {
    bind: Bind,
    captured: bool,
    ports: Vec<Port<'a>>,
    names: ClusterNames<'a>,
    egress: EgressPolicy,
    ip: IpPreference,
    access_log: Option<&'a AccessLog>,
    origin: &'a ObjectId,
}

/// What a listener has to know of a port: nothing of HTTP services but that there are some, and whether some fail on purpose.
#[derive(Debug, Hash)]
struct Port<'a> {
    number: u16,
    http: Option<Protocol>,
    faults: bool,
    tcp: Vec<TcpChain<'a>>,
}

impl<'a> Port<'a> {
    fn new(port: &'a OutboundPort, capture: Capture) -> Self {
        Self {
            number: port.port,
            http: (!port.http.is_empty()).then_some(port.http_protocol),
            faults: port.http.iter().any(|service| service.routes.has_faults()),
            tcp: tcp_chains(port, capture).0,
        }
    }

    fn uses(&self) -> impl Iterator<Item = Use<'a>> {
        let services: Vec<_> = self.tcp.iter().map(|chain| chain.service).collect();
        services.into_iter().flat_map(|service| {
            service
                .targets
                .iter()
                .map(|target| (&target.to, service.policy.as_deref()))
        })
    }
}

impl Resource for Egress<'_> {
    const TYPE_URL: &'static str = type_url::LISTENER;

    fn name(&self) -> String {
        names::egress_listener(self.bind.address, self.bind.port)
    }

    fn compile(&self) -> Parts {
        let mut parts = Parts::default();
        parts.origins.push(self.origin.clone());
        let mut listener = Listener {
            name: self.name(),
            address: Some(self.bind.address()),
            traffic_direction: TrafficDirection::Outbound.into(),
            ..Default::default()
        };
        for port in &self.ports {
            listener.filter_chains.extend(self.http_chain(port));
            for chain in &port.tcp {
                let chain = self.tcp_chain(port, chain, &mut parts);
                listener.filter_chains.push(chain);
            }
        }
        if self.captured {
            self.complete_captured(&mut listener, &mut parts);
        }
        parts.bytes = listener.encode_to_vec();
        parts
    }
}

impl Egress<'_> {
    fn http_chain(&self, port: &Port<'_>) -> Option<FilterChain> {
        let protocol = port.http?;
        let filter = http::manager(Manager {
            stat_prefix: names::EGRESS_STAT_PREFIX.to_owned(),
            routes: names::egress_routes(protocol, port.number),
            place: Place::Egress {
                // Whatever the egress policy says now: a change of it shall not change the listener.
                by_host: (!self.captured).then_some(self.ip),
            },
            limited: None,
            faults: port.faults,
            access_log: self.access_log,
        });
        let name = format!("{}_{}", protocol.as_str(), port.number);
        let mut chain = super::chain_for_all(name, vec![filter]);
        chain.filter_chain_match = self.matching(port, &[]);
        Some(chain)
    }

    fn tcp_chain(&self, port: &Port<'_>, chain: &TcpChain<'_>, parts: &mut Parts) -> FilterChain {
        let service = chain.service;
        parts.origins.push(service.object.clone());
        parts.origins.push(service.origin.clone());
        let shares = shares(&service.targets, service.policy.as_deref(), &self.names);
        for share in &shares {
            let cluster = Str::from(share.cluster.as_str());
            parts.requires.push((type_url::CLUSTER, cluster));
        }
        let stat_prefix = names::egress_tcp_stat_prefix(&service.host, port.number);
        let filters = tcp::proxy(stat_prefix, shares, service.limits, self.access_log);
        let name = format!("tcp_{}_{}", port.number, service.host);
        let mut chain_of = super::chain_for_all(name, filters.into_iter().collect());
        chain_of.filter_chain_match = self.matching(port, &chain.addresses);
        chain_of
    }

    /// A listener of its own needs no match: what arrives is for its port.
    fn matching(&self, port: &Port<'_>, addresses: &[IpAddr]) -> Option<FilterChainMatch> {
        self.captured.then(|| FilterChainMatch {
            prefix_ranges: addresses.iter().copied().map(host_range).collect(),
            ..super::destination_port(port.number)
        })
    }

    /// What redirected traffic needs beside the declared ports.
    fn complete_captured(&self, listener: &mut Listener, parts: &mut Parts) {
        listener.listener_filters = vec![super::original_destination(), tls_inspector()];
        listener.continue_on_listener_filters_timeout = true;
        let amazonaws = names::amazonaws_cluster(self.names.mesh());
        listener.filter_chains.push(FilterChain {
            name: "amazonaws".to_owned(),
            filter_chain_match: Some(FilterChainMatch {
                server_names: vec![AMAZONAWS.to_owned()],
                ..super::destination_port(HTTPS)
            }),
            filters: self.pass_to(amazonaws, parts),
            ..Default::default()
        });
        if self.egress == EgressPolicy::AllowAll {
            let allow_all = names::allow_all_cluster(self.names.mesh());
            listener.default_filter_chain = Some(super::chain_for_all(
                "mesh-allow-all".to_owned(),
                self.pass_to(allow_all, parts),
            ));
        }
    }

    fn pass_to(&self, cluster: String, parts: &mut Parts) -> Vec<tulle_proto::listener::Filter> {
        let name = Str::from(cluster.as_str());
        parts.requires.push((type_url::CLUSTER, name));
        let stat_prefix = names::EGRESS_STAT_PREFIX.to_owned();
        let filter = tcp::proxy_to(stat_prefix, cluster, Limits::default(), self.access_log);
        filter.into_iter().collect()
    }
}

/// Reads the server name of TLS connections to port 443, the only ones that a name is asked of.
///
/// Everywhere else it is off, whether or not the port is declared: it waits for the client's first
/// bytes, so that a protocol in which the server speaks first would stand still. Being the same for
/// every set of declared ports it also lets Envoy change filter chains in place: a listener whose
/// listener filters change is replaced as a whole, and all its connections drained.
fn tls_inspector() -> ListenerFilter {
    let elsewhere = Rule::NotMatch(Box::new(super::port_predicate(HTTPS)));
    super::tls_inspector(Some(ListenerFilterChainMatchPredicate {
        rule: Some(elsewhere),
    }))
}

/// A single address as a range.
fn host_range(address: IpAddr) -> CidrRange {
    let length = match address {
        IpAddr::V4(_) => Ipv4Addr::BITS,
        IpAddr::V6(_) => std::net::Ipv6Addr::BITS,
    };
    CidrRange {
        address_prefix: address.to_string(),
        prefix_len: Some(wire::u32_value(length)),
    }
}
