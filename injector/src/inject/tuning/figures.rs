//! Figures: what they are tagged with, where they are sent, how often.

use std::net::IpAddr;

use serde_json::{Value, json};
use tulle_model::ProxyKind;
use tulle_proto::any;
use tulle_proto::bootstrap::Bootstrap;
use tulle_proto::core::socket_address::{PortSpecifier, Protocol};
use tulle_proto::core::{Address, Pipe, SocketAddress, address};
use tulle_proto::pb::envoy::config::metrics::v3::dog_statsd_sink::DogStatsdSpecifier;
use tulle_proto::pb::envoy::config::metrics::v3::tag_specifier::TagValue;
use tulle_proto::pb::envoy::config::metrics::v3::{
    DogStatsdSink, StatsConfig, StatsSink, TagSpecifier, stats_sink,
};
use tulle_proto::protobuf::Duration;

use super::{Environment, Place, wrong};
use crate::inject::Rejection;
use crate::inject::environment::{host_ip, reference};
use crate::inject::settings::HOST_IP;

/// Envoy's own limits.
const FLUSH_MILLIS: std::ops::Range<u128> = 1..300_000;

/// Tags beyond those that every Envoy of a pod has.
pub(super) fn tags(
    bootstrap: &mut Bootstrap,
    env: &Environment,
    place: &Place<'_>,
    warnings: &mut Vec<String>,
) -> Result<(), Rejection> {
    const EXTENSION: &str = "APPMESH_METRIC_EXTENSION_VERSION";
    let mut stats_tags = Vec::new();
    let mesh = place.candidate.mesh.as_deref().unwrap_or_default();
    let alias = &*place.candidate.alias;
    let (snake, camel) = match place.candidate.id.kind {
        ProxyKind::VirtualNode => ("appmesh.virtual_node", "VirtualNode"),
        ProxyKind::VirtualGateway => ("appmesh.virtual_gateway", "VirtualGateway"),
    };
    let fixed = |name: &str, value: &str| TagSpecifier {
        tag_name: name.to_owned(),
        tag_value: Some(TagValue::FixedValue(value.to_owned())),
    };
    if env
        .flag("ENABLE_ENVOY_STATS_TAGS", warnings)?
        .unwrap_or(place.config.stats.tags_enabled)
    {
        stats_tags.push(fixed("appmesh.mesh", mesh));
        stats_tags.push(fixed(snake, alias));
    }
    if env.known(EXTENSION, warnings) == Some("1") {
        stats_tags.push(fixed("Mesh", mesh));
        stats_tags.push(fixed(camel, alias));
        stats_tags.push(TagSpecifier {
            tag_name: "TargetVirtualNode".to_owned(),
            tag_value: Some(TagValue::Regex(target(mesh))),
        });
        warnings.push(format!(
            "variable {EXTENSION}: figures are tagged with Mesh, {camel} and TargetVirtualNode, but stock Envoy has no figures \
             envoy.appmesh.* and knows no TargetVirtualService"
        ));
    }
    if !stats_tags.is_empty() {
        bootstrap.stats_config = Some(StatsConfig {
            stats_tags,
            ..Default::default()
        });
    }
    Ok(())
}

/// The node that a cluster leads to, out of the cluster's name. The outer group is what the tag of the cluster's name takes out
/// too.
fn target(mesh: &str) -> String {
    let mut escaped = String::with_capacity(mesh.len());
    for c in mesh.chars() {
        if !c.is_alphanumeric() && c != '_' {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    format!(r"^cluster\.(cds_egress_{escaped}_(.+)_(?:http|http2|grpc|tcp)_[0-9]+[^.]*\.)")
}

/// DogStatsD.
pub(super) fn sink(
    bootstrap: &mut Bootstrap,
    variables: &mut Vec<Value>,
    env: &Environment,
    place: &Place<'_>,
    warnings: &mut Vec<String>,
) -> Result<(), Rejection> {
    const ADDRESS: &str = "STATSD_ADDRESS";
    const SOCKET: &str = "STATSD_SOCKET_PATH";
    let settings = &place.config.stats;
    let wanted = env.flag("ENABLE_ENVOY_DOG_STATSD", warnings)?;
    if !wanted.unwrap_or(settings.statsd_enabled) {
        return Ok(());
    }
    let told = Some(settings.statsd_socket_path.clone())
        .filter(|path| settings.statsd_enabled && !path.is_empty());
    let address = if let Some(path) = env.text(SOCKET).or(told) {
        if !Environment::is_open(&path) && !place.is_mounted(&path) {
            warnings.push(format!(
                "no volume is mounted at {path}, the socket of DogStatsD: figures do not arrive; mount it with annotation {}",
                crate::inject::names::VOLUME_MOUNTS
            ));
        }
        address::Address::Pipe(Pipe {
            path,
            ..Default::default()
        })
    } else {
        let port = env
            .port("STATSD_PORT", warnings)?
            .or(settings.statsd_enabled.then_some(settings.statsd_port))
            .unwrap_or(8125);
        let told = settings
            .statsd_enabled
            .then_some(settings.statsd_address.as_str());
        let address = match (env.text(ADDRESS), told) {
            (Some(given), _) => given,
            (None, Some(HOST_IP)) => {
                variables.push(json!({ "name": ADDRESS, "valueFrom": host_ip() }));
                reference(ADDRESS)
            }
            (None, told) => told.unwrap_or("127.0.0.1").to_owned(),
        };
        if !Environment::is_open(&address) && address.parse::<IpAddr>().is_err() {
            return Err(wrong(
                ADDRESS,
                format!(
                    "{address:?} is no IP address, and Envoy's sink looks up no names; write {HOST_IP} for an agent on each node"
                ),
            ));
        }
        address::Address::SocketAddress(SocketAddress {
            protocol: Protocol::Udp.into(),
            address,
            port_specifier: Some(PortSpecifier::PortValue(port.into())),
            ..Default::default()
        })
    };
    bootstrap.stats_sinks.push(StatsSink {
        name: "envoy.stat_sinks.dog_statsd".to_owned(),
        config_type: Some(stats_sink::ConfigType::TypedConfig(any(&DogStatsdSink {
            dog_statsd_specifier: Some(DogStatsdSpecifier::Address(Address {
                address: Some(address),
            })),
            ..Default::default()
        }))),
    });
    Ok(())
}

/// How often figures are sent.
pub(super) fn flush_interval(
    env: &Environment,
    warnings: &mut Vec<String>,
) -> Result<Option<Duration>, Rejection> {
    const NAME: &str = "ENVOY_STATS_FLUSH_INTERVAL";
    let Some(text) = env.known(NAME, warnings) else {
        return Ok(None);
    };
    let interval =
        go_duration(text).filter(|interval| FLUSH_MILLIS.contains(&interval.as_millis()));
    let Some(interval) = interval else {
        return Err(wrong(
            NAME,
            format!("{text:?} is no interval such as 10s, from 1ms to less than 5m"),
        ));
    };
    let seconds = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX);
    let nanos = i32::try_from(interval.subsec_nanos()).unwrap_or(0);
    Ok(Some(Duration { seconds, nanos }))
}

/// A period as Go writes it: `1m30s`, `1.5h`, `300ms`.
fn go_duration(text: &str) -> Option<std::time::Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut seconds = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * factor;
        rest = after;
    }
    std::time::Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_as_go_writes_them() {
        let millis = |text| go_duration(text).map(|period| period.as_millis());
        assert_eq!(millis("10s"), Some(10_000));
        assert_eq!(millis("1m30s"), Some(90_000));
        assert_eq!(millis("1.5s"), Some(1_500));
        assert_eq!(millis("250ms"), Some(250));
        for bad in ["", "10", "s", "1d", "-1s", "1s ", "1..2s"] {
            assert_eq!(millis(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_meshs_name_is_no_expression() {
        assert_eq!(
            target("a.b-c_d"),
            r"^cluster\.(cds_egress_a\.b\-c_d_(.+)_(?:http|http2|grpc|tcp)_[0-9]+[^.]*\.)"
        );
    }
}
