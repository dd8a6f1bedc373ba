//! Copies of requests.

use std::collections::BTreeSet;

use tulle_model::linked;
use tulle_model::policy::ClientPolicy;
use tulle_proto::core::RuntimeFractionalPercent;
use tulle_proto::route::route_action::RequestMirrorPolicy;

use crate::targets::ClusterNames;
use crate::wire;

/// A policy for each mirror; notes their clusters in `used`.
pub(super) fn policies(
    route: &linked::Route,
    policy: Option<&ClientPolicy>,
    names: &ClusterNames<'_>,
    used: &mut BTreeSet<String>,
) -> Vec<RequestMirrorPolicy> {
    let mirrors = route.extras.mirrors.iter();
    let policies = mirrors.map(|mirror| {
        let cluster = names.name(&mirror.to, policy);
        used.insert(cluster.clone());
        RequestMirrorPolicy {
            cluster,
            runtime_fraction: Some(RuntimeFractionalPercent {
                default_value: Some(wire::fraction(mirror.share)),
                ..Default::default()
            }),
            ..Default::default()
        }
    });
    policies.collect()
}
