//! The mesh as a value: objects in, encoded resources per proxy group out. No I/O, no clock, no task;
//! `serve` drives it from its mailboxes, `compile` and the tests call it directly.

mod cache;
mod called;
mod checked;
mod group;
mod held;
mod update;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tulle_envoy::KubernetesSecret;
use tulle_index::{Delta, Index, ServedNames};
use tulle_model::endpoint::EndpointSetId;
use tulle_model::fragment::{Fragment, Translated};
use tulle_model::settings::Settings;
use tulle_model::{Capture, Finding, Name, ObjectId, ProxyId, ProxyKind, Severity, codes};
use tulle_xds::{Change, Resource, Scope, TypeUrl};

pub use group::Group;
pub use update::{Changes, Resources, Update};

use cache::Cache;
use called::{Called, ListId, Lists, Turn};
use checked::Checked;
use held::{Held, Means};

/// What a set of changes means for the proxies.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is new for the groups that are open; only groups for which something is.
    pub updates: Vec<(Group, Update)>,
}

/// Translation, link and compile in one value.
#[derive(Debug)]
pub struct Engine {
    index: Index,
    settings: Settings,
    open: BTreeMap<Group, Held>,
    /// Whom the open groups call.
    lists: Lists,
    checked: Checked,
    /// What cannot be compiled exactly, by proxy; only proxies of which there is something to say.
    uncompilable: BTreeMap<ProxyId, BTreeSet<Finding>>,
    cache: Cache,
    /// What proxies want of Kubernetes Secrets, each with the object that says so; only proxies that want something.
    kubernetes_secrets: BTreeMap<ProxyId, (ObjectId, BTreeSet<KubernetesSecret>)>,
    /// That is different from when it was last asked for.
    secrets_news: bool,
    /// What others have to say of objects.
    beside: BTreeSet<Finding>,
    /// The findings are different from when they were last asked for by [`Engine::news`].
    news: bool,
}

impl Engine {
    /// An empty mesh.
    pub fn new(settings: Settings) -> Self {
        Self {
            index: Index::new(settings.clone()),
            settings,
            open: BTreeMap::new(),
            lists: Lists::default(),
            checked: Checked::default(),
            uncompilable: BTreeMap::new(),
            kubernetes_secrets: BTreeMap::new(),
            secrets_news: false,
            beside: BTreeSet::new(),
            cache: Cache::default(),
            news: false,
        }
    }

    /// Takes new, changed and vanished (`None`) objects as one change.
    pub fn apply(&mut self, batch: Vec<(ObjectId, Option<Arc<Translated>>)>) -> Outcome {
        let delta = self.index.apply(batch);
        self.follow(&delta)
    }

    /// Exchanges the settings: what follows from them for the open groups.
    pub fn set_settings(&mut self, settings: Settings) -> Outcome {
        if settings == self.settings {
            return Outcome::default();
        }
        self.settings = settings.clone();
        let mut delta = self.index.set_settings(settings);
        // Some are read where resources are compiled, so every group is looked at.
        delta
            .views
            .extend(self.open.keys().map(|group| group.proxy.clone()));
        self.follow(&delta)
    }

    fn follow(&mut self, delta: &Delta) -> Outcome {
        // Lists first: what a view is found to call then has its endpoints as they are now.
        let turns = self
            .lists
            .follow_endpoints(&delta.endpoints, &self.index, &mut self.cache);
        let mut updates = self.follow_views(&delta.views, &turns);
        drop(turns);
        self.news |= delta.findings;
        if !delta.views.is_empty() {
            self.checked.forget_unused();
        }
        for proxy in &delta.views {
            self.check(proxy);
        }
        if delta.views.iter().any(|proxy| self.is_open(proxy)) {
            self.lists.forget_unused();
            updates.extend(self.pin());
        }
        self.cache.forget_unused();
        Outcome { updates }
    }

    /// What is new for the groups of these proxies, whose views are different, and for those that call what has turned.
    fn follow_views(
        &mut self,
        views: &BTreeSet<ProxyId>,
        turns: &BTreeMap<Arc<ListId>, Turn>,
    ) -> Vec<(Group, Update)> {
        let mut updates = Vec::new();
        if views.is_empty() && turns.is_empty() {
            return updates;
        }
        // Many groups go from one list to the same other one.
        let mut between: BTreeMap<(Arc<ListId>, Arc<ListId>), Vec<Change>> = BTreeMap::new();
        for (group, held) in &mut self.open {
            let view = views.contains(&group.proxy);
            let view = view.then(|| self.index.view(&group.proxy)).flatten();
            let turn = held.called().and_then(|before| turns.get(before));
            if view.is_none() && turn.is_none() {
                continue;
            }
            let before = held.called().cloned();
            let own = view.map(|view| {
                let means = Means {
                    settings: &self.settings,
                    index: &self.index,
                    lists: &mut self.lists,
                    cache: &mut self.cache,
                };
                held.follow_view(&view, group, means)
            });
            let Some(now) = held.called() else {
                continue;
            };
            let layer = self.lists.get(now).map(Called::layer);
            let layer = layer.cloned().unwrap_or_default();
            let Some(before) = before else {
                let own = held.own();
                updates.push((group.clone(), Update::Fill(Resources { layer, own })));
                continue;
            };
            let mut list = if before == *now {
                turn.map_or_else(Vec::new, |turn| turn.changes.clone())
            } else {
                let between = between.entry((before.clone(), now.clone()));
                let changes = between.or_insert_with(|| {
                    let told = turn.map(|turn| &turn.before);
                    let told = told.or_else(|| self.lists.get(&before).map(Called::layer));
                    told.map_or_else(Vec::new, |told| layer.changes_since(told))
                });
                changes.clone()
            };
            list.extend(own.into_iter().flatten());
            if !list.is_empty() {
                updates.push((group.clone(), Update::Change(Changes { layer, list })));
            }
        }
        updates
    }

    /// Keeps the endpoints of groups whose object is gone up to date: their proxies still send requests.
    fn pin(&mut self) -> Vec<(Group, Update)> {
        let orphans = self.open.iter();
        let orphans = orphans.filter(|(group, _)| self.index.view(&group.proxy).is_none());
        let lists: BTreeSet<&ListId> = orphans
            .filter_map(|(_, held)| held.called().map(|id| &**id))
            .collect();
        let lists = lists.into_iter().filter_map(|id| self.lists.get(id));
        let pinned: BTreeSet<EndpointSetId> = lists
            .flat_map(|called| called.endpoint_sets())
            .cloned()
            .collect();
        self.index.pin(pinned.clone());
        let turns = self
            .lists
            .follow_endpoints(&pinned, &self.index, &mut self.cache);
        self.follow_views(&BTreeSet::new(), &turns)
    }

    fn is_open(&self, proxy: &ProxyId) -> bool {
        self.groups_of(proxy).next().is_some()
    }

    /// The open groups of one proxy; they lie side by side, transparent capture first.
    fn groups_of(&self, proxy: &ProxyId) -> impl Iterator<Item = &Group> {
        let first = Group {
            proxy: proxy.clone(),
            capture: Capture::Transparent,
        };
        let groups = self.open.range(first.clone()..).map(|(group, _)| group);
        groups.take_while(move |group| group.proxy == first.proxy)
    }

    /// Compiles a group's config and keeps it up to date from now on. `None`: no object declares it yet;
    /// when one does, that is an [`Update::Fill`].
    ///
    /// A group whose object is deleted keeps what it holds: its proxies go on as they are until they end.
    pub fn open(&mut self, group: &Group) -> Option<Resources> {
        let mut held = self.open.remove(group).unwrap_or_default();
        let before = held.called().cloned();
        let resources = self.look(group, &mut held);
        // One list after another would be looked at for each of thousands of proxies that come at once.
        let left = before.is_some_and(|before| held.called() != Some(&before));
        self.open.insert(group.clone(), held);
        if left {
            self.lists.forget_unused();
        }
        self.check(&group.proxy);
        resources
    }

    /// What a group's proxies would be sent now; empty if no object declares it.
    pub fn peek(&mut self, group: &Group) -> Vec<Arc<Resource>> {
        let mut held = Held::default();
        let resources = self.look(group, &mut held);
        drop(held);
        self.lists.forget_unused();
        resources.map_or_else(Vec::new, |resources| resources.iter().cloned().collect())
    }

    fn look(&mut self, group: &Group, held: &mut Held) -> Option<Resources> {
        let view = self.index.view(&group.proxy)?;
        let means = Means {
            settings: &self.settings,
            index: &self.index,
            lists: &mut self.lists,
            cache: &mut self.cache,
        };
        held.follow_view(&view, group, means);
        let called = held.called().and_then(|id| self.lists.get(id));
        Some(Resources {
            layer: called.map(Called::layer).cloned().unwrap_or_default(),
            own: held.own(),
        })
    }

    /// Stops compiling for a group.
    pub fn close(&mut self, group: &Group) {
        self.open.remove(group);
        self.lists.forget_unused();
        let updates = self.pin();
        debug_assert!(updates.is_empty(), "what is left is pinned as it was");
        self.check(&group.proxy);
        self.cache.forget_unused();
    }

    /// The objects from which an open group's resource was made.
    pub fn origins(&self, scope: &Scope, type_url: TypeUrl, name: &str) -> Vec<ObjectId> {
        Group::from_scope(scope)
            .and_then(|group| self.open.get(&group))
            .map(|held| held.origins(&self.lists, type_url, name))
            .unwrap_or_default()
    }

    /// Everything there is to say now about the objects, sorted.
    pub fn findings(&self) -> Vec<Finding> {
        let linked = self.index.findings();
        let compiled = self.uncompilable.values().flatten();
        let all = linked.chain(compiled).chain(&self.beside);
        let mut findings: Vec<Finding> = all.cloned().collect();
        findings.sort();
        findings.dedup();
        findings
    }

    /// The findings, if they are different from when this was last called: collecting them costs a look at
    /// every object, which a proxy that merely connects is not worth.
    pub fn news(&mut self) -> Option<Vec<Finding>> {
        std::mem::take(&mut self.news).then(|| self.findings())
    }

    /// What a proxy wants of Kubernetes Secrets.
    pub fn kubernetes_secrets(&self, proxy: &ProxyId) -> impl Iterator<Item = &KubernetesSecret> {
        let wanted = self.kubernetes_secrets.get(proxy).into_iter();
        wanted.flat_map(|(_, secrets)| secrets)
    }

    /// What proxies want of Kubernetes Secrets, if it is different from when this was last called.
    pub fn secrets_news(
        &mut self,
    ) -> Option<BTreeMap<ProxyId, (ObjectId, BTreeSet<KubernetesSecret>)>> {
        std::mem::take(&mut self.secrets_news).then(|| self.kubernetes_secrets.clone())
    }

    /// Takes what others have to say of objects from now on, in place of what they said before.
    pub fn set_beside(&mut self, findings: BTreeSet<Finding>) {
        self.news |= self.beside != findings;
        self.beside = findings;
    }

    /// Looks for what cannot be compiled in a proxy's view, captured as its groups that are open are, else
    /// transparently.
    fn check(&mut self, proxy: &ProxyId) {
        let mut captures: BTreeSet<Capture> =
            self.groups_of(proxy).map(|group| group.capture).collect();
        if captures.is_empty() {
            captures.insert(Capture::Transparent);
        }
        let view = self.index.view(proxy);
        let secrets = view.as_ref().and_then(|view| {
            let secrets = tulle_envoy::kubernetes_secrets(view);
            (!secrets.is_empty()).then(|| (view.object.clone(), secrets))
        });
        if self.kubernetes_secrets.get(proxy) != secrets.as_ref() {
            self.secrets_news = true;
            match secrets {
                Some(secrets) => self.kubernetes_secrets.insert(proxy.clone(), secrets),
                None => self.kubernetes_secrets.remove(proxy),
            };
        }
        let findings: BTreeSet<Finding> = match view {
            Some(view) => captures
                .into_iter()
                .flat_map(|capture| self.checked.findings(&view, capture))
                .collect(),
            None if self.is_open(proxy) => BTreeSet::from([undeclared(proxy)]),
            None => BTreeSet::new(),
        };
        let before = match findings.is_empty() {
            true => self.uncompilable.remove(proxy),
            false => self.uncompilable.insert(proxy.clone(), findings.clone()),
        };
        self.news |= before.unwrap_or_default() != findings;
    }

    /// The names that Tulle's own DNS server answers; the same value until one of them is different.
    pub fn names(&self) -> Arc<ServedNames> {
        self.index.names()
    }

    /// The findings that concern one group's proxies.
    pub fn findings_for(&self, group: &Group) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self
            .index
            .findings_for(&group.proxy)
            .into_iter()
            .cloned()
            .collect();
        if let Some(view) = self.index.view(&group.proxy) {
            findings.extend(tulle_envoy::findings(&view, group.capture));
        }
        findings.sort();
        findings.dedup();
        findings
    }

    /// The mesh that a member belongs to.
    pub fn mesh_of(&self, fragment: &Fragment) -> Option<&Name> {
        self.index.mesh_of(fragment)
    }

    /// The gateway that a route is attached to.
    pub fn gateway_of(&self, route: &Name) -> Option<&Name> {
        self.index.gateway_of(route)
    }

    /// Every proxy that an object declares.
    pub fn proxies(&self) -> Vec<ProxyId> {
        self.index.proxies().cloned().collect()
    }
}

/// Said of a proxy that is connected while no object declares it, or one that belongs to no mesh.
fn undeclared(proxy: &ProxyId) -> Finding {
    let kind = match proxy.kind {
        ProxyKind::VirtualNode => "VirtualNode",
        ProxyKind::VirtualGateway => "VirtualGateway",
    };
    let object = ObjectId::new("appmesh.k8s.aws", kind, &proxy.namespace, &proxy.name);
    let message = "its proxies are connected, but no object of a mesh declares them: they keep what they have";
    Finding::new(
        Severity::Error,
        codes::PROXY_UNDECLARED,
        &object,
        "",
        message,
    )
    .help("create the object, or end the proxies")
}

#[cfg(test)]
mod tests;
