//! The objects of a cluster: watched through its API server.

mod health;
mod kept;
mod kind_watch;
mod letter;
mod named;
mod one;
mod reading;
mod records;
mod seen;
mod sieve;
mod slot;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;
use tokio::task::JoinSet;
use tulle_crds::{Kind, ObjectKey};
use tulle_runtime::mailbox::{self, Receiver};

pub use self::health::KubeHealth;
use self::kind_watch::KindWatch;
use self::letter::{Letter, Subject, Turn};
pub use self::named::Namespaced;
pub use self::one::watch_one;
pub use self::reading::read_object;
pub use self::records::{Record, Records};
pub use self::seen::{Seen, watch_seen};
pub use self::watch::Timing;
use crate::change::{Batch, Change};
use crate::problem::Problem;

/// Watches the objects of a cluster, in all namespaces.
///
/// Needs the verbs `list` and `watch` on every kind of [`KubeOptions::kinds`].
#[derive(Debug)]
pub struct KubeSource;

/// What is watched, and how.
#[derive(Clone, Debug)]
pub struct KubeOptions {
    /// The kinds.
    pub kinds: BTreeSet<Kind>,
    /// When things are tried, given up and tried again.
    pub timing: Timing,
}

impl Default for KubeOptions {
    /// Every kind.
    fn default() -> Self {
        Self {
            kinds: Kind::ALL.into(),
            timing: Timing::default(),
        }
    }
}

/// How long a connection to the API server may take.
const CONNECT: Duration = Duration::from_secs(5);

impl KubeSource {
    /// A client that suits watches: it gives up connecting soon, and leaves it to the watches when
    /// to try again, so that a server in need is asked at their pace and what it says is told.
    ///
    /// # Errors
    /// The configuration's certificates or credentials cannot be used.
    pub fn client(mut config: kube::Config) -> kube::Result<Client> {
        config.connect_timeout = Some(CONNECT);
        config.default_retry = false;
        Client::try_from(config)
    }

    /// Begins to watch, with a client best made by [`KubeSource::client`]. Returns at once; must be
    /// called within a tokio runtime. Nothing that the API
    /// server says or fails to say ends the watches: they go on until the updates are dropped.
    pub fn start(client: Client, options: KubeOptions) -> KubeUpdates {
        let (sender, receiver) = mailbox::mailbox();
        let health = KubeHealth::new(options.kinds.iter().copied());
        let records = Arc::new(Records::default());
        let mut tasks = JoinSet::new();
        for kind in &options.kinds {
            let watch = KindWatch::new(*kind, sender.clone(), health.clone(), Arc::clone(&records));
            tasks.spawn(watch.run(client.clone(), options.timing.clone()));
        }
        KubeUpdates {
            receiver,
            _tasks: tasks,
            missing: options.kinds,
            first: true,
            unread: BTreeMap::new(),
            problems: BTreeMap::new(),
            told_problems: Arc::default(),
            passed_over: Arc::default(),
            seen: Instant::now(),
            health,
            records,
        }
    }
}

/// The changes of a watched cluster. Dropping it ends the watches.
#[derive(Debug)]
pub struct KubeUpdates {
    receiver: Receiver<Subject, (Letter, Instant)>,
    _tasks: JoinSet<()>,
    /// Kinds whose objects are not all known yet.
    missing: BTreeSet<Kind>,
    first: bool,
    /// What was received and not given out yet, from what was given out last.
    unread: BTreeMap<ObjectKey, Turn>,
    problems: BTreeMap<Kind, Vec<Problem>>,
    told_problems: Arc<[Problem]>,
    passed_over: Arc<BTreeMap<(String, String), usize>>,
    /// When the oldest of what was not given out yet was seen.
    seen: Instant,
    health: KubeHealth,
    records: Arc<Records>,
}

impl KubeUpdates {
    /// Waits for the next batch. The first holds all objects of all kinds, and comes when all are
    /// known; a kind that the API server does not have counts as known. What changes while nobody
    /// waits melts into one batch, whose size is bounded by the number of objects; what is then as it
    /// was before is not in it. Safe to cancel. Never `None` while the watches run, which they do
    /// until this is dropped.
    pub async fn next(&mut self) -> Option<Batch> {
        loop {
            let letters = self.receiver.recv().await?;
            self.take(letters);
            if !self.missing.is_empty() {
                continue;
            }
            let changes = self.changes();
            let problems_changed = self.sum_up_problems();
            if changes.is_empty() && !problems_changed && !self.first {
                continue;
            }
            self.first = false;
            return Some(Batch {
                changes,
                problems: Arc::clone(&self.told_problems),
                passed_over: Arc::clone(&self.passed_over),
                seen: self.seen,
            });
        }
    }

    /// The kinds that the first batch still waits for, in words, with the reason where one is known;
    /// empty when nothing is waited for.
    pub fn waiting_for(&self) -> Vec<String> {
        self.health.waiting_for()
    }

    /// How the watches do; stays valid when these updates have moved elsewhere.
    pub fn health(&self) -> KubeHealth {
        self.health.clone()
    }

    /// What the API server says of objects beside what they declare.
    pub fn records(&self) -> Arc<Records> {
        Arc::clone(&self.records)
    }

    fn take(&mut self, letters: BTreeMap<Subject, (Letter, Instant)>) {
        // Before the first batch it is the beginning that counts.
        if !self.first {
            let oldest = letters.values().map(|(_, seen)| *seen).min();
            self.seen = oldest.unwrap_or_else(Instant::now);
        }
        for (subject, (letter, _)) in letters {
            match (subject, letter) {
                (Subject::Object(key), Letter::Object(turn)) => {
                    let turn = match self.unread.remove(&key) {
                        Some(earlier) => turn.after(earlier),
                        None => turn,
                    };
                    self.unread.insert(key, turn);
                }
                (Subject::Problems(kind), Letter::Problems(problems)) => {
                    self.problems.insert(kind, problems);
                }
                (Subject::Known(kind), _) => {
                    self.missing.remove(&kind);
                }
                // A subject has letters of its own kind only.
                _ => {}
            }
        }
    }

    /// What is otherwise than it was told.
    fn changes(&mut self) -> Vec<Change> {
        let unread = std::mem::take(&mut self.unread);
        let mut changes = Vec::with_capacity(unread.len());
        for (key, turn) in unread {
            let news = turn.is_news();
            let object = turn.now.map(|(observed, _)| observed);
            if let Some(object) = &object {
                self.records.given_out(&key, object.generation);
            }
            if news {
                changes.push(Change { key, object });
            }
        }
        changes
    }

    /// Whether what is wrong has changed.
    fn sum_up_problems(&mut self) -> bool {
        let mut problems: Vec<_> = self.problems.values().flatten().cloned().collect();
        problems.sort();
        let changed = *problems != *self.told_problems;
        if changed {
            self.told_problems = problems.into();
        }
        changed
    }
}

#[cfg(test)]
mod tests;
