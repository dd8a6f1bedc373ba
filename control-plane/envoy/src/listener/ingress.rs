//! What comes in to a sidecar.
//!
//! A secured port has a chain for other proxies, which are known by their ALPN protocol, and while it is
//! permissive a second one for all others. The chain for proxies does not match `tls` as the transport
//! protocol as well: nothing but a TLS hello says an ALPN protocol, and Envoy, which settles each
//! criterion before it looks at the next, would close connections of applications that speak TLS
//! themselves, for it would find no chain for them behind `tls`.
//!
//! A port for which the user says what TLS is used has a chain for TLS, and while plaintext is taken too a second one.

use std::time::Duration;

use prost::Message;
use tulle_model::extras::RateLimit;
use tulle_model::linked::{ProxyView, Sidecar};
use tulle_model::logging::AccessLog;
use tulle_model::policy::{Limits, MtlsMode, Protocol};
use tulle_model::settings::Settings;
use tulle_model::tls::{ServerTls, TlsMode};
use tulle_model::{Capture, ObjectId, Str};
use tulle_proto::core::TrafficDirection;
use tulle_proto::listener::listener_filter_chain_match_predicate::{MatchSet, Rule};
use tulle_proto::listener::{
    Filter, FilterChain, FilterChainMatch, Listener, ListenerFilterChainMatchPredicate,
};

use super::bind::Bind;
use super::http::{Manager, Place};
use super::{INBOUND_CAPTURE_PORT, chain_for_all, http, tcp};
use crate::cluster::Application;
use crate::plan::{Parts, Resource};
use crate::{mtls, names, rate_limit, tls, type_url, wire};

/// How long a permissive port of TCP waits for a hello before it takes the client for one that waits
/// itself, as in protocols in which the server speaks first. Proxies send their hello at once; this is
/// for one that is lost and sent again.
const TCP_HELLO_TIMEOUT: Duration = Duration::from_secs(1);

/// The listeners for what the application is sent; none if it listens on nothing.
pub(crate) fn ingress<'a>(
    view: &'a ProxyView,
    sidecar: &'a Sidecar,
    capture: Capture,
    settings: &Settings,
) -> Vec<Ingress<'a>> {
    let only = sidecar.inbound.len() == 1;
    let listener = |bind, ports: Vec<Port<'a>>, captured| Ingress {
        bind,
        captured,
        trust_domain: ports
            .iter()
            .any(Port::is_identified)
            .then(|| Str::from(settings.trust_domain.as_str())),
        ports,
        access_log: view.access_log.as_ref(),
        origin: &view.object,
    };
    let ports = sidecar.inbound.iter().map(|inbound| Port {
        number: inbound.port,
        protocol: inbound.protocol,
        // An HTTP port's limits are its route's.
        tcp: (!inbound.protocol.is_http()).then(|| Tcp {
            cluster: Application::name_of(view, inbound),
            limits: inbound.limits,
            rate_limit: inbound.rate_limit,
        }),
        limited: inbound.protocol.is_http() && inbound.rate_limit.is_some(),
        mtls: inbound.mtls,
        tls: inbound.tls.as_ref().filter(|tls| tls.takes_tls()),
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
    ports: Vec<Port<'a>>,
    /// Whose certificates are taken, where a port is secured.
    trust_domain: Option<Str>,
    access_log: Option<&'a AccessLog>,
    origin: &'a ObjectId,
}

#[derive(Debug, Hash)]
struct Port<'a> {
    number: u16,
    protocol: Protocol,
    tcp: Option<Tcp>,
    /// HTTP that may be limited by its routes.
    limited: bool,
    mtls: MtlsMode,
    tls: Option<&'a ServerTls>,
    /// The application has no other port.
    only: bool,
}

impl Port<'_> {
    /// Other proxies are known by their certificates.
    fn is_identified(&self) -> bool {
        self.mtls != MtlsMode::Off
    }

    /// Plaintext is taken.
    fn is_open(&self) -> bool {
        self.mtls != MtlsMode::Strict && self.tls.is_none_or(|tls| tls.mode != TlsMode::Strict)
    }

    /// The first bytes of a connection tell its chain.
    fn is_inspected(&self) -> bool {
        self.is_identified() || (self.tls.is_some() && self.is_open())
    }
}

#[derive(Debug, Hash)]
struct Tcp {
    cluster: String,
    limits: Limits,
    rate_limit: Option<RateLimit>,
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
            filter_chains: self
                .ports
                .iter()
                .flat_map(|port| self.chains(port))
                .collect(),
            ..Default::default()
        };
        if self.captured {
            listener.listener_filters = vec![super::original_destination()];
        }
        let tcp = self.ports.iter().filter_map(|port| port.tcp.as_ref());
        let mut parts = Parts {
            requires: tcp
                .map(|tcp| (type_url::CLUSTER, Str::from(tcp.cluster.as_str())))
                .collect(),
            origins: vec![self.origin.clone()],
            ..Default::default()
        };
        if self.ports.iter().any(Port::is_inspected) {
            self.inspect(&mut listener);
        }
        if self.trust_domain.is_some() {
            parts.requires.extend(mtls::requires());
        }
        for tls in self.ports.iter().filter_map(|port| port.tls) {
            parts.requires.extend(tls::server_requires(tls));
        }
        parts.bytes = listener.encode_to_vec();
        parts
    }
}

impl Ingress<'_> {
    fn chains(&self, port: &Port<'_>) -> impl Iterator<Item = FilterChain> {
        let trust_domain = self.trust_domain.as_ref();
        let secured = trust_domain.filter(|_| port.is_identified());
        let secured = secured.map(|trust_domain| self.secured_chain(port, trust_domain));
        let in_tls = port.tls.map(|tls| self.tls_chain(port, tls));
        let open = port.is_open().then(|| {
            let mut chain = self.chain(port, Place::Ingress { identified: false });
            chain.filter_chain_match = self.matching(port);
            chain
        });
        secured.into_iter().chain(in_tls).chain(open)
    }

    /// In TLS as the user has it.
    fn tls_chain(&self, port: &Port<'_>, tls: &ServerTls) -> FilterChain {
        let identified = tls.validation.is_some();
        let mut chain = self.chain(port, Place::Ingress { identified });
        chain.name.push_str("_tls");
        chain.filter_chain_match = self.matching(port);
        if port.is_open() {
            chain.filter_chain_match = Some(super::in_tls(chain.filter_chain_match));
        }
        chain.transport_socket = Some(tls::downstream(tls, port.protocol));
        chain
    }

    /// Of other proxies.
    fn secured_chain(&self, port: &Port<'_>, trust_domain: &str) -> FilterChain {
        let mut chain = self.chain(port, Place::Ingress { identified: true });
        chain.name.push_str("_mtls");
        chain.filter_chain_match = Some(FilterChainMatch {
            application_protocols: mtls::ALPN.map(str::to_owned).to_vec(),
            ..self.matching(port).unwrap_or_default()
        });
        chain.transport_socket = Some(mtls::downstream(trust_domain));
        chain
    }

    fn chain(&self, port: &Port<'_>, place: Place) -> FilterChain {
        let stat_prefix = names::ingress_stat_prefix(port.only, port.protocol, port.number);
        let filters: Vec<Filter> = match &port.tcp {
            Some(tcp) => {
                let limit = tcp.rate_limit.map(|limit| {
                    let config = rate_limit::network_filter(port.protocol, port.number, limit);
                    super::filter(rate_limit::NETWORK_FILTER, &config)
                });
                let proxy = tcp::proxy_to(
                    stat_prefix,
                    tcp.cluster.clone(),
                    tcp.limits,
                    self.access_log,
                );
                limit.into_iter().chain(proxy).collect()
            }
            None => vec![http::manager(Manager {
                stat_prefix,
                routes: names::ingress_routes(port.protocol, port.number),
                place,
                faults: false,
                limited: port.limited.then_some((port.protocol, port.number)),
                access_log: self.access_log,
            })],
        };
        let name = format!("{}_{}", port.protocol.as_str(), port.number);
        chain_for_all(name, filters)
    }

    /// A listener of its own needs no match: what arrives is for its port.
    fn matching(&self, port: &Port<'_>) -> Option<FilterChainMatch> {
        self.captured.then(|| super::destination_port(port.number))
    }

    /// Has the first bytes of connections looked at, but for ports on which they tell nothing.
    fn inspect(&self, listener: &mut Listener) {
        let plain = self.ports.iter().filter(|port| !port.is_inspected());
        let plain: Vec<u16> = plain.map(|port| port.number).collect();
        let inspector = super::tls_inspector(any_port(&plain));
        listener.listener_filters.push(inspector);
        if self.ports.iter().all(|port| !port.is_open()) {
            return;
        }
        // Whoever says nothing speaks no TLS: in that the client says its hello at once.
        listener.continue_on_listener_filters_timeout = true;
        let waits = |port: &Port<'_>| port.is_inspected() && port.is_open() && port.tcp.is_some();
        if self.ports.iter().any(waits) {
            listener.listener_filters_timeout = Some(wire::duration(TCP_HELLO_TIMEOUT));
        }
    }
}

/// Connections to one of these ports; `None` if there is none.
fn any_port(ports: &[u16]) -> Option<ListenerFilterChainMatchPredicate> {
    match ports {
        [] => None,
        [only] => Some(super::port_predicate(*only)),
        several => Some(ListenerFilterChainMatchPredicate {
            rule: Some(Rule::OrMatch(MatchSet {
                rules: several
                    .iter()
                    .map(|port| super::port_predicate(*port))
                    .collect(),
            })),
        }),
    }
}
