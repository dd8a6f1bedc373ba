//! The one task that owns the mesh: it hears of objects and proxies, and tells the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tulle_index::ServedNames;
use tulle_model::ObjectId;
use tulle_model::settings::Settings;
use tulle_runtime::drain::DrainSignal;
use tulle_source::{Batch, Place, Problem};
use tulle_status::Ledger;
use tulle_xds::{Event, Feed, Store};

mod at_home;
mod objects;
mod refusals;
mod served;
mod told;

use at_home::AtHome;
pub(super) use objects::Updates;

use super::cluster::{Cluster, Work, work};
use super::convergence::Convergence;
use super::debug::Question;
use super::late::Late;
use super::metrics::Metrics;
use super::report::replica_report;
use crate::engine::Engine;

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
            Work::Roots => self.serve_shared(),
            Work::Named(proxies) => {
                self.serve_named(&proxies);
                self.tell_findings();
            }
            Work::Done => {}
        }
    }

    /// Keeps what statuses are made of up to date, and wakes who writes them.
    fn tell_board(&mut self) {
        if let Some(cluster) = &mut self.cluster {
            cluster.tell_board(&self.engine, &self.ledger);
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
            // Only refusals end by what is taken.
            Event::Acked { .. } if !self.is_anything_refused() => {}
            Event::Acked {
                scope,
                stream,
                type_url,
                names,
                ..
            } => {
                for (name, version) in names {
                    if !self.taken_at_home(&scope, stream, type_url, &name, version.as_deref()) {
                        self.taken(&scope, type_url, &name, version);
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
}

/// Waits for a point in time; for ever where there is none.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
