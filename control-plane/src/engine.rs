//! The mesh as a value: objects in, encoded resources per proxy group out. No I/O, no clock, no task;
//! `serve` drives it from its mailboxes, `compile` and the tests call it directly.

mod cache;
mod group;
mod held;

use std::collections::BTreeMap;
use std::sync::Arc;

use tulle_index::{Delta, Index};
use tulle_model::fragment::Translated;
use tulle_model::settings::Settings;
use tulle_model::{Capture, Finding, ObjectId, ProxyId};
use tulle_xds::{Change, Resource, Scope, TypeUrl};

pub use group::Group;

use cache::Cache;
use held::Held;

/// What a set of changes means for the proxies.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is new for the groups that are open; only groups for which something is.
    pub updates: Vec<(Group, Update)>,
    /// Whether the findings are different from before.
    pub findings: bool,
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
    cache: Cache,
}

impl Engine {
    /// An empty mesh.
    pub fn new(settings: Settings) -> Self {
        Self {
            index: Index::new(settings.clone()),
            settings,
            open: BTreeMap::new(),
            cache: Cache::default(),
        }
    }

    /// Takes new, changed and vanished (`None`) objects as one change.
    pub fn apply(&mut self, batch: Vec<(ObjectId, Option<Arc<Translated>>)>) -> Outcome {
        let delta = self.index.apply(batch);
        self.follow(&delta)
    }

    /// Takes new settings.
    pub fn set_settings(&mut self, settings: Settings) -> Outcome {
        self.settings = settings.clone();
        let mut delta = self.index.set_settings(settings);
        // Settings also reach the compiler, so every open view is planned again.
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
        self.cache.forget_unused();
        Outcome {
            updates,
            findings: delta.findings,
        }
    }

    /// Compiles a group's config and keeps it up to date from now on. `None`: no object declares it yet;
    /// when one does, that is an [`Update::Fill`].
    ///
    /// A group whose object is deleted keeps what it holds: its proxies go on as they are until they end.
    pub fn open(&mut self, group: &Group) -> Option<Vec<Arc<Resource>>> {
        let held = self.open.entry(group.clone()).or_default();
        let view = self.index.view(&group.proxy)?;
        held.follow_view(&view, group, &self.settings, &self.index, &mut self.cache);
        Some(held.resources())
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
        self.cache.forget_unused();
    }

    /// The objects from which an open group's resource was made.
    pub fn origins(&self, scope: &Scope, type_url: TypeUrl, name: &str) -> Vec<ObjectId> {
        Group::from_scope(scope)
            .and_then(|group| self.open.get(&group))
            .map(|held| held.origins(type_url, name))
            .unwrap_or_default()
    }

    /// Everything there is to say now about the objects, sorted. What cannot be compiled is said for every
    /// proxy that an object declares, captured as those that are connected are, else transparently.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.index.findings().cloned().collect();
        for proxy in self.index.proxies() {
            let mut captures: Vec<Capture> = self
                .open
                .keys()
                .filter(|group| group.proxy == *proxy)
                .map(|group| group.capture)
                .collect();
            if captures.is_empty() {
                captures.push(Capture::Transparent);
            }
            for capture in captures {
                let view = self.index.view(proxy);
                findings.extend(
                    view.map(|view| tulle_envoy::findings(&view, capture))
                        .unwrap_or_default(),
                );
            }
        }
        findings.sort();
        findings.dedup();
        findings
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

    /// Every proxy that an object declares.
    pub fn proxies(&self) -> Vec<ProxyId> {
        self.index.proxies().cloned().collect()
    }

    /// The linked mesh, for readers.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}
