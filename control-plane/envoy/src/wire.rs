//! Small pieces that many messages are made of.

use std::net::IpAddr;
use std::time::Duration;

use tulle_model::extras::Share;
use tulle_proto::core::address::Address as AddressKind;
use tulle_proto::core::config_source::ConfigSourceSpecifier;
use tulle_proto::core::socket_address::PortSpecifier;
use tulle_proto::core::{Address, AggregatedConfigSource, ApiVersion, ConfigSource, SocketAddress};
use tulle_proto::pb::envoy::r#type::v3::FractionalPercent;
use tulle_proto::pb::envoy::r#type::v3::fractional_percent::DenominatorType;
use tulle_proto::protobuf;

/// A century: beyond any use, and below where Envoy calls a duration out of range.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A duration that Envoy takes.
pub(crate) fn duration(value: Duration) -> protobuf::Duration {
    let value = value.min(LONGEST);
    protobuf::Duration {
        seconds: i64::try_from(value.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(value.subsec_nanos()).unwrap_or(0),
    }
}

/// A limit; none is Envoy's zero.
pub(crate) fn limit(value: Option<Duration>) -> protobuf::Duration {
    duration(value.unwrap_or_default())
}

/// A share of all.
pub(crate) fn fraction(share: Share) -> FractionalPercent {
    FractionalPercent {
        numerator: share.millionths(),
        denominator: DenominatorType::Million.into(),
    }
}

pub(crate) fn u32_value(value: u32) -> protobuf::UInt32Value {
    protobuf::UInt32Value { value }
}

pub(crate) fn bool_value(value: bool) -> protobuf::BoolValue {
    protobuf::BoolValue { value }
}

/// A TCP address.
pub(crate) fn address(ip: IpAddr, port: u16) -> Address {
    socket_address(ip.to_string(), port, false)
}

/// A host name, or an address as text, and a port.
pub(crate) fn socket_address(host: String, port: u16, ipv4_compat: bool) -> Address {
    Address {
        address: Some(AddressKind::SocketAddress(SocketAddress {
            address: host,
            ipv4_compat,
            port_specifier: Some(PortSpecifier::PortValue(port.into())),
            ..Default::default()
        })),
    }
}

/// "From the control plane, on the stream that is open already."
///
/// No initial fetch timeout: when it strikes, Envoy goes on with an empty resource in place of the one
/// it holds. Waiting keeps the old one in use, and every name that is sent is answered by the server.
pub(crate) fn ads() -> ConfigSource {
    ConfigSource {
        resource_api_version: ApiVersion::V3.into(),
        initial_fetch_timeout: Some(protobuf::Duration::default()),
        config_source_specifier: Some(
            ConfigSourceSpecifier::Ads(AggregatedConfigSource::default()),
        ),
        ..Default::default()
    }
}
