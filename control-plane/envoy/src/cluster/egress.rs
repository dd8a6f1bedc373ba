//! A destination's cluster.

use std::time::Duration;

use prost::Message;
use tulle_model::Str;
use tulle_model::linked::{Discovery, ProxyView, ViewCluster};
use tulle_proto::cluster::Cluster;
use tulle_proto::cluster::cluster::{
    ClusterDiscoveryType, CustomClusterType, DiscoveryType, EdsClusterConfig,
};
use tulle_proto::endpoint::lb_endpoint::HostIdentifier;
use tulle_proto::endpoint::{ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints};
use tulle_proto::pb::envoy::extensions::clusters::dns::v3::DnsCluster;

use super::{health, limits};
use crate::plan::{Parts, Resource};
use crate::{endpoints, mtls, names, tls, type_url, wire};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A cluster that is found by DNS is acknowledged before its name is resolved, and nothing on the stream
/// tells when that is done. Half a second is many times what a resolver in the cluster takes.
const DNS_SETTLE: Duration = Duration::from_millis(500);

/// How often a name is asked for again that does not resolve.
const DNS_FAILURE_REFRESH: Duration = Duration::from_secs(1);

/// Every destination of the view.
pub(crate) fn egress(view: &ProxyView) -> impl Iterator<Item = Egress<'_>> {
    view.clusters.iter().map(|cluster| Egress {
        mesh: &view.mesh,
        cluster,
    })
}

#[derive(Debug, Hash)]
pub(crate) struct Egress<'a> {
    mesh: &'a Str,
    cluster: &'a ViewCluster,
}

impl Resource for Egress<'_> {
    const TYPE_URL: &'static str = type_url::CLUSTER;

    fn name(&self) -> String {
        match &self.cluster.suffix {
            Some(suffix) => names::egress_cluster_with_suffix(self.mesh, &self.cluster.to, suffix),
            None => names::egress_cluster(self.mesh, &self.cluster.to),
        }
    }

    fn compile(&self) -> Parts {
        let mut cluster = super::base(self.name(), CONNECT_TIMEOUT);
        super::speak(&mut cluster, self.cluster.to.protocol);
        cluster.circuit_breakers = Some(limits::circuit_breakers(self.cluster.pool));
        // What discovery takes away is gone, whatever a health check last said of it.
        cluster.ignore_health_on_host_removal = true;
        let mut parts = Parts {
            origins: vec![self.cluster.origin.clone()],
            ..Default::default()
        };
        match &self.cluster.discovery {
            Discovery::Endpoints(_) => {
                let service_name = names::egress_cluster(self.mesh, &self.cluster.to);
                let key = (type_url::ENDPOINTS, Str::from(service_name.as_str()));
                parts.touches.push(key.clone());
                parts.requires.push(key);
                by_endpoints(&mut cluster, service_name);
            }
            Discovery::Dns {
                hostname,
                all_addresses,
            } => {
                parts.settle = DNS_SETTLE;
                by_dns(&mut cluster, self.cluster, hostname, *all_addresses);
            }
        }
        parts.settle = parts.settle.max(health::watch(&mut cluster, self.cluster));
        self.secure(&mut cluster, &mut parts);
        parts.bytes = cluster.encode_to_vec();
        parts
    }
}

impl Egress<'_> {
    fn secure(&self, cluster: &mut Cluster, parts: &mut Parts) {
        let ViewCluster {
            to,
            mtls,
            tls,
            discovery,
            ..
        } = self.cluster;
        if let Some(tls) = tls {
            cluster.transport_socket = Some(tls::upstream(tls, to.protocol));
            parts.requires.extend(tls::requires(tls));
        } else if let (Some(expected), Discovery::Endpoints(_)) = (mtls, discovery) {
            let server_name = names::server_name(to);
            let socket = mtls::upstream(to.protocol, server_name, &expected.identities);
            cluster.transport_socket_matches = vec![socket];
            parts.requires.extend(mtls::requires());
        }
    }
}

fn by_endpoints(cluster: &mut Cluster, service_name: String) {
    cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into()));
    cluster.eds_cluster_config = Some(EdsClusterConfig {
        eds_config: Some(wire::ads()),
        service_name,
    });
}

/// The DNS cluster extension; Envoy has deprecated the DNS fields of the cluster itself, which went with
/// its types `STRICT_DNS` and `LOGICAL_DNS`.
fn by_dns(cluster: &mut Cluster, of: &ViewCluster, hostname: &str, all_addresses: bool) {
    let dns = DnsCluster {
        respect_dns_ttl: true,
        dns_failure_refresh_rate: Some(
            tulle_proto::pb::envoy::extensions::clusters::dns::v3::dns_cluster::RefreshRate {
                base_interval: Some(wire::duration(DNS_FAILURE_REFRESH)),
                max_interval: Some(wire::duration(10 * DNS_FAILURE_REFRESH)),
            },
        ),
        dns_lookup_family: super::lookup_family(of.ip).into(),
        all_addresses_in_single_endpoint: !all_addresses,
        ..Default::default()
    };
    cluster.cluster_discovery_type = Some(ClusterDiscoveryType::ClusterType(CustomClusterType {
        name: "envoy.cluster.dns".to_owned(),
        typed_config: Some(tulle_proto::any(&dns)),
    }));
    cluster.load_assignment = Some(ClusterLoadAssignment {
        cluster_name: cluster.name.clone(),
        endpoints: vec![LocalityLbEndpoints {
            lb_endpoints: vec![LbEndpoint {
                host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
                    address: Some(wire::socket_address(hostname.to_owned(), of.to.port, false)),
                    health_check_config: endpoints::checked_at(of.health_check_port()),
                    ..Default::default()
                })),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    });
}
