//! What proxies are served: what a group's scope of the store holds, from the first interest in it to the last.

use std::collections::BTreeSet;
use std::sync::Arc;

use tulle_model::ProxyId;
use tulle_xds::{Change, Resource, Scope, TypeUrl};

use super::Mesh;
use crate::engine::{Changes, Group, Outcome, Resources, Update};
use crate::wire::cluster::Cluster;

impl Mesh {
    /// A client asks for a scope that holds nothing yet.
    pub(super) fn open(&mut self, scope: &Scope) {
        let Some(group) = Group::from_scope(scope) else {
            tracing::error!(%scope, "a stream without a proxy's scope");
            return;
        };
        match self.engine.open(&group) {
            Some(resources) => {
                self.fill(scope, &group, resources);
            }
            None => tracing::warn!(
                proxy = %group.proxy,
                "connected, but no object declares it: it waits until one does"
            ),
        }
        self.tell_findings();
    }

    fn fill(&self, scope: &Scope, group: &Group, resources: Resources) -> u64 {
        let Resources { layer, mut own } = resources;
        own.extend(self.beside(group));
        self.store.replace_over(scope, &layer, own)
    }

    /// Nobody asks for a scope any more.
    pub(super) fn close(&mut self, scope: &Scope) {
        if self.store.drop_scope(scope) {
            if let Some(group) = Group::from_scope(scope) {
                self.engine.close(&group);
            }
            self.ledger.clear_scope(scope.as_str());
            self.at_home.forget_scope(scope.as_str());
            self.tell_findings();
        }
    }

    /// Hands what a change made to those whom it concerns; their scopes, with the batch that convergence is measured by.
    pub(super) fn serve(&mut self, outcome: Outcome) -> Vec<(Scope, u64)> {
        self.names.send_if_modified(|held| {
            let names = self.engine.names();
            let news = !Arc::ptr_eq(held, &names);
            *held = names;
            news
        });
        let mut batches = Vec::new();
        for (group, update) in outcome.updates {
            let scope = group.scope();
            let batch = match update {
                Update::Fill(resources) => {
                    self.ledger.clear_scope(scope.as_str());
                    Some(self.fill(&scope, &group, resources))
                }
                Update::Change(Changes { layer, list }) => {
                    for change in &list {
                        self.forget_refusal(&scope, change);
                    }
                    self.store.apply_over(&scope, &layer, list)
                }
            };
            batches.extend(batch.map(|batch| (scope, batch)));
        }
        self.follow_wants();
        batches
    }

    /// Serves every group what all of them hold, as it is now.
    pub(super) fn serve_shared(&self) {
        let shared = self.shared();
        for (scope, _) in self.groups() {
            let changes = shared.iter().cloned().map(Change::Put).collect();
            self.store.apply(&scope, changes);
        }
    }

    /// Serves these proxies the Kubernetes Secrets that they want, and tells what is wrong with those.
    pub(super) fn serve_named(&mut self, proxies: &BTreeSet<ProxyId>) {
        let Some(cluster) = &self.cluster else {
            return;
        };
        let mut groups = self.groups();
        groups.retain(|(_, group)| proxies.contains(&group.proxy));
        for (scope, group) in groups {
            let changes = cluster.named(&group.proxy).into_iter().map(Change::Put);
            self.store.apply(&scope, changes.collect());
        }
        self.engine.set_beside(cluster.named_findings());
    }

    /// Has the Kubernetes Secrets watched that proxies want now.
    fn follow_wants(&mut self) {
        let Some(wanted) = self.engine.secrets_news() else {
            return;
        };
        let Some(cluster) = &mut self.cluster else {
            return;
        };
        let proxies: BTreeSet<ProxyId> = wanted.keys().cloned().collect();
        let gone = cluster.want_named(wanted);
        for (scope, group) in self.groups() {
            let gone = gone.get(&group.proxy).into_iter().flatten();
            let gone = gone.map(|name| Change::Remove(TypeUrl::SDS, name.clone()));
            self.store.apply(&scope, gone.collect());
        }
        self.serve_named(&proxies);
    }

    /// What every group holds, whatever its objects say.
    fn shared(&self) -> Vec<Arc<Resource>> {
        let cluster = self.cluster.iter();
        cluster.flat_map(Cluster::shared).collect()
    }

    /// What a group holds beside what was made of its objects.
    fn beside(&self, group: &Group) -> Vec<Arc<Resource>> {
        let named = self.cluster.iter();
        let named = named.flat_map(|cluster| cluster.named(&group.proxy));
        self.shared().into_iter().chain(named).collect()
    }

    /// The scopes of groups, open or not.
    fn groups(&self) -> Vec<(Scope, Group)> {
        let scopes = self.store.scopes().into_iter();
        scopes
            .filter_map(|(scope, _, _)| Some((scope.clone(), Group::from_scope(&scope)?)))
            .collect()
    }
}
