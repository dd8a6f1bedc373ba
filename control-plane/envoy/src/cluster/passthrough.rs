//! Clusters for destinations that nobody declared.
//!
//! With redirected traffic the connection itself tells where it was going. Without it only the request
//! does, by its Host, and only on ports that some declared service has made the proxy listen on.

use std::time::Duration;

use prost::Message;
use tulle_model::linked::{ProxyView, Sidecar};
use tulle_model::policy::{EgressPolicy, IpPreference};
use tulle_model::{Capture, ObjectId, Str};
use tulle_proto::cluster::cluster::{
    ClusterDiscoveryType, CustomClusterType, DiscoveryType, DnsLookupFamily, LbPolicy,
};
use tulle_proto::core::{Http1ProtocolOptions, Http2ProtocolOptions, UpstreamHttpProtocolOptions};
use tulle_proto::pb::envoy::extensions::clusters::dynamic_forward_proxy::v3::ClusterConfig;
use tulle_proto::pb::envoy::extensions::clusters::dynamic_forward_proxy::v3::cluster_config::ClusterImplementationSpecifier;
use tulle_proto::pb::envoy::extensions::common::dynamic_forward_proxy::v3::DnsCacheConfig;
use tulle_proto::upstream_http::HttpProtocolOptions;
use tulle_proto::upstream_http::http_protocol_options::{
    UpstreamProtocolOptions, UseDownstreamHttpConfig,
};

use crate::plan::{Parts, Resource};
use crate::{names, type_url};

/// Undeclared destinations may be across the world: Envoy's own default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The passthrough clusters that this proxy needs.
pub(crate) fn passthrough<'a>(
    view: &'a ProxyView,
    sidecar: &Sidecar,
    capture: Capture,
) -> Vec<Passthrough<'a>> {
    let passthrough = |to| Passthrough {
        mesh: &view.mesh,
        origin: &view.object,
        to,
    };
    let allow_all = sidecar.egress == EgressPolicy::AllowAll;
    match capture {
        Capture::Transparent => [
            Some(To::AmazonAws),
            allow_all.then_some(To::OriginalDestination),
        ]
        .into_iter()
        .flatten()
        .map(passthrough)
        .collect(),
        Capture::Loopback(_) if allow_all => vec![passthrough(To::Host(view.ip))],
        Capture::Loopback(_) => Vec::new(),
    }
}

#[derive(Debug, Clone, Copy, Hash)]
enum To {
    /// The cloud's API endpoints, where the connection was going.
    AmazonAws,
    /// Anywhere, where the connection was going.
    OriginalDestination,
    /// Anywhere, where the request's Host says.
    Host(IpPreference),
}

#[derive(Debug, Hash)]
pub(crate) struct Passthrough<'a> {
    mesh: &'a Str,
    origin: &'a ObjectId,
    to: To,
}

impl Resource for Passthrough<'_> {
    const TYPE_URL: &'static str = type_url::CLUSTER;

    fn name(&self) -> String {
        match self.to {
            To::AmazonAws => names::amazonaws_cluster(self.mesh),
            To::OriginalDestination | To::Host(_) => names::allow_all_cluster(self.mesh),
        }
    }

    fn compile(&self) -> Parts {
        let mut cluster = super::base(self.name(), CONNECT_TIMEOUT);
        cluster.lb_policy = LbPolicy::ClusterProvided.into();
        // Passed unchanged: a client's HTTP/2 stays HTTP/2.
        super::speak_options(
            &mut cluster,
            HttpProtocolOptions {
                upstream_protocol_options: Some(as_downstream()),
                // Without them Envoy refuses a cluster whose hosts come from requests, even one that
                // never speaks TLS.
                upstream_http_protocol_options: Some(UpstreamHttpProtocolOptions {
                    auto_sni: true,
                    auto_san_validation: true,
                    ..Default::default()
                }),
                ..Default::default()
            },
        );
        cluster.cluster_discovery_type = Some(match self.to {
            To::AmazonAws | To::OriginalDestination => {
                ClusterDiscoveryType::Type(DiscoveryType::OriginalDst.into())
            }
            To::Host(ip) => ClusterDiscoveryType::ClusterType(CustomClusterType {
                name: "envoy.clusters.dynamic_forward_proxy".to_owned(),
                typed_config: Some(tulle_proto::any(&ClusterConfig {
                    cluster_implementation_specifier: Some(
                        ClusterImplementationSpecifier::DnsCacheConfig(dns_cache(ip)),
                    ),
                    ..Default::default()
                })),
            }),
        });
        Parts {
            bytes: cluster.encode_to_vec(),
            origins: vec![self.origin.clone()],
            ..Default::default()
        }
    }
}

fn as_downstream() -> UpstreamProtocolOptions {
    UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig {
        http_protocol_options: Some(Http1ProtocolOptions::default()),
        http2_protocol_options: Some(Http2ProtocolOptions::default()),
        http3_protocol_options: None,
    })
}

/// The cache of resolved hosts that the cluster and the filter before it share: equal names must mean
/// equal settings, or Envoy refuses the second.
pub(crate) fn dns_cache(ip: IpPreference) -> DnsCacheConfig {
    let (name, family) = match ip {
        IpPreference::Unset => ("mesh-allow-all", DnsLookupFamily::Auto),
        IpPreference::V4Only => ("mesh-allow-all-v4", DnsLookupFamily::V4Only),
        IpPreference::V6Only => ("mesh-allow-all-v6", DnsLookupFamily::V6Only),
    };
    DnsCacheConfig {
        name: name.to_owned(),
        dns_lookup_family: family.into(),
        ..Default::default()
    }
}
