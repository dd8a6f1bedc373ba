//! Listeners (LDS): where a proxy takes traffic from, and which routes or clusters it hands it to.
//!
//! What is in a listener does not follow from what is in its routes: a listener that changes drains the
//! connections of its changed filter chains, a route configuration that changes disturbs nobody.

mod access_log;
mod bind;
mod egress;
mod gateway;
mod http;
mod ingress;
mod tcp;
mod tcp_chains;

use tulle_proto::listener::filter::ConfigType;
use tulle_proto::listener::listener_filter::ConfigType as ListenerConfigType;
use tulle_proto::listener::listener_filter_chain_match_predicate::Rule;
use tulle_proto::listener::{
    Filter, FilterChain, FilterChainMatch, ListenerFilter, ListenerFilterChainMatchPredicate,
};
use tulle_proto::pb::envoy::extensions::filters::listener::original_dst::v3::OriginalDst;
use tulle_proto::pb::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
use tulle_proto::pb::envoy::r#type::v3::Int32Range;

use crate::wire;

pub(crate) use egress::egress;
pub(crate) use gateway::gateway;
pub(crate) use ingress::ingress;
pub(crate) use tcp_chains::tcp_chains;

/// Where redirected outbound traffic arrives.
pub const OUTBOUND_CAPTURE_PORT: u16 = 15001;
/// Where redirected inbound traffic arrives.
pub const INBOUND_CAPTURE_PORT: u16 = 15000;

/// Makes a redirected connection's original destination the one that filter chains match.
fn original_destination() -> ListenerFilter {
    listener_filter(
        "envoy.filters.listener.original_dst",
        &OriginalDst::default(),
        None,
    )
}

fn listener_filter<M: prost::Name>(
    name: &str,
    config: &M,
    filter_disabled: Option<ListenerFilterChainMatchPredicate>,
) -> ListenerFilter {
    ListenerFilter {
        name: name.to_owned(),
        filter_disabled,
        config_type: Some(ListenerConfigType::TypedConfig(tulle_proto::any(config))),
    }
}

fn filter<M: prost::Name>(name: &str, config: &M) -> Filter {
    Filter {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(tulle_proto::any(config))),
    }
}

/// Connections to one destination port.
fn destination_port(port: u16) -> FilterChainMatch {
    FilterChainMatch {
        destination_port: Some(wire::u32_value(port.into())),
        ..Default::default()
    }
}

/// Connections in TLS; those that are not go where no transport protocol is asked for.
fn in_tls(of: Option<FilterChainMatch>) -> FilterChainMatch {
    FilterChainMatch {
        transport_protocol: "tls".to_owned(),
        ..of.unwrap_or_default()
    }
}

/// Reads the hello of TLS connections, but for those that `disabled` says.
fn tls_inspector(disabled: Option<ListenerFilterChainMatchPredicate>) -> ListenerFilter {
    listener_filter(
        "envoy.filters.listener.tls_inspector",
        &TlsInspector::default(),
        disabled,
    )
}

/// Connections whose original destination is this port.
fn port_predicate(port: u16) -> ListenerFilterChainMatchPredicate {
    ListenerFilterChainMatchPredicate {
        rule: Some(Rule::DestinationPortRange(Int32Range {
            start: port.into(),
            end: i32::from(port) + 1,
        })),
    }
}

/// A filter chain for every connection of a listener.
fn chain_for_all(name: String, filters: Vec<Filter>) -> FilterChain {
    FilterChain {
        name,
        filters,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
