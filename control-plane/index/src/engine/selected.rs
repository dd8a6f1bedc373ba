//! The pods that selectors fit, kept as pods come and go, so that no lookup scans a namespace and no pod is held against
//! thousands of selectors.
//!
//! A selector that wants one of some values of a label hangs on the first such label: only pods that have it are held against
//! it. Any other is loose, and held against every pod of its namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use tulle_model::fragment::Pod;
use tulle_model::selector::{Operator, Selector};
use tulle_model::{ObjectId, Str};

use super::slot::SlotId;
use crate::facts::Facts;
use crate::facts::part::Part;
use crate::facts::table::Held;
use crate::few::Few;

/// Every selector that is looked up.
#[derive(Debug, Default)]
pub(super) struct Selectors {
    namespaces: BTreeMap<Str, Namespace>,
}

#[derive(Debug, Default)]
struct Namespace {
    /// By label, what hangs on it.
    labels: BTreeMap<Str, Label>,
    loose: BTreeMap<Arc<Selector>, Loose>,
}

/// A label on which at least one selector hangs.
#[derive(Debug, Default)]
struct Label {
    /// How many selectors hang on it.
    selectors: usize,
    /// Every value that some pod has or some selector wants.
    values: BTreeMap<Str, Value>,
}

#[derive(Debug, Default)]
struct Value {
    /// The pods that have it.
    pods: Few<ObjectId>,
    /// The selectors that want it, among others perhaps, each with its slot of `Fact::Pods`.
    selectors: Few<(Arc<Selector>, SlotId)>,
}

#[derive(Debug)]
struct Loose {
    /// The slot of `Fact::Pods`.
    slot: SlotId,
    /// The pods that it fits.
    pods: Few<ObjectId>,
}

/// The label on which a selector hangs, and the values that it wants.
fn hook(selector: &Selector) -> Option<(&Str, &[Str])> {
    let mut requirements = selector.requirements.iter();
    requirements.find_map(|requirement| match &requirement.operator {
        Operator::In(values) => Some((&requirement.key, values.as_slice())),
        _ => None,
    })
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
        let Some((key, values)) = hook(selector) else {
            let mut loose = Loose {
                slot,
                pods: Few::default(),
            };
            for pod in facts.pods_in(namespace) {
                if selector.matches(&pod.labels) {
                    loose.pods.insert(pod.key());
                }
            }
            own.loose.insert(selector.clone(), loose);
            return;
        };
        let label = own.labels.entry(key.clone()).or_insert_with(|| {
            let mut label = Label::default();
            for pod in facts.pods_in(namespace) {
                if let Some(value) = pod.labels.get(key) {
                    let value = label.values.entry(value.clone()).or_default();
                    value.pods.insert(pod.key());
                }
            }
            label
        });
        label.selectors += 1;
        for value in values {
            let value = label.values.entry(value.clone()).or_default();
            value.selectors.insert((selector.clone(), slot));
        }
    }

    /// Keeps them no longer.
    pub(super) fn remove(&mut self, namespace: &Str, selector: &Arc<Selector>, slot: SlotId) {
        let Some(own) = self.namespaces.get_mut(namespace) else {
            return;
        };
        own.loose.remove(selector);
        if let Some((key, values)) = hook(selector)
            && let Some(label) = own.labels.get_mut(key)
        {
            let wanted = (selector.clone(), slot);
            for value in values {
                label.edit(value, |value| value.selectors.remove(&wanted));
            }
            label.selectors -= 1;
            if label.selectors == 0 {
                own.labels.remove(key);
            }
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
        let mut touched = vec![];
        for (state, there) in [(before, false), (after, true)] {
            let Some(pod) = state else {
                continue;
            };
            let id = &pod.key();
            for (key, value) in pod.labels.iter() {
                let Some(label) = own.labels.get_mut(key) else {
                    continue;
                };
                label.edit(value, |value| {
                    let fitting = value.selectors.iter();
                    let fitting = fitting.filter(|(selector, _)| selector.matches(&pod.labels));
                    touched.extend(fitting.map(|(_, slot)| *slot));
                    match there {
                        true => value.pods.insert(id.clone()),
                        false => value.pods.remove(id),
                    }
                });
            }
            for (selector, loose) in &mut own.loose {
                if selector.matches(&pod.labels) {
                    touched.push(loose.slot);
                    match there {
                        true => loose.pods.insert(id.clone()),
                        false => loose.pods.remove(id),
                    };
                }
            }
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// The pods of which some are those that a selector fits, and no other is, sorted.
    pub(super) fn candidates(&self, namespace: &Str, selector: &Selector) -> Vec<&ObjectId> {
        let Some(own) = self.namespaces.get(namespace) else {
            return vec![];
        };
        let Some((key, values)) = hook(selector) else {
            let loose = own.loose.get(selector);
            return loose.into_iter().flat_map(|loose| &loose.pods).collect();
        };
        let label = own.labels.get(key);
        let wanted = values
            .iter()
            .filter_map(|value| label?.values.get(value))
            .flat_map(|value| &value.pods);
        let mut pods: Vec<&ObjectId> = wanted.collect();
        pods.sort_unstable();
        pods.dedup();
        pods
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
