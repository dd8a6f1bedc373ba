//! The pods as the mesh knows them: who a proxy is, and what becomes of it when its pod ends.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use dashmap::DashMap;
use tulle_model::fragment::{Fragment, Pod, Translated};
use tulle_model::{Capture, ObjectId, ProxyKind, Str};
use tulle_xds::Scope;

use crate::engine::Group;

/// All watched pods by namespace and name.
#[derive(Debug, Default)]
pub(in crate::wire) struct Pods(DashMap<(Str, Str), Entry>);

/// What is kept of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::wire) struct Entry {
    pub(in crate::wire) namespace: Str,
    pub(in crate::wire) name: Str,
    pub(in crate::wire) uid: Str,
    pub(in crate::wire) service_account: Str,
    pub(in crate::wire) group: Option<Group>,
    pub(in crate::wire) terminating: bool,
    pub(in crate::wire) ip: Option<IpAddr>,
}

/// What has become of a pod's proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::wire) enum Fate {
    /// The pod object is gone: the proxy is nobody any more.
    Gone(Entry),
    /// A gateway's pod has begun to end.
    GatewayEnds(Entry),
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
            ip: pod.ips.first().copied(),
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
                Some(entry) => self.0.insert(key, entry.clone()),
                None => self.0.remove(&key).map(|(_, entry)| entry),
            };
            if let Some(before) = &before
                && now.as_ref().is_none_or(|now| now.uid != before.uid)
            {
                fates.push(Fate::Gone(before.clone()));
            }
            if let Some(now) = now
                && now.terminating
                && now.is_gateway()
                && !before.is_some_and(|before| before.terminating && before.uid == now.uid)
            {
                fates.push(Fate::GatewayEnds(now));
            }
        }
        fates
    }

    /// The pod of that name, if it is still the one with this uid.
    pub(in crate::wire) fn get(&self, namespace: &str, name: &str, uid: &str) -> Option<Entry> {
        self.0
            .get(&(namespace.into(), name.into()))
            .map(|entry| entry.clone())
            .filter(|entry| *entry.uid == *uid)
    }

    /// The address of the pod that has this name now.
    pub(in crate::wire) fn address(&self, namespace: &str, name: &str) -> Option<IpAddr> {
        self.0.get(&(namespace.into(), name.into()))?.ip
    }

    /// The pod whose own resources a scope holds.
    pub(in crate::wire) fn of_scope(&self, scope: &Scope) -> Option<Entry> {
        let (name, uid) = scope.as_str().strip_prefix(OWN)?.split_once('@')?;
        let (namespace, name) = name.split_once('/')?;
        self.get(namespace, name, uid)
    }

    /// Whether a scope holds a pod's own resources.
    pub(in crate::wire) fn is_own(scope: &Scope) -> bool {
        scope.as_str().starts_with(OWN)
    }

    /// The names of a namespace's pods of a service account that have not begun to end.
    pub(in crate::wire) fn running_as(&self, namespace: &str, account: &str) -> BTreeSet<Str> {
        self.0
            .iter()
            .filter(|entry| &*entry.namespace == namespace && &*entry.service_account == account)
            .filter(|entry| !entry.terminating)
            .map(|entry| entry.name.clone())
            .collect()
    }

    /// The namespaces that hold a pod with a proxy.
    pub(in crate::wire) fn meshed_namespaces(&self) -> BTreeSet<Str> {
        self.0
            .iter()
            .filter(|entry| entry.group.is_some())
            .map(|entry| entry.namespace.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tulle_model::fragment::PodProxy;

    use super::*;

    fn pod(uid: &str, proxy: &str, terminating: bool) -> (ObjectId, Option<Arc<Translated>>) {
        let object = ObjectId::new("", "Pod", "shop", "front");
        let pod = Pod {
            namespace: "shop".into(),
            name: "front".into(),
            object: object.clone(),
            labels: Default::default(),
            ips: Vec::new(),
            ready: true,
            terminating,
            uid: uid.into(),
            service_account: "default".into(),
            node: None,
            proxy: Some(PodProxy {
                id: proxy.parse().unwrap(),
                inbound: BTreeSet::new(),
            }),
            finished: false,
            host_network: false,
        };
        let translated = Translated {
            fragments: vec![Fragment::Pod(pod)],
            findings: Vec::new(),
        };
        (object, Some(Arc::new(translated)))
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
            [Fate::GatewayEnds(_)]
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
}
