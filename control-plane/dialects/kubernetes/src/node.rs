//! Node.

use tulle_crds::core;
use tulle_model::fragment::{Fragment, Node};
use tulle_model::id::shared;

use crate::report::Report;

/// The labels that say a machine's zone; the second is what the first was called before
/// Kubernetes 1.17.
const ZONE_LABELS: [&str; 2] = [
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
];

pub(crate) fn translate(report: &Report, node: &core::Node) -> Fragment {
    let object = report.object.clone();
    let labels = node.metadata.labels.as_ref();
    let zone = labels.and_then(|labels| {
        let mut zones = ZONE_LABELS.iter().filter_map(|label| labels.get(*label));
        zones.find(|zone| !zone.is_empty())
    });
    Fragment::from(Node {
        name: object.name.clone(),
        object,
        zone: zone.map(|zone| shared(zone)),
    })
}
