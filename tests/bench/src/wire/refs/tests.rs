use tulle_proto::pb::envoy::config::core::v3 as core;
use tulle_proto::prost::Message;
use tulle_proto::{Any, any, cluster, http_connection_manager as hcm, listener, tls};

use super::*;

fn ads() -> core::ConfigSource {
    core::ConfigSource {
        config_source_specifier: Some(core::config_source::ConfigSourceSpecifier::Ads(
            core::AggregatedConfigSource::default(),
        )),
        ..Default::default()
    }
}

fn secret(name: &str, source: Option<core::ConfigSource>) -> tls::SdsSecretConfig {
    tls::SdsSecretConfig {
        name: name.to_owned(),
        sds_config: source,
    }
}

fn common() -> tls::CommonTlsContext {
    use tls::common_tls_context::{CombinedCertificateValidationContext, ValidationContextType};
    tls::CommonTlsContext {
        tls_certificate_sds_secret_configs: vec![secret("own", Some(ads())), secret("file", None)],
        validation_context_type: Some(ValidationContextType::CombinedValidationContext(
            CombinedCertificateValidationContext {
                validation_context_sds_secret_config: Some(secret("bundle", Some(ads()))),
                ..Default::default()
            },
        )),
        ..Default::default()
    }
}

fn socket(config: Any) -> core::TransportSocket {
    core::TransportSocket {
        name: "tls".to_owned(),
        config_type: Some(core::transport_socket::ConfigType::TypedConfig(config)),
    }
}

#[test]
fn clusters_name_endpoints_and_secrets() {
    use cluster::cluster::{
        ClusterDiscoveryType, DiscoveryType, EdsClusterConfig, TransportSocketMatch,
    };
    let upstream = any(&tls::UpstreamTlsContext {
        common_tls_context: Some(common()),
        ..Default::default()
    });
    let mut message = cluster::Cluster {
        name: "a".to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds as i32)),
        transport_socket_matches: vec![TransportSocketMatch {
            name: "m".to_owned(),
            transport_socket: Some(socket(upstream)),
            ..Default::default()
        }],
        ..Default::default()
    };
    let body = message.encode_to_vec();
    assert_eq!(name(&body), Some("a"));
    assert_eq!(
        refs(Kind::Cds, &body),
        [(Kind::Eds, "a"), (Kind::Sds, "own"), (Kind::Sds, "bundle")]
    );
    message.eds_cluster_config = Some(EdsClusterConfig {
        eds_config: Some(ads()),
        service_name: "service".to_owned(),
    });
    message.transport_socket_matches.clear();
    assert_eq!(
        refs(Kind::Cds, &message.encode_to_vec()),
        [(Kind::Eds, "service")]
    );
    message.cluster_discovery_type =
        Some(ClusterDiscoveryType::Type(DiscoveryType::StrictDns as i32));
    assert_eq!(refs(Kind::Cds, &message.encode_to_vec()), []);
}

#[test]
fn listeners_name_routes_and_secrets() {
    let manager = hcm::HttpConnectionManager {
        stat_prefix: "x".to_owned(),
        route_specifier: Some(hcm::http_connection_manager::RouteSpecifier::Rds(
            hcm::Rds {
                config_source: Some(ads()),
                route_config_name: "routes".to_owned(),
            },
        )),
        ..Default::default()
    };
    let filter = |config: Any| listener::Filter {
        name: "f".to_owned(),
        config_type: Some(listener::filter::ConfigType::TypedConfig(config)),
    };
    let chain = |socket_of| listener::FilterChain {
        filters: vec![
            filter(Any {
                type_url: "another".to_owned(),
                value: vec![1],
            }),
            filter(any(&manager)),
        ],
        transport_socket: socket_of,
        ..Default::default()
    };
    let downstream = any(&tls::DownstreamTlsContext {
        common_tls_context: Some(common()),
        ..Default::default()
    });
    let message = listener::Listener {
        name: "l".to_owned(),
        filter_chains: vec![chain(Some(socket(downstream)))],
        default_filter_chain: Some(chain(None)),
        ..Default::default()
    };
    let body = message.encode_to_vec();
    assert_eq!(
        refs(Kind::Lds, &body),
        [
            (Kind::Rds, "routes"),
            (Kind::Sds, "own"),
            (Kind::Sds, "bundle"),
            (Kind::Rds, "routes")
        ]
    );
}

#[test]
fn anything_is_read_without_a_panic() {
    for len in 0..200_usize {
        let bytes: Vec<u8> = (0..len).map(|at| (at * 37 + len * 11) as u8).collect();
        for kind in Kind::ALL {
            let _ = refs(kind, &bytes);
            let _ = name(&bytes);
        }
    }
}
