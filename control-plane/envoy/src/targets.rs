//! From linked destinations to the names and shares of clusters.

use std::collections::BTreeMap;

use tulle_model::Str;
use tulle_model::linked::{Destination, ProxyView, WeightedDestination};
use tulle_model::policy::ClientPolicy;

use crate::names;

/// A destination under a policy.
pub(crate) type Use<'a> = (&'a Destination, Option<&'a ClientPolicy>);

/// How a view's clusters are called. Hashes to what the names depend on beside the destinations
/// themselves, so that it can be part of a resource's version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ClusterNames<'a> {
    mesh: &'a str,
    suffixes: BTreeMap<Use<'a>, &'a Str>,
}

impl<'a> ClusterNames<'a> {
    pub(crate) fn of(view: &'a ProxyView) -> Self {
        let suffixes = view
            .clusters
            .iter()
            .filter_map(|cluster| {
                let suffix = cluster.suffix.as_ref()?;
                Some(((&cluster.to, cluster.policy.as_deref()), suffix))
            })
            .collect();
        Self {
            mesh: &view.mesh,
            suffixes,
        }
    }

    /// Those of a view whose clusters are all called as their destinations are.
    pub(crate) fn plain(mesh: &'a str) -> Self {
        Self {
            mesh,
            suffixes: BTreeMap::new(),
        }
    }

    /// The same for a resource that names no others than `used`: what happens to the others does not
    /// change its version.
    pub(crate) fn among(&self, used: impl Iterator<Item = Use<'a>>) -> Self {
        let suffixes = if self.suffixes.is_empty() {
            BTreeMap::new()
        } else {
            used.filter_map(|key| Some((key, *self.suffixes.get(&key)?)))
                .collect()
        };
        Self {
            mesh: self.mesh,
            suffixes,
        }
    }

    /// Whether some cluster is called otherwise than its destination.
    pub(crate) fn has_suffixes(&self) -> bool {
        !self.suffixes.is_empty()
    }

    pub(crate) fn mesh(&self) -> &'a str {
        self.mesh
    }

    pub(crate) fn name(&self, to: &Destination, policy: Option<&ClientPolicy>) -> String {
        // The map's keys are references with the view's lifetime; the pair's order is the values'.
        match self.suffixes.get(&(to, policy)) {
            Some(suffix) => names::egress_cluster_with_suffix(self.mesh, to, suffix),
            None => names::egress_cluster(self.mesh, to),
        }
    }
}

/// A cluster and its share; never zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) cluster: String,
    pub(crate) weight: u32,
}

/// The clusters that get traffic, each once, in the order of their first mention. Targets without weight
/// are left out; Envoy refuses sums beyond 32 bits, so huge weights are scaled down.
pub(crate) fn shares(
    targets: &[WeightedDestination],
    policy: Option<&ClientPolicy>,
    names: &ClusterNames<'_>,
) -> Vec<Share> {
    let mut merged: Vec<(&Destination, u64)> = Vec::new();
    for target in targets.iter().filter(|target| target.weight > 0) {
        match merged.iter_mut().find(|(to, _)| *to == &target.to) {
            Some((_, weight)) => *weight += u64::from(target.weight),
            None => merged.push((&target.to, target.weight.into())),
        }
    }
    let sum: u64 = merged.iter().map(|(_, weight)| weight).sum();
    // Rounding up to 1 adds at most one a target, for which the margin of a bit more is enough.
    let mut shift = 0;
    while (sum >> shift) + merged.len() as u64 > u64::from(u32::MAX) {
        shift += 1;
    }
    merged
        .into_iter()
        .map(|(to, weight)| Share {
            cluster: names.name(to, policy),
            weight: u32::try_from((weight >> shift).max(1)).unwrap_or(u32::MAX),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{destination, view};
    use tulle_model::policy::Protocol;

    fn weighted(name: &str, weight: u32) -> WeightedDestination {
        WeightedDestination {
            to: destination(name, Protocol::Http, 8080),
            weight,
        }
    }

    #[test]
    fn shares_drop_zero_merge_repeats_and_keep_order() {
        let view = view();
        let names = ClusterNames::of(&view);
        let targets = [
            weighted("red", 0),
            weighted("green", 3),
            weighted("blue", 1),
            weighted("green", 2),
        ];
        let shares = shares(&targets, None, &names);
        let seen: Vec<_> = shares
            .iter()
            .map(|share| (share.cluster.as_str(), share.weight))
            .collect();
        assert_eq!(
            seen,
            [
                ("cds_egress_shop_green_shop_http_8080", 5),
                ("cds_egress_shop_blue_shop_http_8080", 1)
            ]
        );
    }

    #[test]
    fn huge_weights_keep_their_ratio_within_32_bits() {
        let view = view();
        let names = ClusterNames::of(&view);
        let targets = [weighted("green", u32::MAX), weighted("blue", u32::MAX)];
        let shares = shares(&targets, None, &names);
        assert_eq!(shares[0].weight, shares[1].weight);
        assert!(shares[0].weight.checked_add(shares[1].weight).is_some());
    }
}
