//! The pods that selectors fit, kept as pods come and go, so that no lookup scans a namespace and no pod is held against
//! thousands of selectors.
//!
//! A selector hangs on one label of which it wants one of some values: only pods that have one of them are held against it.
//! Which of its labels that is depends on how many hang there already, for labels that say what a pod is part of are the same on
//! all pods: so what a pod costs follows from what fits it. A selector that wants no value is loose, and held against every pod
//! of its namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use tulle_model::fragment::Pod;
use tulle_model::selector::{Labels, Operator, Selector};
use tulle_model::{ObjectId, Str};

use super::slot::SlotId;
use crate::facts::Facts;
use crate::facts::part::Part;
use crate::facts::table::Held;
use crate::few::Few;

/// So many selectors on one value are no crowd: it costs less to hold its pods against them than to follow another label.
const NO_CROWD: usize = 4;

/// Every selector that is looked up.
#[derive(Debug, Default)]
pub(super) struct Selectors {
    namespaces: BTreeMap<Str, Namespace>,
}

#[derive(Debug, Default)]
struct Namespace {
    /// By label, what hangs on it.
    labels: BTreeMap<Str, Label>,
    /// What hangs on no label.
    loose: Few<Hung>,
    /// What is kept of each selector but those that want a single value and nothing else: theirs are the pods of that value.
    kept: BTreeMap<Arc<Selector>, Kept>,
}

/// A selector, and its slot of `Fact::Pods`.
type Hung = (Arc<Selector>, SlotId);

/// A label on which at least one selector hangs.
#[derive(Debug, Default)]
struct Label {
    /// How many selectors hang on it.
    selectors: usize,
    /// Every value that some pod has or some selector that hangs here wants.
    values: BTreeMap<Str, Value>,
}

#[derive(Debug, Default)]
struct Value {
    /// The pods that have it.
    pods: Few<ObjectId>,
    /// The selectors that hang here and want it, among others perhaps.
    selectors: Few<Hung>,
}

#[derive(Debug)]
struct Kept {
    /// The place of the requirement on whose label it hangs; `None`: it is loose.
    hook: Option<usize>,
    /// The pods that it fits.
    pods: Few<ObjectId>,
}

/// The label and the values that the requirement at a place wants.
fn wanted(selector: &Selector, place: usize) -> Option<(&Str, &[Str])> {
    let requirement = selector.requirements.get(place)?;
    match &requirement.operator {
        Operator::In(values) => Some((&requirement.key, values)),
        _ => None,
    }
}

/// The only thing that a selector wants, if it is one value of one label.
fn sole(selector: &Selector) -> Option<(&Str, &Str)> {
    match (selector.requirements.len(), wanted(selector, 0)?) {
        (1, (key, [value])) => Some((key, value)),
        _ => None,
    }
}

impl Selectors {
    /// Begins to keep the pods that a selector fits.
    pub(super) fn add(
        &mut self,
        namespace: &Str,
        selector: &Arc<Selector>,
        slot: SlotId,
        facts: &Facts,
    ) {
        let own = self.namespaces.entry(namespace.clone()).or_default();
        let hook = own.hook(selector);
        own.hang(namespace, selector, slot, hook, facts);
        if sole(selector).is_some() {
            return;
        }
        let mut pods = Few::default();
        match hook.and_then(|place| wanted(selector, place)) {
            Some((key, values)) => {
                for pod in own.values(key, values).flat_map(|value| &value.pods) {
                    let known = facts.pods.get(pod);
                    if known.is_some_and(|known| selector.matches(&known.labels)) {
                        pods.insert(pod.clone());
                    }
                }
            }
            None => {
                let fitting = facts.pods_in(namespace);
                for pod in fitting.filter(|pod| selector.matches(&pod.labels)) {
                    pods.insert(pod.key());
                }
            }
        }
        own.kept.insert(selector.clone(), Kept { hook, pods });
    }

    /// Keeps them no longer; it was added.
    pub(super) fn remove(&mut self, namespace: &Str, selector: &Arc<Selector>, slot: SlotId) {
        let Some(own) = self.namespaces.get_mut(namespace) else {
            return;
        };
        let hook = match own.kept.remove(selector) {
            Some(kept) => kept.hook,
            None => Some(0),
        };
        let hung = (selector.clone(), slot);
        if let Some((key, values)) = hook.and_then(|place| wanted(selector, place)) {
            if let Some(label) = own.labels.get_mut(key) {
                for value in values {
                    label.edit(value, |value| value.selectors.remove(&hung));
                }
                label.selectors -= 1;
                if label.selectors == 0 {
                    own.labels.remove(key);
                }
            }
        } else {
            own.loose.remove(&hung);
        }
        if own.labels.is_empty() && own.loose.is_empty() {
            self.namespaces.remove(namespace);
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
        let Some(own) = self.namespaces.get_mut(&pod.namespace) else {
            return vec![];
        };
        let before = before.map(|pod| &pod.labels);
        let after = after.map(|pod| &pod.labels);
        if before == after {
            let fitting = after.into_iter().flat_map(|labels| own.fitting(labels));
            return sorted(fitting.map(|(_, slot)| *slot).collect());
        }
        let id = pod.key();
        let left = before.map(|labels| own.place(&id, labels, false));
        let come = after.map(|labels| own.place(&id, labels, true));
        sorted([left, come].into_iter().flatten().flatten().collect())
    }

    /// The pods that a selector fits, sorted; it was added.
    pub(super) fn pods(&self, namespace: &Str, selector: &Selector) -> &[ObjectId] {
        let Some(own) = self.namespaces.get(namespace) else {
            return &[];
        };
        let pods = match sole(selector) {
            Some((key, value)) => {
                let label = own.labels.get(key);
                let value = label.and_then(|label| label.values.get(value));
                value.map(|value| &value.pods)
            }
            None => own.kept.get(selector).map(|kept| &kept.pods),
        };
        pods.map_or(&[], |pods| pods)
    }
}

fn sorted(mut slots: Vec<SlotId>) -> Vec<SlotId> {
    slots.sort_unstable();
    slots.dedup();
    slots
}

impl Namespace {
    /// The place of the requirement on whose label a selector had best hang: one that is not crowded, if there is any; of those,
    /// one that is followed anyway; of those, the one of the fewest pods. Pods count last, for they may be yet to come.
    fn hook(&self, selector: &Selector) -> Option<usize> {
        let places = 0..selector.requirements.len();
        let hooks = places.filter_map(|place| {
            let (key, values) = wanted(selector, place)?;
            let selectors = self.values(key, values).map(|value| value.selectors.len());
            let crowd = selectors.max().unwrap_or_default();
            let crowd = (crowd + 1).saturating_sub(NO_CROWD);
            let pods = self.values(key, values).map(|value| value.pods.len());
            let pods: usize = pods.sum();
            Some((crowd, !self.labels.contains_key(key), pods, place))
        });
        hooks.min().map(|(.., place)| place)
    }

    fn hang(
        &mut self,
        namespace: &Str,
        selector: &Arc<Selector>,
        slot: SlotId,
        hook: Option<usize>,
        facts: &Facts,
    ) {
        let hung = (selector.clone(), slot);
        let Some((key, values)) = hook.and_then(|place| wanted(selector, place)) else {
            self.loose.insert(hung);
            return;
        };
        let label = self.labels.entry(key.clone()).or_insert_with(|| {
            let mut label = Label::default();
            for pod in facts.pods_in(namespace) {
                if let Some(value) = pod.labels.get(key) {
                    label.edit(value, |value| value.pods.insert(pod.key()));
                }
            }
            label
        });
        label.selectors += 1;
        for value in values {
            label.edit(value, |value| value.selectors.insert(hung.clone()));
        }
    }

    /// What is known of some values of a label.
    fn values<'n>(&'n self, key: &Str, values: &'n [Str]) -> impl Iterator<Item = &'n Value> {
        let label = self.labels.get(key);
        values.iter().filter_map(move |own| label?.values.get(own))
    }

    /// The selectors against which a pod with these labels is held.
    fn near(&self, labels: &Labels) -> impl Iterator<Item = &Hung> {
        let values = labels.iter().filter_map(|(key, value)| {
            let label = self.labels.get(key)?;
            label.values.get(value)
        });
        values.flat_map(|value| &value.selectors).chain(&self.loose)
    }

    /// The selectors that fit a pod with these labels.
    fn fitting(&self, labels: &Labels) -> impl Iterator<Item = &Hung> {
        let near = self.near(labels);
        near.filter(|(selector, _)| selector.matches(labels))
    }

    /// Lists a pod that has these labels, or lists it no longer; gives the slots of the selectors that fit it.
    fn place(&mut self, pod: &ObjectId, labels: &Labels, there: bool) -> Vec<SlotId> {
        let edit = |pods: &mut Few<ObjectId>| match there {
            true => pods.insert(pod.clone()),
            false => pods.remove(pod),
        };
        let fitting: Vec<Hung> = self.fitting(labels).cloned().collect();
        for (selector, _) in &fitting {
            if let Some(kept) = self.kept.get_mut(selector) {
                edit(&mut kept.pods);
            }
        }
        for (key, value) in labels.iter() {
            if let Some(label) = self.labels.get_mut(key) {
                label.edit(value, |value| edit(&mut value.pods));
            }
        }
        fitting.into_iter().map(|(_, slot)| slot).collect()
    }
}

impl Label {
    /// Changes what hangs on a value, of which nothing is kept that says nothing.
    fn edit(&mut self, value: &Str, edit: impl FnOnce(&mut Value) -> bool) {
        let own = self.values.entry(value.clone()).or_default();
        edit(own);
        if own.pods.is_empty() && own.selectors.is_empty() {
            self.values.remove(value);
        }
    }
}

#[cfg(test)]
mod tests;
