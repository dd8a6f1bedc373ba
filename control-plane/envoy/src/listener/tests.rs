use prost::Message;
use tulle_model::linked::{ProxyView, Role};
use tulle_model::logging::LogFormat;
use tulle_model::policy::{EgressPolicy, IpPreference};
use tulle_model::settings::Settings;
use tulle_model::{Capture, Str};
use tulle_proto::accesslog::AccessLog;
use tulle_proto::core::TrafficDirection;
use tulle_proto::http_connection_manager::HttpConnectionManager;
use tulle_proto::http_connection_manager::http_connection_manager::RouteSpecifier;
use tulle_proto::listener::filter::ConfigType;
use tulle_proto::listener::{Filter, FilterChain, Listener};
use tulle_proto::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;

use super::tcp_chains;
use crate::fixture::{gateway, http_port, sidecar, tcp};
use crate::plan::{Compiled, plan};
use crate::type_url;

const LOOPBACK: &str = "loopback=127.80.1.0/29";

fn listeners(view: &ProxyView, capture: &str) -> Vec<(Compiled, Listener)> {
    listeners_with(view, capture, &Settings::default())
}

fn listeners_with(
    view: &ProxyView,
    capture: &str,
    settings: &Settings,
) -> Vec<(Compiled, Listener)> {
    let plan = plan(view, capture.parse().unwrap(), settings);
    let planned = plan
        .resources
        .iter()
        .filter(|r| r.type_url == type_url::LISTENER);
    let compiled = planned.map(|listener| listener.compile());
    compiled
        .map(|c| {
            let m = Listener::decode(&*c.bytes).unwrap();
            (c, m)
        })
        .collect()
}

fn names(view: &ProxyView, capture: &str) -> Vec<String> {
    let listeners = listeners(view, capture);
    listeners
        .into_iter()
        .map(|(_, listener)| listener.name)
        .collect()
}

fn chain<'a>(listener: &'a Listener, name: &str) -> &'a FilterChain {
    listener
        .filter_chains
        .iter()
        .find(|chain| chain.name == name)
        .unwrap()
}

fn config<M: Message + Default>(filter: &Filter) -> M {
    let Some(ConfigType::TypedConfig(any)) = &filter.config_type else {
        panic!("no config");
    };
    M::decode(&*any.value).unwrap()
}

fn manager(chain: &FilterChain) -> HttpConnectionManager {
    config(&chain.filters[0])
}

fn routes_of(manager: &HttpConnectionManager) -> &str {
    match &manager.route_specifier {
        Some(RouteSpecifier::Rds(rds)) => &rds.route_config_name,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_listener_takes_all_redirected_outbound_traffic() {
    let (compiled, listener) = listeners(&sidecar(EgressPolicy::DropAll), "transparent").remove(0);
    assert_eq!(listener.name, "lds_egress_0.0.0.0_15001");
    assert_eq!(listener.traffic_direction(), TrafficDirection::Outbound);
    let chains: Vec<_> = listener
        .filter_chains
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    let expected = [
        "http_80",
        "tcp_443_store.shop",
        "http_6379",
        "tcp_6379_cache.shop",
        "tcp_6379_other.shop",
        "amazonaws",
    ];
    assert_eq!(chains, expected);
    assert!(listener.default_filter_chain.is_none());
    let web = manager(chain(&listener, "http_80"));
    assert_eq!(
        (web.stat_prefix.as_str(), routes_of(&web)),
        ("egress", "rds_egress_http_80")
    );
    assert!(web.merge_slashes && web.normalize_path.unwrap().value);
    let needed: Vec<Str> = compiled
        .requires
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    let expected: [Str; 3] = [
        "cds_egress_shop_amazonaws".into(),
        "cds_egress_shop_cache_shop_tcp_6379".into(),
        "cds_egress_shop_store_shop_tcp_5432".into(),
    ];
    // The store's listener is reached on another port than its own.
    assert_eq!(needed[..2], expected[..2]);
    assert_eq!(needed.len(), 3);
}

#[test]
fn tcp_services_that_share_a_port_are_told_apart_by_address() {
    let (_, listener) = listeners(&sidecar(EgressPolicy::DropAll), "transparent").remove(0);
    let ranges = |name: &str| -> Vec<String> {
        let chain_match = chain(&listener, name).filter_chain_match.clone().unwrap();
        let ranges = chain_match.prefix_ranges.into_iter();
        ranges
            .map(|r| format!("{}/{}", r.address_prefix, r.prefix_len.unwrap().value))
            .collect()
    };
    assert_eq!(
        ranges("tcp_6379_cache.shop"),
        ["10.0.0.9/32", "fd00::9/128"]
    );
    // An address that the first has is not given twice, and nobody gets the traffic of weight zero.
    assert_eq!(ranges("tcp_6379_other.shop"), ["10.0.0.8/32"]);
    assert!(chain(&listener, "tcp_6379_other.shop").filters.is_empty());
    let cache: TcpProxy = config(&chain(&listener, "tcp_6379_cache.shop").filters[0]);
    assert_eq!(cache.stat_prefix, "egress.cache.shop.6379");
    assert_eq!(cache.idle_timeout.unwrap().seconds, 0);
}

#[test]
fn allowing_undeclared_destinations_adds_a_default_chain_and_nothing_else() {
    let (_, drop) = listeners(&sidecar(EgressPolicy::DropAll), "transparent").remove(0);
    let (_, mut allow) = listeners(&sidecar(EgressPolicy::AllowAll), "transparent").remove(0);
    assert!(allow.default_filter_chain.take().is_some());
    assert_eq!(drop, allow);
}

#[test]
fn listener_filters_do_not_follow_from_the_declared_ports() {
    let full = listeners(&sidecar(EgressPolicy::DropAll), "transparent")
        .remove(0)
        .1;
    let empty = listeners(&crate::fixture::view(), "transparent")
        .remove(0)
        .1;
    assert_eq!(full.listener_filters, empty.listener_filters);
    assert!(full.listener_filters[1].filter_disabled.is_some());
}

#[test]
fn routes_of_http_services_do_not_change_the_listener() {
    let view = sidecar(EgressPolicy::DropAll);
    let mut other = view.clone();
    let Role::Sidecar(part) = &mut other.role else {
        panic!("no sidecar");
    };
    std::sync::Arc::make_mut(&mut part.outbound[0]).http.pop();
    let version = |view| listeners(view, "transparent").remove(0).0.version;
    assert_eq!(version(&view), version(&other));
}

#[test]
fn without_redirection_there_is_a_listener_a_port() {
    let view = sidecar(EgressPolicy::AllowAll);
    let expected = [
        "lds_egress_127.80.1.1_80",
        "lds_egress_127.80.1.1_443",
        "lds_egress_127.80.1.1_6379",
        "lds_ingress_127.80.1.2_8080",
        "lds_ingress_127.80.1.2_9000",
        "lds_ingress_127.80.1.2_9100",
    ];
    assert_eq!(names(&view, LOOPBACK), expected);
    for (_, listener) in listeners(&view, LOOPBACK) {
        assert!(listener.listener_filters.is_empty());
        assert_eq!(listener.filter_chains.len(), 1);
        assert!(listener.filter_chains[0].filter_chain_match.is_none());
    }
}

#[test]
fn inbound_ports_have_statistics_of_their_own_if_there_are_several() {
    let mut view = sidecar(EgressPolicy::DropAll);
    let (_, listener) = listeners(&view, "transparent").remove(1);
    assert_eq!(listener.name, "lds_ingress_0.0.0.0_15000");
    assert_eq!(
        manager(chain(&listener, "grpc_9000")).stat_prefix,
        "ingress.grpc.9000"
    );
    let Role::Sidecar(part) = &mut view.role else {
        panic!("no sidecar");
    };
    part.inbound.truncate(1);
    let (_, listener) = listeners(&view, "transparent").remove(1);
    let manager = manager(chain(&listener, "http_8080"));
    assert_eq!(
        (manager.stat_prefix.as_str(), routes_of(&manager)),
        ("ingress", "rds_ingress_http_8080")
    );
    assert!(manager.normalize_path.is_none() && !manager.merge_slashes);
    let Role::Sidecar(part) = &mut view.role else {
        panic!("no sidecar");
    };
    part.inbound.clear();
    assert_eq!(names(&view, "transparent"), ["lds_egress_0.0.0.0_15001"]);
}

#[test]
fn a_family_preference_binds_both_families() {
    let mut view = sidecar(EgressPolicy::DropAll);
    view.ip = IpPreference::V6Only;
    assert_eq!(
        names(&view, "transparent"),
        ["lds_egress_::_15001", "lds_ingress_::_15000"]
    );
}

#[test]
fn a_gateway_trusts_the_proxies_before_it() {
    let settings = Settings {
        trusted_hops: 2,
        ..Default::default()
    };
    let listeners = listeners_with(&gateway(), "transparent", &settings);
    let names: Vec<_> = listeners.iter().map(|(_, l)| l.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "lds_ingress_0.0.0.0_port_8088",
            "lds_ingress_0.0.0.0_port_8089"
        ]
    );
    let manager = manager(&listeners[0].1.filter_chains[0]);
    assert!(manager.use_remote_address.unwrap().value);
    assert_eq!(manager.xff_num_trusted_hops, 2);
    assert_eq!(
        self::names(&gateway(), LOOPBACK)[0],
        "lds_ingress_127.80.1.2_port_8088"
    );
}

#[test]
fn a_tcp_service_without_a_way_to_it_is_told() {
    let anywhere = || tcp("a", 5432, &[], &[("a", 1)]);
    let somewhere = tcp("b", 5432, &["10.0.0.1"], &[("b", 1)]);
    let port = http_port(5432, Vec::new(), vec![anywhere(), anywhere(), somewhere]);
    let (chains, hidden) = tcp_chains(&port, Capture::Transparent);
    assert_eq!((chains.len(), hidden.len()), (2, 1));
    let (chains, hidden) = tcp_chains(&port, LOOPBACK.parse().unwrap());
    assert_eq!((chains.len(), hidden.len()), (1, 2));
    let shared = http_port(80, vec![crate::fixture::colour()], vec![anywhere()]);
    let (chains, hidden) = tcp_chains(&shared, Capture::Transparent);
    assert_eq!((chains.len(), hidden.len()), (0, 1));
}

/// The access logs of each HTTP connection manager and TCP proxy.
fn access_logs(view: &ProxyView) -> Vec<Vec<AccessLog>> {
    let listeners = listeners(view, "transparent");
    let chains = listeners.into_iter().flat_map(|(_, listener)| {
        let default = listener.default_filter_chain;
        listener.filter_chains.into_iter().chain(default)
    });
    let filters = chains.flat_map(|chain| chain.filters);
    let logs = filters.map(|filter| {
        let Some(ConfigType::TypedConfig(config)) = filter.config_type else {
            panic!("no config");
        };
        if filter.name.ends_with("tcp_proxy") {
            TcpProxy::decode(&*config.value).unwrap().access_log
        } else {
            let manager = HttpConnectionManager::decode(&*config.value).unwrap();
            assert!(manager.tracing.is_some());
            manager.access_log
        }
    });
    logs.collect()
}

#[test]
fn every_request_and_connection_is_logged_where_the_user_says() {
    for mut view in [sidecar(EgressPolicy::AllowAll), gateway()] {
        let none = access_logs(&view);
        assert!(none.len() >= 2 && none.iter().all(Vec::is_empty));
        for (path, name) in [
            ("/dev/stdout", "envoy.access_loggers.stdout"),
            ("/dev/stderr", "envoy.access_loggers.stderr"),
            ("/var/log/envoy", "envoy.access_loggers.file"),
        ] {
            view.access_log = Some(tulle_model::logging::AccessLog {
                path: path.into(),
                format: LogFormat::Json(vec![("a".into(), "%PROTOCOL%".into())]),
            });
            let logs = access_logs(&view);
            assert_eq!(logs.len(), none.len());
            assert!(logs.iter().all(|log| log.len() == 1 && log[0].name == name));
        }
    }
}
