//! Pods by their addresses and by the proxies in them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use tulle_model::fragment::{Pod, PodProxy};
use tulle_model::{ObjectId, ProxyId, Str};

use super::Facts;
use super::table::{Change, Held};
use crate::few::Few;
use crate::key::{self, Fact};

/// Where pods are found beside their names.
#[derive(Debug, Default)]
pub(super) struct PodPlaces {
    at: BTreeMap<IpAddr, Few<ObjectId>>,
    of: BTreeMap<ProxyId, Few<ObjectId>>,
}

/// All that identity asks of a pod.
type Identity<'p> = (bool, bool, &'p str, Option<&'p PodProxy>);

fn identity(pod: &Held<Pod>) -> Identity<'_> {
    (
        pod.finished,
        pod.host_network,
        &pod.service_account,
        pod.proxy.as_ref(),
    )
}

impl PodPlaces {
    /// Takes in a pod's change; gives the lookups that find another pod, or one of another identity.
    pub(super) fn follow(&mut self, change: &Change<Pod>) -> Vec<Fact> {
        let (before, after) = (change.before.first(), change.after.first());
        let same = before.map(identity) == after.map(identity);
        let addresses = |pod: Option<&Held<Pod>>| -> BTreeSet<IpAddr> {
            pod.iter().flat_map(|pod| pod.ips.iter().copied()).collect()
        };
        let proxy = |pod: Option<&Held<Pod>>| -> BTreeSet<ProxyId> {
            let proxy = pod.and_then(|pod| pod.proxy.as_ref());
            proxy.map(|proxy| proxy.id.clone()).into_iter().collect()
        };
        let at = shift(
            &mut self.at,
            &change.key,
            addresses(before),
            addresses(after),
            same,
        );
        let of = shift(&mut self.of, &change.key, proxy(before), proxy(after), same);
        let at = at.into_iter().map(Fact::PodsAt);
        at.chain(of.into_iter().map(Fact::PodsOf)).collect()
    }
}

/// Moves a pod from some keys to others; gives those that it left or came to, and if it is not the same
/// those where it stays.
fn shift<K: Ord + Clone>(
    places: &mut BTreeMap<K, Few<ObjectId>>,
    pod: &ObjectId,
    before: BTreeSet<K>,
    after: BTreeSet<K>,
    same: bool,
) -> BTreeSet<K> {
    for left in before.difference(&after) {
        if let Some(pods) = places.get_mut(left) {
            pods.remove(pod);
            if pods.is_empty() {
                places.remove(left);
            }
        }
    }
    for come in after.difference(&before) {
        places.entry(come.clone()).or_default().insert(pod.clone());
    }
    match same {
        true => before.symmetric_difference(&after).cloned().collect(),
        false => before.union(&after).cloned().collect(),
    }
}

impl Facts {
    /// The pods that have an address, sorted by namespace and name.
    pub(crate) fn pods_at(&self, ip: IpAddr) -> Vec<Held<Pod>> {
        self.listed(self.pod_places.at.get(&ip))
    }

    /// The pods into which a proxy was put, sorted by namespace and name.
    pub(crate) fn pods_of(&self, proxy: &ProxyId) -> Vec<Held<Pod>> {
        self.listed(self.pod_places.of.get(proxy))
    }

    /// The pods of a namespace, sorted by name.
    pub(crate) fn pods_in(&self, namespace: &Str) -> impl Iterator<Item = &Held<Pod>> {
        let pods = self.pods.range(key::pod(namespace, "")..);
        pods.take_while(|(pod, _)| pod.namespace == *namespace)
            .map(|(_, pod)| pod)
    }

    fn listed(&self, keys: Option<&Few<ObjectId>>) -> Vec<Held<Pod>> {
        let keys = keys.into_iter().flatten();
        keys.filter_map(|key| self.pods.get(key)).collect()
    }
}
