use std::time::Duration;

use prost::Message;
use tulle_model::linked::{ProxyView, Role};
use tulle_model::policy::{EgressPolicy, MtlsMode};
use tulle_model::settings::Settings;
use tulle_proto::http_connection_manager::HttpConnectionManager;
use tulle_proto::listener::filter::ConfigType;
use tulle_proto::listener::{Filter, Listener};

use super::*;
use crate::fixture;
use crate::plan::plan;
use crate::type_url;

fn seconds(tokens: u32, interval: Duration) -> String {
    let limit = RateLimit {
        tokens,
        interval,
        burst: 1,
    };
    retry_after(limit).header.unwrap().value
}

#[test]
fn whoever_is_refused_is_told_when_there_is_a_token_again() {
    assert_eq!(seconds(1, Duration::from_secs(60)), "60");
    assert_eq!(seconds(7, Duration::from_secs(60)), "9");
    assert_eq!(seconds(100, Duration::from_secs(1)), "1");
    assert_eq!(seconds(1, Duration::from_millis(50)), "1");
    assert_eq!(seconds(u32::MAX, Duration::from_secs(86_400)), "1");
    assert_eq!(seconds(1, Duration::from_secs(86_400)), "86400");
}

fn limit(tokens: u32) -> Option<RateLimit> {
    Some(RateLimit {
        tokens,
        interval: Duration::from_secs(1),
        burst: 2 * tokens,
    })
}

/// A sidecar whose ports all have this limit and take other proxies beside plaintext.
fn sidecar(limit: Option<RateLimit>) -> ProxyView {
    let mut view = fixture::sidecar(EgressPolicy::DropAll);
    if let Role::Sidecar(sidecar) = &mut view.role {
        for inbound in &mut sidecar.inbound {
            inbound.rate_limit = limit;
            inbound.mtls = MtlsMode::Permissive;
        }
    }
    view
}

fn gateway(limit: Option<RateLimit>) -> ProxyView {
    let mut view = fixture::gateway();
    if let Role::Gateway(gateway) = &mut view.role {
        gateway.listeners[0].rate_limit = limit;
    }
    view
}

/// Names and versions, and the messages of one type.
fn compiled<M: Message + Default>(view: &ProxyView, type_url: &str) -> Vec<(String, M)> {
    let plan = plan(view, "transparent".parse().unwrap(), &Settings::default());
    let of_type = plan.resources.iter().filter(|own| own.type_url == type_url);
    of_type
        .map(|own| {
            let message = M::decode(&*own.compile().bytes).unwrap();
            (format!("{} {:?}", own.name, own.version), message)
        })
        .collect()
}

fn config<M: Message + Default>(filter: &Filter) -> M {
    let Some(ConfigType::TypedConfig(any)) = &filter.config_type else {
        panic!("no config");
    };
    M::decode(&*any.value).unwrap()
}

/// The filters of each chain that takes what comes in.
fn chains(view: &ProxyView) -> Vec<(String, Vec<String>)> {
    let listeners = compiled::<Listener>(view, type_url::LISTENER).into_iter();
    let ingress = listeners.filter(|(name, _)| name.starts_with("lds_ingress"));
    let chains = ingress.flat_map(|(_, listener)| listener.filter_chains);
    chains
        .map(|chain| {
            let first = &chain.filters[0];
            let names = match first.name.ends_with("http_connection_manager") {
                true => {
                    let manager = config::<HttpConnectionManager>(first);
                    let filters = manager.http_filters.into_iter();
                    filters.map(|filter| filter.name).collect()
                }
                false => chain.filters.into_iter().map(|own| own.name).collect(),
            };
            (chain.name, names)
        })
        .collect()
}

#[test]
fn every_chain_of_a_limited_port_is_limited_first_of_all() {
    let chains_of_limited = chains(&sidecar(limit(5)));
    assert_eq!(chains_of_limited.len(), 6);
    for (name, filters) in chains_of_limited {
        assert!(
            filters[0].ends_with(".local_ratelimit"),
            "{name} {filters:?}"
        );
        assert_eq!(filters.len(), 2);
    }
    for (name, filters) in chains(&sidecar(None)) {
        assert_eq!(filters.len(), 1, "{name} {filters:?}");
    }
    let limited = |(_, filters): &(String, Vec<String>)| filters[0] == HTTP_FILTER;
    let chains = chains(&gateway(limit(5)));
    assert_eq!(chains.iter().filter(|chain| limited(chain)).count(), 1);
}

#[test]
fn buckets_are_those_of_routes_and_named_by_the_port() {
    for view in [sidecar(limit(5)), gateway(limit(5))] {
        let routes = compiled::<RouteConfiguration>(&view, type_url::ROUTES);
        let mut buckets = routes.iter().filter_map(|(_, routes)| {
            let any = routes.typed_per_filter_config.get(HTTP_FILTER)?;
            Some(LocalRateLimit::decode(&*any.value).unwrap())
        });
        let config = buckets.next().unwrap();
        let bucket = config.token_bucket.unwrap();
        assert_eq!(
            (bucket.max_tokens, bucket.tokens_per_fill.unwrap().value),
            (10, 5)
        );
        assert!(config.stat_prefix.starts_with("ingress_http_"));
        assert!(config.filter_enabled.is_some() && config.filter_enforced.is_some());
    }
}

#[test]
fn another_limit_changes_routes_and_no_http_listener() {
    let names = |view: &ProxyView, type_url| -> Vec<String> {
        let compiled = compiled::<RouteConfiguration>(view, type_url).into_iter();
        compiled.map(|(name, _)| name).collect()
    };
    let (one, other) = (gateway(limit(5)), gateway(limit(6)));
    let listeners = |view| {
        let all = compiled::<Listener>(view, type_url::LISTENER).into_iter();
        all.map(|(name, _)| name).collect::<Vec<String>>()
    };
    assert_eq!(listeners(&one), listeners(&other));
    assert_ne!(
        names(&one, type_url::ROUTES),
        names(&other, type_url::ROUTES)
    );
}
