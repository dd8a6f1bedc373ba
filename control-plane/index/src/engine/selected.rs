//! The pods that selectors fit, kept as pods come and go, so that no lookup scans a namespace.

use std::collections::BTreeMap;

use tulle_model::Str;
use tulle_model::fragment::Pod;
use tulle_model::selector::Selector;

use super::slot::SlotId;
use crate::facts::Facts;
use crate::facts::table::Held;
use crate::few::Few;

/// Every selector that is looked up.
#[derive(Debug, Default)]
pub(super) struct Selectors {
    namespaces: BTreeMap<Str, BTreeMap<Selector, Selected>>,
}

#[derive(Debug)]
struct Selected {
    /// The slot of `Fact::Pods`.
    slot: SlotId,
    /// The pods' names.
    pods: Few<Str>,
}

impl Selectors {
    /// Begins to keep the pods that a selector fits.
    pub(super) fn add(
        &mut self,
        namespace: &Str,
        selector: &Selector,
        slot: SlotId,
        facts: &Facts,
    ) {
        let pods = facts.pods_in(namespace);
        let pods = pods.filter(|pod| selector.matches(&pod.labels));
        let mut selected = Selected {
            slot,
            pods: Few::default(),
        };
        for pod in pods {
            selected.pods.insert(pod.name.clone());
        }
        let selectors = self.namespaces.entry(namespace.clone()).or_default();
        selectors.insert(selector.clone(), selected);
    }

    /// Keeps them no longer.
    pub(super) fn remove(&mut self, namespace: &Str, selector: &Selector) {
        if let Some(selectors) = self.namespaces.get_mut(namespace) {
            selectors.remove(selector);
            if selectors.is_empty() {
                self.namespaces.remove(namespace);
            }
        }
    }

    /// Takes in a pod's change; gives the slots of the selectors that fit it before or fit it now.
    pub(super) fn follow(
        &mut self,
        before: Option<&Held<Pod>>,
        after: Option<&Held<Pod>>,
    ) -> Vec<SlotId> {
        let Some(pod) = after.or(before) else {
            return vec![];
        };
        let Some(selectors) = self.namespaces.get_mut(&pod.namespace) else {
            return vec![];
        };
        let mut touched = vec![];
        for (selector, selected) in selectors {
            let fits = after.is_some_and(|pod| selector.matches(&pod.labels));
            let known = match fits {
                true => !selected.pods.insert(pod.name.clone()),
                false => selected.pods.remove(&pod.name),
            };
            if fits || known {
                touched.push(selected.slot);
            }
        }
        touched
    }

    /// The names of the pods that a selector fits, sorted.
    pub(super) fn pods(&self, namespace: &Str, selector: &Selector) -> impl Iterator<Item = &Str> {
        let selectors = self.namespaces.get(namespace);
        let selected = selectors.and_then(|selectors| selectors.get(selector));
        selected.into_iter().flat_map(|selected| &selected.pods)
    }
}
