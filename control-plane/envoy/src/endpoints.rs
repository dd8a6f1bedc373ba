//! Endpoints (EDS): where the traffic of a cluster goes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use prost::Message;
use tulle_model::Str;
use tulle_model::endpoint::EndpointSet;
use tulle_model::hash::version_of;
use tulle_proto::core::{HealthStatus, Locality};
use tulle_proto::endpoint::endpoint::HealthCheckConfig;
use tulle_proto::endpoint::lb_endpoint::HostIdentifier;
use tulle_proto::endpoint::{ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints};

use crate::plan::Compiled;
use crate::{mtls, type_url, wire};

/// The ClusterLoadAssignment `name` with this set of endpoints, grouped by zone, those that take mutual
/// TLS marked. They are asked whether they are well at `health_check_port`, or else at their own. An
/// empty set is an assignment without endpoints, which makes Envoy answer 503 at once.
pub fn endpoints(name: &str, set: &EndpointSet, health_check_port: Option<u16>) -> Compiled {
    let mut zones: BTreeMap<Option<&Str>, Vec<LbEndpoint>> = BTreeMap::new();
    for endpoint in &set.endpoints {
        zones
            .entry(endpoint.zone.as_ref())
            .or_default()
            .push(LbEndpoint {
                metadata: endpoint.mtls.then(mtls::endpoint),
                ..lb_endpoint(endpoint.ip, endpoint.port, health_check_port)
            });
    }
    let assignment = ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        endpoints: zones
            .into_iter()
            .map(|(zone, lb_endpoints)| LocalityLbEndpoints {
                locality: zone.map(|zone| Locality {
                    zone: zone.to_string(),
                    ..Default::default()
                }),
                lb_endpoints,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    Compiled {
        type_url: type_url::ENDPOINTS,
        name: name.into(),
        version: version_of(&(name, set, health_check_port)),
        bytes: assignment.encode_to_vec(),
        requires: Vec::new(),
        touches: Vec::new(),
        settle: Duration::ZERO,
        origins: Vec::new(),
    }
}

/// An assignment that never changes.
pub(crate) fn one(cluster_name: String, ip: IpAddr, port: u16) -> ClusterLoadAssignment {
    ClusterLoadAssignment {
        cluster_name,
        endpoints: vec![LocalityLbEndpoints {
            lb_endpoints: vec![lb_endpoint(ip, port, None)],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Where health checks go, if not to an endpoint's own port.
pub(crate) fn checked_at(port: Option<u16>) -> Option<HealthCheckConfig> {
    port.map(|port| HealthCheckConfig {
        port_value: port.into(),
        ..Default::default()
    })
}

fn lb_endpoint(ip: IpAddr, port: u16, health_check_port: Option<u16>) -> LbEndpoint {
    LbEndpoint {
        health_status: HealthStatus::Unknown.into(),
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: Some(wire::address(ip, port)),
            health_check_config: checked_at(health_check_port),
            ..Default::default()
        })),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tulle_model::endpoint;

    fn endpoint(ip: &str, zone: Option<&str>) -> endpoint::Endpoint {
        endpoint::Endpoint {
            ip: ip.parse().unwrap(),
            port: 8080,
            zone: zone.map(Into::into),
            mtls: false,
        }
    }

    #[test]
    fn endpoints_are_grouped_by_zone() {
        let set = EndpointSet {
            endpoints: vec![
                endpoint("10.0.0.1", Some("b")),
                endpoint("10.0.0.2", Some("a")),
                endpoint("10.0.0.3", None),
                endpoint("10.0.0.4", Some("b")),
            ],
        };
        let compiled = endpoints("cds", &set, None);
        let message = ClusterLoadAssignment::decode(&*compiled.bytes).unwrap();
        let zones: Vec<_> = message
            .endpoints
            .iter()
            .map(|zone| {
                let name = zone.locality.as_ref().map(|locality| &*locality.zone);
                (name, zone.lb_endpoints.len())
            })
            .collect();
        assert_eq!(zones, [(None, 1), (Some("a"), 1), (Some("b"), 2)]);
    }

    #[test]
    fn an_empty_set_is_an_assignment_without_endpoints() {
        let compiled = endpoints("cds", &EndpointSet::default(), None);
        let message = ClusterLoadAssignment::decode(&*compiled.bytes).unwrap();
        assert_eq!(message.cluster_name, "cds");
        assert!(message.endpoints.is_empty());
        let other = endpoints("other", &EndpointSet::default(), None);
        assert_ne!(compiled.version, other.version);
    }
}
