//! Envoy's local rate limits: buckets of tokens in each proxy's own memory, shared by all of its threads.
//!
//! Where HTTP comes in the filter stands in the listener and counts nothing by itself; the bucket is the route configuration's.
//! So all filter chains of a port, in TLS or not, take from one bucket, and a limit that is changed closes no connection.
//! TCP has no routes: there the filters of all chains name one key, under which Envoy has them share a bucket.

use tulle_model::extras::RateLimit;
use tulle_model::policy::Protocol;
use tulle_proto::core::header_value_option::HeaderAppendAction;
use tulle_proto::core::{HeaderValue, HeaderValueOption, RuntimeFractionalPercent};
use tulle_proto::pb::envoy::extensions::filters::http::local_ratelimit::v3::LocalRateLimit;
use tulle_proto::pb::envoy::extensions::filters::network::local_ratelimit::v3::LocalRateLimit as NetworkLocalRateLimit;
use tulle_proto::pb::envoy::r#type::v3::{FractionalPercent, TokenBucket};
use tulle_proto::route::RouteConfiguration;

use crate::{names, wire};

/// The HTTP filter's name, by which its part of a route configuration finds it.
pub(crate) const HTTP_FILTER: &str = "envoy.filters.http.local_ratelimit";
/// The network filter's name.
pub(crate) const NETWORK_FILTER: &str = "envoy.filters.network.local_ratelimit";

/// The HTTP filter of a port whose route configuration may hold a bucket.
pub(crate) fn http_filter(protocol: Protocol, port: u16) -> LocalRateLimit {
    LocalRateLimit {
        stat_prefix: names::rate_limit_stat_prefix(protocol, port),
        ..Default::default()
    }
}

/// Has every request that a port's routes take counted. Those that none takes are answered 404 as ever.
pub(crate) fn limit_routes(
    configuration: &mut RouteConfiguration,
    protocol: Protocol,
    port: u16,
    limit: RateLimit,
) {
    let config = LocalRateLimit {
        token_bucket: Some(bucket(limit)),
        filter_enabled: Some(always()),
        filter_enforced: Some(always()),
        response_headers_to_add: vec![retry_after(limit)],
        rate_limited_as_resource_exhausted: true,
        ..http_filter(protocol, port)
    };
    let filters = &mut configuration.typed_per_filter_config;
    filters.insert(HTTP_FILTER.to_owned(), tulle_proto::any(&config));
}

/// The network filter of a port, which closes connections beyond the limit.
pub(crate) fn network_filter(
    protocol: Protocol,
    port: u16,
    limit: RateLimit,
) -> NetworkLocalRateLimit {
    let name = names::rate_limit_stat_prefix(protocol, port);
    NetworkLocalRateLimit {
        stat_prefix: name.clone(),
        share_key: name,
        token_bucket: Some(bucket(limit)),
        ..Default::default()
    }
}

fn bucket(limit: RateLimit) -> TokenBucket {
    TokenBucket {
        max_tokens: limit.burst,
        tokens_per_fill: Some(wire::u32_value(limit.tokens)),
        fill_interval: Some(wire::duration(limit.interval)),
    }
}

fn always() -> RuntimeFractionalPercent {
    RuntimeFractionalPercent {
        default_value: Some(FractionalPercent {
            numerator: 100,
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// In how many whole seconds there is a token again, at the latest, if nobody else takes it. Envoy's own header of that name is
/// not known to all versions.
fn retry_after(limit: RateLimit) -> HeaderValueOption {
    let one = limit.interval / limit.tokens.max(1);
    let seconds = one.as_secs() + u64::from(one.subsec_nanos() > 0);
    HeaderValueOption {
        header: Some(HeaderValue {
            key: "retry-after".to_owned(),
            value: seconds.max(1).to_string(),
            ..Default::default()
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
