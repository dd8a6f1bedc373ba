//! Clusters (CDS): whom a proxy can send traffic to.

mod application;
mod egress;
mod health;
mod limits;
mod passthrough;

use std::time::Duration;

use tulle_model::policy::{IpPreference, Protocol};
use tulle_proto::cluster::Cluster;
use tulle_proto::cluster::cluster::{CommonLbConfig, LbPolicy};
use tulle_proto::core::Http2ProtocolOptions;
use tulle_proto::pb::envoy::extensions::clusters::common::dns::v3::DnsLookupFamily;
use tulle_proto::pb::envoy::r#type::v3::Percent;
use tulle_proto::upstream_http::HttpProtocolOptions;
use tulle_proto::upstream_http::http_protocol_options::explicit_http_config::ProtocolConfig;
use tulle_proto::upstream_http::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions,
};

use crate::wire;

pub(crate) use application::{Application, application};
pub(crate) use egress::egress;
pub(crate) use passthrough::{dns_cache, passthrough};

/// Where Envoy looks for a cluster's HTTP options.
const HTTP_PROTOCOL_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// What every cluster has in common.
///
/// Nothing is limited. The panic threshold is zero: a proxy whose
/// endpoints are all unready answers 503 at once instead of trying pods that said they cannot serve.
fn base(name: String, connect_timeout: Duration) -> Cluster {
    Cluster {
        name,
        connect_timeout: Some(wire::duration(connect_timeout)),
        circuit_breakers: Some(limits::circuit_breakers(None)),
        common_lb_config: Some(CommonLbConfig {
            healthy_panic_threshold: Some(Percent { value: 0.0 }),
            ..Default::default()
        }),
        // Two endpoints are drawn and the one with fewer requests in flight is taken: a slow endpoint gets
        // less without anybody's settings, and clients that start together do not march in step, as they
        // do under round robin. Under even load the shares are even.
        lb_policy: LbPolicy::LeastRequest.into(),
        ..Default::default()
    }
}

/// HTTP/2 to the upstream where its protocol is HTTP/2; HTTP/1.1 is Envoy's own default.
fn speak(cluster: &mut Cluster, protocol: Protocol) {
    if protocol.is_http2() {
        let http2 = ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions::default());
        let explicit = UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(http2),
        });
        let options = HttpProtocolOptions {
            upstream_protocol_options: Some(explicit),
            ..Default::default()
        };
        speak_options(cluster, options);
    }
}

fn speak_options(cluster: &mut Cluster, options: HttpProtocolOptions) {
    let options = tulle_proto::any(&options);
    let all = &mut cluster.typed_extension_protocol_options;
    all.insert(HTTP_PROTOCOL_OPTIONS.to_owned(), options);
}

/// Which addresses are asked for; without a preference IPv6 first, then IPv4, as App Mesh had it.
fn lookup_family(ip: IpPreference) -> DnsLookupFamily {
    match ip {
        IpPreference::Unset => DnsLookupFamily::Auto,
        IpPreference::V4Only => DnsLookupFamily::V4Only,
        IpPreference::V6Only => DnsLookupFamily::V6Only,
    }
}

#[cfg(test)]
mod tests;
