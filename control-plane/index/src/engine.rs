//! Memo nodes and who depends on what.
//!
//! Changed facts make the nodes that looked them up dirty; dirty nodes are computed again in the order
//! of their stages; a node that comes out equal keeps its old value and stops the wave. Nodes that
//! nobody needs any more are dropped at the end of the batch.

mod selected;
mod slot;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use tulle_model::endpoint::{EndpointSet, EndpointSetId};
use tulle_model::fragment::Pod;
use tulle_model::linked::{ProxyView, Role};
use tulle_model::selector::Selector;
use tulle_model::settings::Settings;
use tulle_model::{Finding, ProxyId, Str};

use self::selected::Selectors;
pub(crate) use self::slot::SlotId;
use self::slot::{Key, Memo, Slots};
use crate::facts::Facts;
use crate::facts::change::Effects;
use crate::facts::table::Held;
use crate::findings::FindingSet;
use crate::key::{Fact, Node};
use crate::reader::Reader;
use crate::relations::Relations;
use crate::shared::Shares;
use crate::stages;
use crate::stats::Stats;
use crate::value::Value;

/// The graph of facts and nodes.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    pub(crate) settings: Settings,
    pub(crate) facts: Facts,
    pub(crate) relations: Relations,
    pub(crate) findings: FindingSet,
    pub(crate) stats: Stats,
    pub(crate) shares: Shares,
    slots: Slots,
    /// The slots of `Fact::Pods`, to be asked about each pod that changed.
    pod_selectors: Selectors,
    /// Nodes to be computed, by stage.
    dirty: BTreeSet<(u8, SlotId)>,
    /// Slots that may have lost their last dependent.
    orphans: Vec<SlotId>,
    /// Views and endpoint sets that this batch changed, as they were.
    views: BTreeMap<ProxyId, Option<Arc<ProxyView>>>,
    endpoints: BTreeMap<EndpointSetId, Arc<EndpointSet>>,
}

impl Engine {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// The value of a node, if it is known.
    pub(crate) fn value(&self, node: Node) -> Option<&Value> {
        let id = self.slots.find(&Key::Node(node))?;
        Some(&self.slots[id].memo.as_ref()?.value)
    }

    /// Takes in what a batch of edits changed. Call `settle` afterwards.
    pub(crate) fn touch(&mut self, effects: Effects) {
        for fact in effects.facts {
            self.touch_fact(fact);
        }
        for change in &effects.pods {
            let (before, after) = (change.before.first(), change.after.first());
            for id in self.pod_selectors.follow(before, after) {
                self.touch_dependents(id);
            }
        }
        for (node, wanted) in effects.roots {
            self.set_root(node, wanted);
        }
    }

    /// Makes everything dirty that looked this up.
    pub(crate) fn touch_fact(&mut self, fact: Fact) {
        if let Some(id) = self.slots.find(&Key::Fact(fact)) {
            self.touch_dependents(id);
        }
    }

    fn touch_dependents(&mut self, id: SlotId) {
        let dependents: Vec<SlotId> = self.slots[id].dependents.iter().copied().collect();
        for dependent in dependents {
            self.touch_slot(dependent);
        }
    }

    fn touch_slot(&mut self, id: SlotId) {
        if let Key::Node(node) = &self.slots[id].key {
            self.dirty.insert((node.stage(), id));
        }
    }

    pub(crate) fn set_root(&mut self, node: Node, wanted: bool) {
        let id = self.intern(Key::Node(node));
        self.slots[id].root = wanted;
        if self.slots[id].memo.is_none() {
            self.touch_slot(id);
        }
        if !wanted {
            self.orphans.push(id);
        }
    }

    /// Computes what is dirty and drops what nobody needs.
    pub(crate) fn settle(&mut self) {
        while let Some((_, id)) = self.dirty.pop_first() {
            self.evaluate(id);
        }
        self.prune();
    }

    /// The views that differ from those before the batch.
    pub(crate) fn changed_views(&mut self) -> BTreeSet<ProxyId> {
        let changed = mem::take(&mut self.views)
            .into_iter()
            .filter(|(id, before)| self.view(id) != before.as_ref())
            .map(|(id, _)| id)
            .collect();
        self.shares.forget_unused();
        changed
    }

    /// The endpoint sets in use that differ from those before the batch; one that was unknown was empty.
    pub(crate) fn changed_endpoints(&mut self) -> BTreeSet<EndpointSetId> {
        mem::take(&mut self.endpoints)
            .into_iter()
            .filter(
                |(id, before)| match self.value(Node::Endpoints(Box::new(id.clone()))) {
                    Some(Value::Endpoints(now)) => now != before,
                    _ => false,
                },
            )
            .map(|(id, _)| id)
            .collect()
    }

    pub(crate) fn view(&self, id: &ProxyId) -> Option<&Arc<ProxyView>> {
        match self.value(Node::View(id.clone()))? {
            Value::View(view) => view.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn endpoints(&self, id: &EndpointSetId) -> Arc<EndpointSet> {
        match self.value(Node::Endpoints(Box::new(id.clone()))) {
            Some(Value::Endpoints(set)) => set.clone(),
            _ => Arc::default(),
        }
    }

    /// The facts that a node's value depends on, by way of other nodes too.
    pub(crate) fn facts_behind(&self, node: Node) -> BTreeSet<&Fact> {
        let mut seen = BTreeSet::new();
        let mut facts = BTreeSet::new();
        let mut next: Vec<SlotId> = Vec::from_iter(self.slots.find(&Key::Node(node)));
        while let Some(id) = next.pop() {
            if !seen.insert(id) {
                continue;
            }
            match &self.slots[id].key {
                Key::Fact(fact) => {
                    facts.insert(fact);
                }
                Key::Node(_) => next.extend(&self.slots[id].deps),
            }
        }
        facts
    }

    /// Counts what is held and what was computed.
    pub(crate) fn stats(&self) -> Stats {
        let mut stats = self.stats.clone();
        for key in self.slots.keys() {
            match key {
                Key::Node(node) => *stats.nodes.entry(node.kind()).or_default() += 1,
                Key::Fact(_) => stats.facts += 1,
            }
        }
        stats
    }

    /// The endpoint sets that are kept up to date.
    #[cfg(test)]
    pub(crate) fn followed(&self) -> impl Iterator<Item = &EndpointSetId> {
        self.slots.keys().filter_map(|key| match key {
            Key::Node(Node::Endpoints(set)) => Some(&**set),
            _ => None,
        })
    }

    /// The pods of a namespace that a selector fits, sorted by name; `Fact::Pods` of it must be known.
    pub(crate) fn selected_pods(&self, namespace: &Str, selector: &Selector) -> Vec<Held<Pod>> {
        let pods = self.pod_selectors.pods(namespace, selector).iter();
        pods.filter_map(|pod| self.facts.pods.get(pod)).collect()
    }

    pub(crate) fn fact_slot(&mut self, fact: Fact) -> SlotId {
        self.intern(Key::Fact(fact))
    }

    /// The slot of a node, which is computed now if it is new.
    pub(crate) fn node_slot(&mut self, node: Node) -> SlotId {
        let id = self.intern(Key::Node(node));
        if self.slots[id].memo.is_none() {
            self.evaluate(id);
        }
        id
    }

    /// The slot of a node, which is computed in its turn if it is new.
    pub(crate) fn node_slot_later(&mut self, node: Node) -> SlotId {
        let id = self.intern(Key::Node(node));
        if self.slots[id].memo.is_none() {
            self.touch_slot(id);
        }
        id
    }

    pub(crate) fn slot_value(&self, id: SlotId) -> &Value {
        let memo = self.slots[id].memo.as_ref();
        &memo.expect("a node is computed before it is read").value
    }

    fn intern(&mut self, key: Key) -> SlotId {
        if let Some(id) = self.slots.find(&key) {
            return id;
        }
        let id = self.slots.add(key);
        if let Key::Fact(Fact::Pods(namespace, selector)) = &self.slots[id].key {
            self.pod_selectors.add(namespace, selector, id, &self.facts);
        }
        id
    }

    fn evaluate(&mut self, id: SlotId) {
        let Key::Node(node) = self.slots[id].key.clone() else {
            return;
        };
        self.dirty.remove(&(node.stage(), id));
        *self.stats.computed.entry(node.kind()).or_default() += 1;
        let mut reader = Reader::new(self, node.stage());
        let value = stages::compute(&node, &mut reader);
        let (deps, findings) = reader.finish();
        self.set_deps(id, deps);
        self.set_value(id, &node, value, findings);
    }

    fn set_deps(&mut self, id: SlotId, mut deps: Vec<SlotId>) {
        deps.sort_unstable();
        deps.dedup();
        let deps = deps.into_boxed_slice();
        if self.slots[id].deps == deps {
            return;
        }
        let old = mem::take(&mut self.slots[id].deps);
        for &dep in &old {
            if deps.binary_search(&dep).is_err() {
                self.slots[dep].dependents.remove(&id);
                if self.slots[dep].dependents.is_empty() {
                    self.orphans.push(dep);
                }
            }
        }
        for &dep in &deps {
            if old.binary_search(&dep).is_err() {
                self.slots[dep].dependents.insert(id);
            }
        }
        self.slots[id].deps = deps;
    }

    fn set_value(&mut self, id: SlotId, node: &Node, value: Value, findings: Vec<Finding>) {
        let old = self.slots[id].memo.take();
        let (old_value, old_findings) = match old.map(|memo| *memo) {
            Some(memo) => (Some(memo.value), memo.findings),
            None => (None, Box::default()),
        };
        let findings = findings.into_boxed_slice();
        if old_findings != findings {
            self.findings.replace(&old_findings, &findings);
        }
        if old_value.as_ref() == Some(&value) {
            let value = old_value.unwrap_or(value);
            self.slots[id].memo = Some(Box::new(Memo { value, findings }));
            return;
        }
        self.remember(node, old_value.as_ref());
        let facts = self
            .relations
            .update(node, old_value.as_ref(), Some(&value));
        self.slots[id].memo = Some(Box::new(Memo { value, findings }));
        for fact in facts {
            self.touch_fact(fact);
        }
        if !matches!(node, Node::Endpoints(_)) {
            self.touch_dependents(id);
        }
    }

    fn remember(&mut self, node: &Node, old: Option<&Value>) {
        match node {
            Node::View(proxy) => {
                let before = match old {
                    Some(Value::View(view)) => view.clone(),
                    _ => None,
                };
                self.let_go(before.as_deref());
                self.views.entry(proxy.clone()).or_insert(before);
            }
            Node::Endpoints(set) => {
                let before = match old {
                    Some(Value::Endpoints(endpoints)) => endpoints.clone(),
                    _ => Arc::default(),
                };
                let set = EndpointSetId::clone(set);
                self.endpoints.entry(set).or_insert(before);
            }
            _ => {}
        }
    }

    fn prune(&mut self) {
        while let Some(id) = self.orphans.pop() {
            let slot = &self.slots[id];
            if slot.root || !slot.dependents.is_empty() {
                continue;
            }
            let Some(slot) = self.slots.remove(id) else {
                continue;
            };
            match &slot.key {
                Key::Fact(Fact::Pods(namespace, selector)) => {
                    self.pod_selectors.remove(namespace, selector, id);
                }
                Key::Fact(_) => {}
                Key::Node(node) => {
                    if let Some(memo) = &slot.memo {
                        self.findings.replace(&memo.findings, &[]);
                        self.relations.update(node, Some(&memo.value), None);
                        if let Value::View(view) = &memo.value {
                            self.let_go(view.as_deref());
                        }
                    }
                }
            }
            for &dep in &slot.deps {
                self.slots[dep].dependents.remove(&id);
                if self.slots[dep].dependents.is_empty() {
                    self.orphans.push(dep);
                }
            }
        }
    }

    /// A view is not what it was.
    fn let_go(&mut self, view: Option<&ProxyView>) {
        let Some(view) = view else {
            return;
        };
        let ports = match &view.role {
            Role::Sidecar(sidecar) => sidecar.outbound.len(),
            Role::Gateway(_) => 0,
        };
        self.shares.let_go(view.clusters.len(), ports);
    }
}
