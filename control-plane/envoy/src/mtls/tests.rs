use prost::Message;
use tulle_model::Capture;
use tulle_model::linked::{Discovery, ProxyView, Role};
use tulle_model::policy::{EgressPolicy, MtlsMode};
use tulle_model::settings::Settings;
use tulle_proto::cluster::Cluster;
use tulle_proto::endpoint::ClusterLoadAssignment;
use tulle_proto::http_connection_manager::HttpConnectionManager;
use tulle_proto::http_connection_manager::http_connection_manager::ForwardClientCertDetails;
use tulle_proto::listener::filter::ConfigType as FilterConfig;
use tulle_proto::listener::{FilterChain, FilterChainMatch, Listener};

use super::*;
use crate::fixture::{endpoint_set, gateway, secured, sidecar};
use crate::plan::{Compiled, plan};

fn settings() -> Settings {
    Settings {
        trust_domain: "td".to_owned(),
        ..Settings::default()
    }
}

fn compiled(view: &ProxyView, capture: Capture) -> Vec<Compiled> {
    let plan = plan(view, capture, &settings());
    let resources = plan.resources.iter();
    resources.map(|resource| resource.compile()).collect()
}

fn clusters(view: &ProxyView) -> Vec<(Compiled, Cluster)> {
    let all = compiled(view, Capture::Transparent).into_iter();
    all.filter(|own| own.type_url == type_url::CLUSTER)
        .map(|own| {
            let cluster = Cluster::decode(&*own.bytes).unwrap();
            (own, cluster)
        })
        .collect()
}

/// A sidecar in a mode for each of its ports: 8080 HTTP, 9000 gRPC, 9100 TCP.
fn inbound(modes: [MtlsMode; 3]) -> (Compiled, Listener) {
    let mut view = secured(sidecar(EgressPolicy::DropAll), MtlsMode::Off);
    if let Role::Sidecar(sidecar) = &mut view.role {
        for (inbound, mode) in sidecar.inbound.iter_mut().zip(modes) {
            inbound.mtls = mode;
        }
    }
    let all = compiled(&view, Capture::Transparent).into_iter();
    all.filter(|own| &*own.name == "lds_ingress_0.0.0.0_15000")
        .map(|own| {
            let listener = Listener::decode(&*own.bytes).unwrap();
            (own, listener)
        })
        .next()
        .unwrap()
}

fn decoded<M: Message + Default>(socket: &TransportSocket) -> M {
    match &socket.config_type {
        Some(ConfigType::TypedConfig(any)) => M::decode(&*any.value).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn manager(chain: &FilterChain) -> HttpConnectionManager {
    match &chain.filters[0].config_type {
        Some(FilterConfig::TypedConfig(any)) => HttpConnectionManager::decode(&*any.value).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Who may be at the other end.
fn names(context: &CommonTlsContext) -> Vec<String> {
    let Some(ValidationContextType::CombinedValidationContext(combined)) =
        &context.validation_context_type
    else {
        panic!("{context:?}");
    };
    let roots = combined.validation_context_sds_secret_config.as_ref();
    assert_eq!(roots.unwrap().name, "ROOTCA");
    let own = combined.default_validation_context.as_ref().unwrap();
    let matchers = own.match_typed_subject_alt_names.iter();
    matchers
        .map(|own| {
            assert_eq!(own.san_type(), SanType::Uri);
            match own.matcher.clone().unwrap().match_pattern.unwrap() {
                MatchPattern::Exact(text) => format!("={text}"),
                MatchPattern::Prefix(text) => format!("^{text}"),
                other => panic!("{other:?}"),
            }
        })
        .collect()
}

fn has_own_certificate(context: &CommonTlsContext) {
    let own: Vec<_> = context
        .tls_certificate_sds_secret_configs
        .iter()
        .map(|own| own.name.as_str())
        .collect();
    assert_eq!(own, ["default"]);
    let versions = context.tls_params.clone().unwrap();
    assert_eq!(versions.tls_minimum_protocol_version(), TlsProtocol::TlSv13);
}

#[test]
fn clients_expect_the_identities_behind_a_cluster_with_endpoints() {
    for view in [sidecar(EgressPolicy::DropAll), gateway()] {
        let view = secured(view, MtlsMode::Permissive);
        let mut protocols = Vec::new();
        for (compiled, cluster) in clusters(&view) {
            let own = view
                .clusters
                .iter()
                .find(|own| crate::names::egress_cluster("shop", &own.to) == cluster.name);
            let by_endpoints =
                own.is_some_and(|own| matches!(own.discovery, Discovery::Endpoints(_)));
            if !by_endpoints {
                assert!(cluster.transport_socket_matches.is_empty());
                continue;
            }
            let secrets = compiled.requires.iter();
            let secrets = secrets.filter(|(url, _)| *url == type_url::SECRET);
            assert_eq!(secrets.count(), 2);
            let [matched] = &cluster.transport_socket_matches[..] else {
                panic!("{cluster:?}");
            };
            assert_eq!(matched.r#match, Some(mark()));
            let socket = matched.transport_socket.as_ref().unwrap();
            let context: UpstreamTlsContext = decoded(socket);
            let common = context.common_tls_context.unwrap();
            has_own_certificate(&common);
            assert_eq!(
                names(&common),
                ["=spiffe://td/ns/shop/sa/a", "=spiffe://td/ns/shop/sa/b"]
            );
            let to = &own.unwrap().to;
            let expected = format!("outbound_.{}_._.{}.shop", to.port, to.workload.name);
            assert_eq!(context.sni, expected);
            protocols.push((to.protocol, common.alpn_protocols.join(" ")));
        }
        protocols.sort();
        protocols.dedup();
        assert!(!protocols.is_empty());
        for (protocol, alpn) in protocols {
            assert_eq!(
                alpn,
                match protocol {
                    Protocol::Http => "istio-http/1.1",
                    Protocol::Http2 | Protocol::Grpc => "istio-h2",
                    Protocol::Tcp => "istio",
                }
            );
        }
    }
}

#[test]
fn endpoints_that_take_it_are_marked() {
    let mut set = endpoint_set("10.0.0.1", 80);
    let mut other = set.endpoints[0].clone();
    other.ip = "10.0.0.2".parse().unwrap();
    other.mtls = true;
    set.endpoints.push(other);
    let compiled = crate::endpoints("cds", &set, None);
    let message = ClusterLoadAssignment::decode(&*compiled.bytes).unwrap();
    let endpoints = message.endpoints[0].lb_endpoints.iter();
    let marks: Vec<_> = endpoints.map(|own| own.metadata.clone()).collect();
    assert_eq!(marks[0], None);
    let marks = &marks[1].as_ref().unwrap().filter_metadata;
    assert_eq!(marks["envoy.transport_socket_match"], mark());
}

#[test]
fn a_permissive_port_takes_proxies_by_mtls_and_all_others_as_before() {
    let (compiled, listener) = inbound([MtlsMode::Permissive; 3]);
    let (_, before) = inbound([MtlsMode::Off; 3]);
    assert_eq!(listener.filter_chains.len(), 6);
    for (own, before) in listener.filter_chains.chunks(2).zip(&before.filter_chains) {
        let [secured, open] = own else { panic!() };
        assert_eq!(open, before);
        assert_eq!(secured.name, format!("{}_mtls", open.name));
        let matching = secured.filter_chain_match.clone().unwrap();
        assert_eq!(matching.application_protocols, ALPN);
        assert_eq!(matching.transport_protocol, "");
        let rest = FilterChainMatch {
            application_protocols: Vec::new(),
            ..matching
        };
        assert_eq!(Some(rest), open.filter_chain_match);
        let socket = secured.transport_socket.as_ref().unwrap();
        let context: DownstreamTlsContext = decoded(socket);
        assert!(context.require_client_certificate.unwrap().value);
        let common = context.common_tls_context.unwrap();
        has_own_certificate(&common);
        assert_eq!(names(&common), ["^spiffe://td/"]);
        assert!(common.alpn_protocols.is_empty());
    }
    // Whom the application believes.
    let [secured, open] = &listener.filter_chains[..2] else {
        panic!()
    };
    let (secured, open) = (manager(secured), manager(open));
    assert_eq!(secured.stat_prefix, open.stat_prefix);
    let told = |manager: &HttpConnectionManager| manager.forward_client_cert_details();
    assert_eq!(told(&secured), ForwardClientCertDetails::SanitizeSet);
    assert_eq!(told(&open), ForwardClientCertDetails::Sanitize);
    let secrets = compiled.requires.iter();
    let secrets = secrets.filter(|(url, _)| *url == type_url::SECRET);
    assert_eq!(secrets.count(), 2);
}

#[test]
fn a_strict_port_takes_proxies_alone() {
    let (_, listener) = inbound([MtlsMode::Strict; 3]);
    let names: Vec<_> = listener
        .filter_chains
        .iter()
        .map(|own| &*own.name)
        .collect();
    assert_eq!(names, ["http_8080_mtls", "grpc_9000_mtls", "tcp_9100_mtls"]);
    assert!(listener.default_filter_chain.is_none());
    assert!(!listener.continue_on_listener_filters_timeout);
}

#[test]
fn only_ports_that_are_secured_have_their_first_bytes_looked_at() {
    use MtlsMode::{Off, Permissive, Strict};
    let (compiled, listener) = inbound([Off; 3]);
    assert_eq!(listener.listener_filters.len(), 1);
    assert!(
        compiled
            .requires
            .iter()
            .all(|(url, _)| *url != type_url::SECRET)
    );
    for (modes, unsecured, continues, timeout) in [
        ([Permissive; 3], 0, true, Some(1)),
        ([Permissive, Permissive, Off], 1, true, None),
        ([Permissive, Permissive, Strict], 0, true, None),
        ([Off, Off, Strict], 2, true, None),
        ([Strict; 3], 0, false, None),
    ] {
        let (_, listener) = inbound(modes);
        let inspector = &listener.listener_filters[1];
        assert_eq!(inspector.name, "envoy.filters.listener.tls_inspector");
        let disabled = format!("{:?}", inspector.filter_disabled);
        let ranges = disabled.matches("DestinationPortRange").count();
        assert_eq!(ranges, unsecured, "{modes:?}");
        assert_eq!(listener.continue_on_listener_filters_timeout, continues);
        let seconds = listener.listener_filters_timeout.map(|own| own.seconds);
        assert_eq!(seconds, timeout, "{modes:?}");
    }
}

#[test]
fn ports_of_their_own_are_secured_alike() {
    let view = secured(sidecar(EgressPolicy::DropAll), MtlsMode::Permissive);
    let capture = "loopback=127.80.1.0/29".parse().unwrap();
    let all = compiled(&view, capture).into_iter();
    let listeners = all.filter(|own| own.name.starts_with("lds_ingress"));
    for compiled in listeners {
        let listener = Listener::decode(&*compiled.bytes).unwrap();
        let [secured, open] = &listener.filter_chains[..] else {
            panic!("{listener:?}");
        };
        assert_eq!(open.filter_chain_match, None);
        let matching = secured.filter_chain_match.as_ref().unwrap();
        assert_eq!(matching.destination_port, None);
        assert_eq!(listener.listener_filters.len(), 1);
    }
}
