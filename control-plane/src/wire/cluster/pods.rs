//! The pods as the mesh knows them: who a proxy is, and what becomes of it when its pod ends.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use parking_lot::Mutex;
use tulle_model::fragment::{Fragment, Pod, Translated};
use tulle_model::{Capture, ObjectId, ProxyKind, Str};
use tulle_xds::Scope;

use crate::engine::Group;

/// All watched pods by namespace and name.
#[derive(Debug, Default)]
pub(in crate::wire) struct Pods {
    by_name: DashMap<Key, Entry>,
    /// Who has an address of its own; pods in their node's network have none.
    by_address: DashMap<IpAddr, Key>,
    /// How many pods with a proxy each namespace holds.
    meshed: Mutex<BTreeMap<Str, usize>>,
    /// A namespace has got its first such pod, or lost its last.
    meshed_news: AtomicBool,
}

/// Namespace and name.
type Key = (Str, Str);

/// What is kept of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::wire) struct Entry {
    pub(in crate::wire) namespace: Str,
    pub(in crate::wire) name: Str,
    pub(in crate::wire) uid: Str,
    pub(in crate::wire) service_account: Str,
    pub(in crate::wire) group: Option<Group>,
    pub(in crate::wire) terminating: bool,
    /// All its containers have ended for good.
    pub(in crate::wire) finished: bool,
    /// Its own addresses, while it has any.
    pub(in crate::wire) ips: Vec<IpAddr>,
}

/// What has become of a pod's proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::wire) enum Fate {
    /// The pod object is gone: the proxy is nobody any more.
    Gone(Entry),
    /// A gateway's pod has begun to end; `long_ago`: before anything was known of it.
    GatewayEnds {
        /// The pod.
        pod: Entry,
        /// Its endpoints have left already.
        long_ago: bool,
    },
}

/// Marks scopes of a pod's own resources.
const OWN: &str = "pod ";

impl Entry {
    fn of(pod: &Pod) -> Self {
        Self {
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
            uid: pod.uid.clone(),
            service_account: pod.service_account.clone(),
            group: pod.proxy.as_ref().map(|proxy| Group {
                proxy: proxy.id.clone(),
                capture: Capture::Transparent,
            }),
            terminating: pod.terminating,
            finished: pod.finished,
            ips: match pod.host_network || pod.finished {
                true => Vec::new(),
                false => pod.ips.clone(),
            },
        }
    }

    /// The caller's name at the xDS server. The uid tells a pod from its successor of the same name.
    pub(in crate::wire) fn caller(&self) -> Arc<str> {
        format!("{}/{}@{}", self.namespace, self.name, self.uid).into()
    }

    /// The scope of the resources that are this pod's alone.
    pub(in crate::wire) fn own_scope(&self) -> Scope {
        Scope::new(format!(
            "{OWN}{}/{}@{}",
            self.namespace, self.name, self.uid
        ))
    }

    fn is_gateway(&self) -> bool {
        self.group
            .as_ref()
            .is_some_and(|group| group.proxy.kind == ProxyKind::VirtualGateway)
    }
}

impl Pods {
    /// Takes in what a batch says of pods.
    pub(in crate::wire) fn apply<'a>(
        &self,
        batch: impl IntoIterator<Item = &'a (ObjectId, Option<Arc<Translated>>)>,
    ) -> Vec<Fate> {
        let mut fates = Vec::new();
        for (id, translated) in batch {
            if &*id.kind != "Pod" || !id.group.is_empty() {
                continue;
            }
            let now = translated
                .iter()
                .flat_map(|translated| &translated.fragments)
                .find_map(|fragment| match fragment {
                    Fragment::Pod(pod) => Some(Entry::of(pod)),
                    _ => None,
                });
            let key = (id.namespace.clone(), id.name.clone());
            let before = match &now {
                Some(entry) => self.by_name.insert(key.clone(), entry.clone()),
                None => self.by_name.remove(&key).map(|(_, entry)| entry),
            };
            self.follow(&key, before.as_ref(), now.as_ref());
            if let Some(before) = &before
                && now.as_ref().is_none_or(|now| now.uid != before.uid)
            {
                fates.push(Fate::Gone(before.clone()));
            }
            if let Some(now) = now
                && now.terminating
                && now.is_gateway()
                && !before
                    .as_ref()
                    .is_some_and(|before| before.terminating && before.uid == now.uid)
            {
                fates.push(Fate::GatewayEnds {
                    pod: now,
                    long_ago: before.is_none(),
                });
            }
        }
        fates
    }

    /// The pod of that name, if it is still the one with this uid.
    pub(in crate::wire) fn get(&self, namespace: &str, name: &str, uid: &str) -> Option<Entry> {
        self.by_name
            .get(&(namespace.into(), name.into()))
            .map(|entry| entry.clone())
            .filter(|entry| *entry.uid == *uid)
    }

    /// Whether the pod behind a caller's name is there still.
    pub(in crate::wire) fn is_known(&self, caller: &str) -> bool {
        self.of_caller(caller).is_some()
    }

    fn of_caller(&self, caller: &str) -> Option<Entry> {
        let (name, uid) = caller.split_once('@')?;
        let (namespace, name) = name.split_once('/')?;
        self.get(namespace, name, uid)
    }

    /// The address of the pod that has this name now.
    pub(in crate::wire) fn address(&self, namespace: &str, name: &str) -> Option<IpAddr> {
        let entry = self.by_name.get(&(namespace.into(), name.into()))?;
        entry.ips.first().copied()
    }

    /// The pod whose own resources a scope holds.
    pub(in crate::wire) fn of_scope(&self, scope: &Scope) -> Option<Entry> {
        self.of_caller(scope.as_str().strip_prefix(OWN)?)
    }

    /// Whether a scope holds a pod's own resources.
    pub(in crate::wire) fn is_own(scope: &Scope) -> bool {
        scope.as_str().starts_with(OWN)
    }

    /// The names of a namespace's pods of a service account that have not begun to end.
    pub(in crate::wire) fn running_as(&self, namespace: &str, account: &str) -> BTreeSet<Str> {
        self.by_name
            .iter()
            .filter(|entry| &*entry.namespace == namespace && &*entry.service_account == account)
            .filter(|entry| !entry.terminating && !entry.finished)
            .map(|entry| entry.name.clone())
            .collect()
    }

    /// Whether an address is another pod's than `pod`'s. One that is nobody's may be a node's that stands for its pods.
    pub(in crate::wire) fn is_of_another(&self, address: IpAddr, pod: &Entry) -> bool {
        let address = address.to_canonical();
        if pod.ips.contains(&address) {
            return false;
        }
        self.by_address
            .get(&address)
            .is_some_and(|owner| (&*owner.0, &*owner.1) != (&*pod.namespace, &*pod.name))
    }

    /// The namespaces that hold a pod with a proxy.
    pub(in crate::wire) fn meshed_namespaces(&self) -> BTreeSet<Str> {
        self.meshed.lock().keys().cloned().collect()
    }

    /// Whether [`Self::meshed_namespaces`] gives others than when this was last asked.
    pub(in crate::wire) fn take_meshed_news(&self) -> bool {
        self.meshed_news.swap(false, Ordering::Relaxed)
    }

    /// Keeps what is found by address or counted in step with an entry.
    fn follow(&self, key: &Key, before: Option<&Entry>, now: Option<&Entry>) {
        let none: &[IpAddr] = &[];
        let old = before.map_or(none, |entry| &entry.ips);
        let new = now.map_or(none, |entry| &entry.ips);
        for gone in old.iter().filter(|ip| !new.contains(ip)) {
            // The address may be another's by now.
            self.by_address.remove_if(gone, |_, owner| owner == key);
        }
        // An ending pod that is told of again does not take back what another has by now.
        for ip in new.iter().filter(|ip| !old.contains(ip)) {
            self.by_address.insert(*ip, key.clone());
        }
        let has_proxy = |entry: Option<&Entry>| entry.is_some_and(|entry| entry.group.is_some());
        match (has_proxy(before), has_proxy(now)) {
            (false, true) => {
                let mut meshed = self.meshed.lock();
                let count = meshed.entry(key.0.clone()).or_default();
                *count += 1;
                if *count == 1 {
                    self.meshed_news.store(true, Ordering::Relaxed);
                }
            }
            (true, false) => {
                let mut meshed = self.meshed.lock();
                if let Some(count) = meshed.get_mut(&key.0) {
                    *count -= 1;
                    if *count == 0 {
                        meshed.remove(&key.0);
                        self.meshed_news.store(true, Ordering::Relaxed);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Pods for tests.
#[cfg(test)]
pub(super) mod fixture {
    use tulle_model::fragment::PodProxy;

    use super::*;

    /// A running pod of namespace `shop`, of account `default`.
    pub(in crate::wire::cluster) fn pod(name: &str, ip: &str, proxy: Option<&str>) -> Pod {
        Pod {
            namespace: "shop".into(),
            name: name.into(),
            object: ObjectId::new("", "Pod", "shop", name),
            labels: Default::default(),
            ips: vec![ip.parse().unwrap()],
            ready: true,
            terminating: false,
            uid: format!("uid of {name}").into(),
            service_account: "default".into(),
            node: None,
            proxy: proxy.map(|proxy| PodProxy {
                id: proxy.parse().unwrap(),
                inbound: Default::default(),
            }),
            finished: false,
            host_network: false,
        }
    }

    /// What a batch says of it.
    pub(in crate::wire::cluster) fn translated(pod: Pod) -> (ObjectId, Option<Arc<Translated>>) {
        let object = pod.object.clone();
        let fragments = vec![Fragment::from(pod)];
        let findings = Vec::new();
        (
            object,
            Some(Arc::new(Translated {
                fragments,
                findings,
            })),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(uid: &str, proxy: &str, terminating: bool) -> (ObjectId, Option<Arc<Translated>>) {
        named("front", "10.0.0.1", uid, proxy, terminating)
    }

    fn named(
        name: &str,
        ip: &str,
        uid: &str,
        proxy: &str,
        terminating: bool,
    ) -> (ObjectId, Option<Arc<Translated>>) {
        let pod = fixture::pod(name, ip, Some(proxy));
        fixture::translated(Pod {
            uid: uid.into(),
            terminating,
            ..pod
        })
    }

    #[test]
    fn a_pod_is_known_by_its_uid() {
        let pods = Pods::default();
        assert!(
            pods.apply(&[pod("1", "virtualnode/shop/front", false)])
                .is_empty()
        );
        let entry = pods.get("shop", "front", "1").unwrap();
        assert!(pods.get("shop", "front", "2").is_none());
        assert_eq!(pods.of_scope(&entry.own_scope()), Some(entry.clone()));
        let fates = pods.apply(&[pod("2", "virtualnode/shop/front", false)]);
        assert_eq!(fates, [Fate::Gone(entry.clone())]);
        assert!(pods.of_scope(&entry.own_scope()).is_none());
        let gone = (ObjectId::new("", "Pod", "shop", "front"), None);
        assert_eq!(pods.apply(&[gone]).len(), 1);
    }

    #[test]
    fn the_end_of_a_gateway_is_told_once_and_that_of_a_workload_is_not() {
        let pods = Pods::default();
        pods.apply(&[pod("1", "virtualgateway/shop/edge", false)]);
        let ending = pod("1", "virtualgateway/shop/edge", true);
        assert!(matches!(
            &*pods.apply(std::slice::from_ref(&ending)),
            [Fate::GatewayEnds {
                long_ago: false,
                ..
            }]
        ));
        assert!(pods.apply(&[ending]).is_empty());
        let other = Pods::default();
        assert!(
            other
                .apply(&[pod("1", "virtualnode/shop/front", true)])
                .is_empty()
        );
        // one that ended while the control plane was away
        let late = Pods::default();
        assert_eq!(
            late.apply(&[pod("1", "virtualgateway/shop/edge", true)])
                .len(),
            1
        );
    }

    #[test]
    fn an_address_belongs_to_the_pod_that_has_it_last() {
        let pods = Pods::default();
        let proxy = "virtualnode/shop/front";
        pods.apply(&[named("one", "10.0.0.1", "1", proxy, false)]);
        pods.apply(&[named("two", "10.0.0.2", "2", proxy, false)]);
        let one = pods.get("shop", "one", "1").unwrap();
        let other = pods.is_of_another("10.0.0.2".parse().unwrap(), &one);
        let own = pods.is_of_another("::ffff:10.0.0.1".parse().unwrap(), &one);
        let nobodys = pods.is_of_another("10.0.0.3".parse().unwrap(), &one);
        assert_eq!((other, own, nobodys), (true, false, false));
        // `two` takes the address over before `one` is known to be gone, and `one` is told of once more
        pods.apply(&[named("two", "10.0.0.1", "2", proxy, false)]);
        pods.apply(&[named("one", "10.0.0.1", "1", proxy, true)]);
        let two = pods.get("shop", "two", "2").unwrap();
        assert!(!pods.is_of_another("10.0.0.1".parse().unwrap(), &two));
        pods.apply(&[(ObjectId::new("", "Pod", "shop", "one"), None)]);
        let one = Entry {
            ips: Vec::new(),
            ..one
        };
        assert!(pods.is_of_another("10.0.0.1".parse().unwrap(), &one));
        assert_eq!(pods.meshed_namespaces().len(), 1);
        pods.apply(&[(ObjectId::new("", "Pod", "shop", "two"), None)]);
        assert!(pods.meshed_namespaces().is_empty());
        assert!(!pods.is_of_another("10.0.0.1".parse().unwrap(), &one));
    }
}
