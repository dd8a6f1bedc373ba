//! The TCP proxy.

use tulle_model::logging::AccessLog;
use tulle_model::policy::Limits;
use tulle_proto::listener::Filter;
use tulle_proto::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use tulle_proto::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::{
    ClusterSpecifier, WeightedCluster, weighted_cluster::ClusterWeight,
};

use super::access_log::access_log;
use crate::targets::Share;
use crate::wire;

/// The network filter to these clusters by their shares; no filter if there are none, for a chain
/// without filters closes the connection.
pub(super) fn proxy(
    stat_prefix: String,
    shares: Vec<Share>,
    limits: Limits,
    log: Option<&AccessLog>,
) -> Option<Filter> {
    let specifier = match <[Share; 1]>::try_from(shares) {
        Ok([only]) => ClusterSpecifier::Cluster(only.cluster),
        Err(shares) if shares.is_empty() => return None,
        Err(shares) => ClusterSpecifier::WeightedClusters(WeightedCluster {
            clusters: shares
                .into_iter()
                .map(|share| ClusterWeight {
                    name: share.cluster,
                    weight: share.weight,
                    metadata_match: None,
                })
                .collect(),
        }),
    };
    Some(super::filter(
        "envoy.filters.network.tcp_proxy",
        &TcpProxy {
            stat_prefix,
            idle_timeout: Some(wire::limit(limits.idle)),
            cluster_specifier: Some(specifier),
            access_log: access_log(log),
            ..Default::default()
        },
    ))
}

/// To one cluster, whatever passes.
pub(super) fn proxy_to(
    stat_prefix: String,
    cluster: String,
    limits: Limits,
    log: Option<&AccessLog>,
) -> Option<Filter> {
    proxy(stat_prefix, vec![Share { cluster, weight: 1 }], limits, log)
}
