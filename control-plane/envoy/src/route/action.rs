//! What becomes of a request that a route takes.

use std::collections::BTreeSet;

use tulle_model::extras::HeaderEdits;
use tulle_model::linked;
use tulle_model::policy::ClientPolicy;
use tulle_proto::route::route::Action;
use tulle_proto::route::route_action::{ClusterSpecifier, UpgradeConfig};
use tulle_proto::route::weighted_cluster::ClusterWeight;
use tulle_proto::route::{DirectResponseAction, RouteAction, WeightedCluster};

use super::{headers, mirror, retry};
use crate::targets::{ClusterNames, Share, shares};
use crate::wire;

/// Forwards to the route's targets by their weights, with copies to its mirrors, and notes the clusters in `used`; `None` if
/// no target has any weight.
pub(super) fn forward(
    route: &linked::Route,
    policy: Option<&ClientPolicy>,
    names: &ClusterNames<'_>,
    used: &mut BTreeSet<String>,
) -> Option<RouteAction> {
    let shares = shares(&route.targets, policy, names);
    if shares.is_empty() {
        return None;
    }
    used.extend(shares.iter().map(|share| share.cluster.clone()));
    Some(RouteAction {
        request_mirror_policies: mirror::policies(route, policy, names, used),
        timeout: Some(wire::limit(route.limits.request)),
        idle_timeout: Some(wire::limit(route.limits.idle)),
        retry_policy: route.retry.as_ref().map(retry::policy),
        upgrade_configs: upgrades(route),
        cluster_specifier: Some(specifier(shares)?),
        ..Default::default()
    })
}

/// Has every destination change headers before the route does.
pub(super) fn change_headers_first(
    action: &mut RouteAction,
    request: &HeaderEdits,
    response: &HeaderEdits,
) {
    if let Some(ClusterSpecifier::Cluster(only)) = &action.cluster_specifier {
        let only = vec![Share {
            cluster: only.clone(),
            weight: 1,
        }];
        action.cluster_specifier = Some(weighted(only));
    }
    if let Some(ClusterSpecifier::WeightedClusters(weighted)) = &mut action.cluster_specifier {
        for cluster in &mut weighted.clusters {
            headers::change_first(cluster, request, response);
        }
    }
}

/// Forwards to one cluster.
pub(super) fn forward_to(cluster: String) -> RouteAction {
    RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster)),
        ..Default::default()
    }
}

/// Answers without asking anybody.
pub(super) fn answer(status: u32) -> Action {
    Action::DirectResponse(DirectResponseAction {
        status,
        ..Default::default()
    })
}

fn specifier(shares: Vec<Share>) -> Option<ClusterSpecifier> {
    match <[Share; 1]>::try_from(shares) {
        Ok([only]) => Some(ClusterSpecifier::Cluster(only.cluster)),
        Err(shares) if shares.is_empty() => None,
        Err(shares) => Some(weighted(shares)),
    }
}

fn weighted(shares: Vec<Share>) -> ClusterSpecifier {
    ClusterSpecifier::WeightedClusters(WeightedCluster {
        clusters: shares
            .into_iter()
            .map(|share| ClusterWeight {
                name: share.cluster,
                weight: Some(wire::u32_value(share.weight)),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    })
}

/// CONNECT is a tunnel, which Envoy opens only where a route says so; here it is passed on as a request.
fn upgrades(route: &linked::Route) -> Vec<UpgradeConfig> {
    let connect = super::matching::is_connect(&route.matches);
    connect
        .then(|| UpgradeConfig {
            upgrade_type: "CONNECT".to_owned(),
            ..Default::default()
        })
        .into_iter()
        .collect()
}
