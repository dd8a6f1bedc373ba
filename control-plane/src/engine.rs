//! The mesh as a value: objects in, encoded resources per proxy group out. No I/O, no clock, no task;
//! `serve` drives it from its mailboxes, `compile` and the tests call it directly.

mod cache;
mod group;
mod held;

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

use cache::Cache;
use held::Held;

/// What a set of changes means for the proxies.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is new for the groups that are open; only groups for which something is.
    pub updates: Vec<(Group, Update)>,
}

/// What is new for a group.
#[derive(Debug)]
pub enum Update {
    /// All its resources: an object has come to declare it.
    Fill(Vec<Arc<Resource>>),
    /// Changes to what it holds.
    Change(Vec<Change>),
}

/// Translation, link and compile in one value.
#[derive(Debug)]
pub struct Engine {
    index: Index,
    settings: Settings,
    open: BTreeMap<Group, Held>,
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
        let mut updates = Vec::new();
        for (group, held) in &mut self.open {
            if delta.views.contains(&group.proxy)
                && let Some(view) = self.index.view(&group.proxy)
            {
                let first = held.is_empty();
                let changes =
                    held.follow_view(&view, group, &self.settings, &self.index, &mut self.cache);
                if first {
                    updates.push((group.clone(), Update::Fill(held.resources())));
                } else if !changes.is_empty() {
                    updates.push((group.clone(), Update::Change(changes)));
                }
            }
            // A view has taken its endpoints as they are now, so nothing is found twice.
            let changes = held.follow_endpoints(&delta.endpoints, &self.index, &mut self.cache);
            if !changes.is_empty() {
                updates.push((group.clone(), Update::Change(changes)));
            }
        }
        self.news |= delta.findings;
        for proxy in &delta.views {
            self.check(proxy);
        }
        if delta.views.iter().any(|proxy| self.is_open(proxy)) {
            updates.extend(self.pin());
        }
        self.cache.forget_unused();
        Outcome { updates }
    }

    /// Keeps the endpoints of groups whose object is gone up to date: their proxies still send requests.
    fn pin(&mut self) -> Vec<(Group, Update)> {
        let orphans = || {
            self.open
                .iter()
                .filter(|(group, _)| self.index.view(&group.proxy).is_none())
        };
        let pinned: BTreeSet<EndpointSetId> = orphans()
            .flat_map(|(_, held)| held.endpoint_sets())
            .cloned()
            .collect();
        self.index.pin(pinned.clone());
        let mut updates = Vec::new();
        for (group, held) in &mut self.open {
            if self.index.view(&group.proxy).is_none() {
                let changes = held.follow_endpoints(&pinned, &self.index, &mut self.cache);
                if !changes.is_empty() {
                    updates.push((group.clone(), Update::Change(changes)));
                }
            }
        }
        updates
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
    pub fn open(&mut self, group: &Group) -> Option<Vec<Arc<Resource>>> {
        let held = self.open.entry(group.clone()).or_default();
        let Some(view) = self.index.view(&group.proxy) else {
            self.check(&group.proxy);
            return None;
        };
        held.follow_view(&view, group, &self.settings, &self.index, &mut self.cache);
        let resources = held.resources();
        self.check(&group.proxy);
        Some(resources)
    }

    /// What a group's proxies would be sent now; empty if no object declares it.
    pub fn peek(&mut self, group: &Group) -> Vec<Arc<Resource>> {
        let Some(view) = self.index.view(&group.proxy) else {
            return Vec::new();
        };
        let mut held = Held::default();
        held.follow_view(&view, group, &self.settings, &self.index, &mut self.cache);
        held.resources()
    }

    /// Stops compiling for a group.
    pub fn close(&mut self, group: &Group) {
        self.open.remove(group);
        self.pin();
        self.check(&group.proxy);
        self.cache.forget_unused();
    }

    /// The objects from which an open group's resource was made.
    pub fn origins(&self, scope: &Scope, type_url: TypeUrl, name: &str) -> Vec<ObjectId> {
        Group::from_scope(scope)
            .and_then(|group| self.open.get(&group))
            .map(|held| held.origins(type_url, name))
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
                .flat_map(|capture| tulle_envoy::findings(&view, capture))
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
