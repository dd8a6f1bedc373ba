//! The index as its owner sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tulle_model::endpoint::{EndpointSet, EndpointSetId};
use tulle_model::fragment::Translated;
use tulle_model::linked::ProxyView;
use tulle_model::settings::Settings;
use tulle_model::{Finding, ObjectId, ProxyId};

use crate::delta::Delta;
use crate::engine::Engine;
use crate::key::{Fact, Node};
use crate::names::{self, ServedNames};
use crate::stats::Stats;

/// So many objects are looked at at a time for what they change. What a whole mesh changes when it comes takes as much room as
/// the mesh; what is found in parts is computed as one.
const PART: usize = 1024;

/// The linked mesh, kept up to date batch by batch. A plain value: one owner changes it, and what it
/// gives out are shared values that never change.
#[derive(Debug)]
pub struct Index {
    engine: Engine,
    pinned: BTreeSet<EndpointSetId>,
    names: Arc<ServedNames>,
}

impl Index {
    /// An empty mesh.
    pub fn new(settings: Settings) -> Self {
        let mut index = Self {
            engine: Engine::new(settings),
            pinned: BTreeSet::new(),
            names: Arc::default(),
        };
        // The zones of the settings are there before any object is.
        index.engine.relations.names_changed = true;
        index.follow_names();
        index
    }

    /// Exchanges the settings.
    pub fn set_settings(&mut self, settings: Settings) -> Delta {
        // Named one by one, so that nobody adds a setting and forgets who depends on it. Trusted hops
        // are of no account here: the link does not read them.
        let Settings {
            implicit_retry,
            plain_dns,
            trusted_hops: _,
            cluster_domain,
            trust_domain,
            mtls,
            names,
        } = std::mem::replace(&mut self.engine.settings, settings);
        let new = &self.engine.settings;
        let changed = [
            (implicit_retry != new.implicit_retry, Fact::ImplicitRetry),
            (plain_dns != new.plain_dns, Fact::PlainDns),
            (cluster_domain != new.cluster_domain, Fact::ClusterDomain),
            (trust_domain != new.trust_domain, Fact::TrustDomain),
            (mtls != new.mtls, Fact::Mtls),
            (names != new.names, Fact::Names),
        ];
        self.engine.relations.names_changed |= names != new.names;
        for (_, fact) in changed.into_iter().filter(|(changed, _)| *changed) {
            self.engine.touch_fact(fact);
        }
        self.settle()
    }

    /// Takes in a batch as one: what each object says now, `None` where it is gone. Of several entries
    /// for one object the last one counts.
    pub fn apply(&mut self, batch: Vec<(ObjectId, Option<Arc<Translated>>)>) -> Delta {
        let mut batch = batch.into_iter();
        while !batch.as_slice().is_empty() {
            for (id, translated) in batch.by_ref().take(PART) {
                if let Some(replaced) = self.engine.facts.replace(&id, translated) {
                    let old = replaced.old.as_ref().map_or(&[][..], |old| &old.findings);
                    let new = replaced.new.as_ref().map_or(&[][..], |new| &new.findings);
                    self.engine.findings.replace(old, new);
                }
            }
            let effects = self.engine.facts.effects();
            self.engine.touch(effects);
        }
        self.settle()
    }

    fn settle(&mut self) -> Delta {
        self.engine.settle();
        Delta {
            views: self.engine.changed_views(),
            endpoints: self.engine.changed_endpoints(),
            findings: self.engine.findings.changed(),
            names: self.follow_names(),
        }
    }

    /// Lists the names anew if one of them may be different. Whether any is.
    fn follow_names(&mut self) -> bool {
        let relations = &mut self.engine.relations;
        if !std::mem::take(&mut relations.names_changed) {
            return false;
        }
        let settings = &self.engine.settings.names;
        let mut served = ServedNames::default();
        if settings.served {
            served.zones = names::zones(settings, relations.registries());
            served.names = relations.all_named();
        }
        let changed = *self.names != served;
        if changed {
            self.names = Arc::new(served);
        }
        changed
    }

    /// What Tulle's DNS server answers.
    pub fn names(&self) -> Arc<ServedNames> {
        self.names.clone()
    }

    /// All that a proxy is told; `None` if there is no such proxy or it belongs to no mesh.
    pub fn view(&self, proxy: &ProxyId) -> Option<Arc<ProxyView>> {
        self.engine.view(proxy).cloned()
    }

    /// Every proxy that an object declares, sorted, those without a mesh included.
    pub fn proxies(&self) -> impl Iterator<Item = &ProxyId> {
        self.engine.facts.proxies.keys()
    }

    /// The endpoints of a set that a service leads to which some view may call, or that is pinned; empty for any other.
    pub fn endpoints(&self, id: &EndpointSetId) -> Arc<EndpointSet> {
        self.engine.endpoints(id)
    }

    /// Keeps these endpoint sets up to date though no view may use them, in place of those pinned before: a
    /// proxy whose object is gone goes on with the sets it holds.
    pub fn pin(&mut self, sets: BTreeSet<EndpointSetId>) {
        for gone in self.pinned.difference(&sets) {
            self.engine
                .set_root(Node::Endpoints(Box::new(gone.clone())), false);
        }
        for new in sets.difference(&self.pinned) {
            self.engine
                .set_root(Node::Endpoints(Box::new(new.clone())), true);
        }
        self.pinned = sets;
        self.settle();
    }

    /// Every finding that holds now, translation's and the link's, sorted by object, each once.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.engine.findings.iter()
    }

    /// The findings on one object, sorted.
    pub fn findings_of(&self, object: &ObjectId) -> impl Iterator<Item = &Finding> {
        self.engine.findings.of(object)
    }

    /// The findings on the objects that a proxy's view depends on, sorted by object, each once.
    pub fn findings_for(&self, proxy: &ProxyId) -> Vec<&Finding> {
        let facts = self.engine.facts_behind(Node::View(proxy.clone()));
        let objects: BTreeSet<&ObjectId> = facts
            .into_iter()
            .flat_map(|fact| self.engine.facts.objects_of(fact))
            .collect();
        let findings = objects
            .into_iter()
            .flat_map(|object| self.findings_of(object));
        findings.collect()
    }

    /// What was computed for a node, if anything asked for it.
    pub(crate) fn value(&self, node: Node) -> Option<&crate::value::Value> {
        self.engine.value(node)
    }

    /// What views share.
    #[cfg(test)]
    pub(crate) fn shares(&self) -> &crate::shared::Shares {
        &self.engine.shares
    }

    /// Counts what is held and what was computed.
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// The endpoint sets that it keeps up to date.
    #[cfg(test)]
    pub(crate) fn followed(&self) -> impl Iterator<Item = &EndpointSetId> {
        self.engine.followed()
    }
}

/// The oracle: the index of these inputs, made at once and without a past.
pub fn build_all(settings: Settings, inputs: &BTreeMap<ObjectId, Arc<Translated>>) -> Index {
    let mut index = Index::new(settings);
    let batch = inputs
        .iter()
        .map(|(id, translated)| (id.clone(), Some(translated.clone())));
    index.apply(batch.collect());
    index
}
