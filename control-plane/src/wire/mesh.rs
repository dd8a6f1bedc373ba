//! The one task that owns the mesh: it hears of objects and proxies, and tells the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tulle_index::ServedNames;
use tulle_model::settings::Settings;
use tulle_model::{ObjectId, ProxyId};
use tulle_runtime::drain::DrainSignal;
use tulle_source::{Batch, FileUpdates, KubeUpdates, Place, Problem};
use tulle_status::{Ledger, Refusal, RefusalKey};
use tulle_xds::{Change, Event, Feed, Resource, Scope, Store, TypeUrl};

mod at_home;
mod told;

use at_home::AtHome;

use super::cluster::{Cluster, Work, work};
use super::convergence::Convergence;
use super::debug::Question;
use super::late::Late;
use super::metrics::Metrics;
use super::report::replica_report;
use crate::engine::{Engine, Group, Outcome, Update};
use crate::translate::{object_id, translate};

/// Objects that are named in the report of one change; more are only counted.
const NAMED: usize = 8;

/// Where objects come from.
pub(super) enum Updates {
    /// From files.
    Files(FileUpdates),
    /// From a cluster.
    Cluster(KubeUpdates),
}

impl Updates {
    async fn next(&mut self) -> Option<Batch> {
        match self {
            Self::Files(files) => files.next().await,
            Self::Cluster(cluster) => cluster.next().await,
        }
    }
}

/// The mesh and everything that is told about it.
pub(super) struct Mesh {
    engine: Engine,
    store: Arc<Store>,
    feed: Feed,
    updates: Updates,
    /// What there is to do beside, in Kubernetes.
    cluster: Option<Cluster>,
    questions: mpsc::Receiver<Question>,
    ledger: Ledger,
    /// Refusals of single proxies.
    at_home: AtHome,
    problems: Arc<[Problem]>,
    places: BTreeMap<ObjectId, Place>,
    convergence: Convergence,
    metrics: Metrics,
    late: Late,
    /// What the DNS server answers.
    names: watch::Sender<Arc<ServedNames>>,
}

impl Mesh {
    /// An empty mesh that answers `questions`.
    pub(super) fn new(
        settings: Settings,
        (store, feed): (Arc<Store>, Feed),
        updates: Updates,
        cluster: Option<Cluster>,
        questions: mpsc::Receiver<Question>,
        late: Late,
        metrics: Metrics,
    ) -> Self {
        let engine = Engine::new(settings);
        Self {
            names: watch::channel(engine.names()).0,
            engine,
            store,
            feed,
            updates,
            cluster,
            questions,
            ledger: Ledger::default(),
            at_home: AtHome::default(),
            problems: Arc::from([]),
            places: BTreeMap::new(),
            convergence: Convergence::default(),
            metrics,
            late,
        }
    }

    /// The names that the DNS server answers, as they are from now on.
    pub(super) fn names(&self) -> watch::Receiver<Arc<ServedNames>> {
        self.names.subscribe()
    }

    /// Runs until the drain is over. `initial`: what is known already, else the first batch is; `ready` is called once
    /// that is linked.
    pub(super) async fn run(
        mut self,
        initial: Option<Batch>,
        ready: impl FnOnce() + Send,
        drain: DrainSignal,
    ) {
        let first = match initial {
            Some(initial) => initial,
            None => loop {
                tokio::select! {
                    () = drain.ended() => return,
                    first = self.updates.next() => match first {
                        Some(first) => break first,
                        None => return,
                    },
                    Some(question) = self.questions.recv() => self.answer(question),
                }
            },
        };
        self.observe(first);
        ready();
        loop {
            tokio::select! {
                () = drain.ended() => return,
                batch = self.updates.next() => match batch {
                    Some(batch) => self.observe(batch),
                    None => return,
                },
                event = self.feed.next() => self.hear(event),
                Some(question) = self.questions.recv() => self.answer(question),
                work = work(&mut self.cluster) => self.work(work),
                () = until(self.at_home.next()) => self.send_again(),
            }
            self.tell_board();
        }
    }

    /// What has become due in Kubernetes.
    fn work(&mut self, work: Work) {
        match work {
            Work::Settings(settings) => {
                let outcome = self.engine.set_settings(settings);
                let groups = self.serve(outcome).len();
                tracing::info!(groups, "settings changed");
                self.tell_findings();
            }
            Work::Roots => {
                let shared = self.shared();
                for (scope, _) in self.groups() {
                    let changes = shared.iter().cloned().map(Change::Put).collect();
                    self.store.apply(&scope, changes);
                }
            }
            Work::Named(proxies) => {
                self.serve_named(&proxies);
                self.tell_findings();
            }
            Work::Done => {}
        }
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

    /// Keeps what statuses are made of up to date, and wakes who writes them.
    fn tell_board(&mut self) {
        if let Some(cluster) = &mut self.cluster {
            cluster.tell_board(&self.engine, &self.ledger);
        }
    }

    fn observe(&mut self, batch: Batch) {
        let started = Instant::now();
        let saved = saved_at(&batch);
        let mut objects = Vec::new();
        let mut translated = Vec::with_capacity(batch.changes.len());
        for change in &batch.changes {
            let id = object_id(&change.key);
            match change
                .object
                .as_ref()
                .and_then(|observed| observed.place.clone())
            {
                Some(place) => self.places.insert(id.clone(), place),
                None => self.places.remove(&id),
            };
            if objects.len() < NAMED {
                objects.push(id.to_string());
            }
            translated.push(translate(change));
        }
        if let Some(cluster) = &mut self.cluster {
            cluster.observe(&batch, &translated);
        }
        self.tell_problems(batch.problems);
        let count = translated.len();
        let outcome = self.engine.apply(translated);
        let batches = self.serve(outcome);
        if count > 0 {
            let more = if count > NAMED { ", …" } else { "" };
            let micros = started.elapsed().as_micros() as u64;
            // In a cluster most changes concern nobody.
            if self.cluster.is_some() && batches.is_empty() {
                tracing::debug!(
                    objects = count,
                    micros,
                    "change: {}{more}",
                    objects.join(", ")
                );
            } else {
                tracing::info!(
                    objects = count,
                    groups = batches.len(),
                    micros,
                    "change: {}{more}",
                    objects.join(", ")
                );
            }
            self.convergence.changed(objects, saved, &batches);
        }
        self.tell_findings();
    }

    fn serve(&mut self, outcome: Outcome) -> Vec<(Scope, u64)> {
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
                Update::Fill(mut resources) => {
                    self.ledger.clear_scope(scope.as_str());
                    resources.extend(self.beside(&group));
                    Some(self.store.replace(&scope, resources))
                }
                Update::Change(changes) => {
                    for change in &changes {
                        self.forget_refusal(&scope, change);
                    }
                    self.store.apply(&scope, changes)
                }
            };
            batches.extend(batch.map(|batch| (scope, batch)));
        }
        self.follow_wants();
        batches
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

    /// Serves these proxies the Kubernetes Secrets that they want, and tells what is wrong with those.
    fn serve_named(&mut self, proxies: &BTreeSet<ProxyId>) {
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

    /// The scopes of groups, open or not.
    fn groups(&self) -> Vec<(Scope, Group)> {
        let scopes = self.store.scopes().into_iter();
        scopes
            .filter_map(|(scope, _, _)| Some((scope.clone(), Group::from_scope(&scope)?)))
            .collect()
    }

    /// What a proxy said of a resource does not hold for its next version, nor for one that is gone.
    fn forget_refusal(&mut self, scope: &Scope, change: &Change) {
        let key = match change {
            Change::Put(resource) => refusal_key(scope, resource.type_url(), resource.name()),
            Change::Remove(type_url, name) => refusal_key(scope, *type_url, name),
        };
        self.at_home.forget(&key);
        if let Some(refusal) = self.ledger.clear(&key) {
            tracing::info!(%scope, name = %key.name, "no longer refused: {}", refusal.message);
        }
    }

    fn hear(&mut self, event: Event) {
        if let Some(cluster) = &mut self.cluster {
            cluster.board.proxies_changed();
        }
        match event {
            Event::Connected {
                scope,
                stream,
                caller,
                ..
            } => {
                tracing::info!(proxy = %caller, %stream, "connected");
                self.at_home.connected(stream, caller);
                self.convergence.connected(scope, stream);
            }
            Event::Disconnected {
                scope,
                stream,
                caller,
            } => {
                tracing::info!(proxy = %caller, %stream, "disconnected");
                self.at_home.disconnected(stream, Instant::now());
                let arrived = self
                    .convergence
                    .disconnected(&scope, stream, SystemTime::now());
                self.note_arrivals(arrived);
            }
            Event::Interest { scope } => self.open(&scope),
            Event::Asked { scope, holds, .. } => {
                if let Some(cluster) = &mut self.cluster {
                    cluster.asked(&scope, &holds);
                }
            }
            Event::Idle { scope } => {
                let own = self
                    .cluster
                    .as_mut()
                    .is_some_and(|cluster| cluster.idle(&scope));
                if !own {
                    self.close(&scope);
                }
            }
            Event::Nacked {
                scope,
                stream,
                type_url,
                names,
                message,
            } => {
                // Envoy ends its words with a line break, which arrives escaped.
                let message = message.trim_end_matches("\\n").trim();
                if !self.refused_at_home(&scope, stream, type_url, &names, message) {
                    self.refused(&scope, type_url, &names, message);
                }
            }
            Event::Acked {
                scope,
                stream,
                type_url,
                names,
                ..
            } => {
                for (name, version) in names {
                    if self.taken_at_home(&scope, stream, type_url, &name, version.as_deref()) {
                        continue;
                    }
                    // One that went back to an earlier version has not taken what others refuse.
                    let newest = self.store.get(&scope, type_url, &name);
                    if newest.map(|newest| newest.version().clone()) == version {
                        self.ledger.clear(&refusal_key(&scope, type_url, &name));
                    }
                }
            }
            Event::Converged {
                stream, batch, at, ..
            } => {
                let at = SystemTime::now() - at.elapsed();
                let arrived = self.convergence.converged(stream, batch, at);
                self.note_arrivals(arrived);
            }
            Event::Held {
                scope,
                resource: (type_url, name),
                waits_for,
                rejected,
                ..
            } => {
                tracing::debug!(%scope, %type_url, %name, ?waits_for, rejected, "held back");
            }
            Event::HoldExpired {
                scope,
                resource: (type_url, name),
                waited_for,
                ..
            } => {
                tracing::warn!(
                    %scope, %type_url, %name, ?waited_for,
                    "sent although something it needs has not been accepted in time"
                );
            }
            _ => {}
        }
    }

    fn note_arrivals(&self, arrived: Vec<f64>) {
        for millis in arrived {
            self.metrics.convergence.observe(millis / 1000.0);
        }
    }

    fn answer(&mut self, question: Question) {
        match question {
            Question::Findings(reply) => reply.send(self.findings_page()),
            Question::Report(reply) => {
                let report = self
                    .late
                    .server()
                    .map(|server| replica_report(&super::replica().into(), server, &self.ledger));
                reply.send(json!(report));
            }
            Question::Changes(reply) => reply.send(json!(self.convergence.page())),
            Question::Config(group, reply) => {
                let declared = self.engine.proxies().contains(&group.proxy);
                let sections = declared.then(|| {
                    let resources = crate::offline::resources(&mut self.engine, &group);
                    crate::offline::sections(&resources)
                        .unwrap_or_else(|error| json!({ "error": format!("{error:#}") }))
                });
                reply.send(sections.unwrap_or(Value::Null));
            }
        }
    }

    fn open(&mut self, scope: &Scope) {
        let Some(group) = Group::from_scope(scope) else {
            tracing::error!(%scope, "a stream without a proxy's scope");
            return;
        };
        match self.engine.open(&group) {
            Some(mut resources) => {
                resources.extend(self.beside(&group));
                self.store.replace(scope, resources);
            }
            None => tracing::warn!(
                proxy = %group.proxy,
                "connected, but no object declares it: it waits until one does"
            ),
        }
        self.tell_findings();
    }

    fn close(&mut self, scope: &Scope) {
        if self.store.drop_scope(scope) {
            if let Some(group) = Group::from_scope(scope) {
                self.engine.close(&group);
            }
            self.ledger.clear_scope(scope.as_str());
            self.at_home.forget_scope(scope.as_str());
            self.tell_findings();
        }
    }

    fn refused(&mut self, scope: &Scope, type_url: TypeUrl, names: &[Arc<str>], message: &str) {
        for name in names {
            let objects = self.engine.origins(scope, type_url, name);
            let refusal = Refusal {
                message: message.into(),
                objects: objects.clone(),
                since: SystemTime::now(),
            };
            if self
                .ledger
                .refuse(refusal_key(scope, type_url, name), refusal)
            {
                let objects: Vec<String> = objects.iter().map(ToString::to_string).collect();
                tracing::error!(
                    %scope, %type_url, %name, objects = objects.join(", "),
                    "an Envoy refuses what these objects say, and keeps what it had: {message}"
                );
            }
        }
    }
}

/// Waits for a point in time; for ever where there is none.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

fn refusal_key(scope: &Scope, type_url: TypeUrl, name: &Arc<str>) -> RefusalKey {
    RefusalKey {
        scope: scope.as_str().into(),
        type_url: type_url.as_str().into(),
        name: name.clone(),
    }
}

/// When the newest file of a batch was saved; when it was noticed, if no file tells or its clock is off.
fn saved_at(batch: &Batch) -> SystemTime {
    let noticed = SystemTime::now() - batch.seen.elapsed();
    let newest = batch
        .changes
        .iter()
        .filter_map(|change| change.object.as_ref())
        .filter_map(|observed| {
            std::fs::metadata(&observed.place.as_ref()?.file)
                .ok()?
                .modified()
                .ok()
        })
        .max();
    match newest {
        Some(saved)
            if noticed
                .duration_since(saved)
                .is_ok_and(|age| age.as_secs() < 10) =>
        {
            saved
        }
        _ => noticed,
    }
}
