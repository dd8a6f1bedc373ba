//! The watch of one kind: from what the API server says to letters.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use kube::Client;
use serde_json::value::RawValue;
use tulle_crds::{Kind, ObjectKey};
use tulle_runtime::mailbox::Sender;

use super::health::KubeHealth;
use super::kept::Kept;
use super::letter::{Letter, Subject, Turn};
use super::records::Records;
use super::watch::{Collection, Listener, Timing, follow};

/// The watch of one kind.
#[derive(Debug)]
pub(super) struct KindWatch {
    kind: Kind,
    kept: Kept,
    sender: Sender<Subject, (Letter, Instant)>,
    health: KubeHealth,
    /// Whether it was told that all objects are known.
    known: bool,
    absent: bool,
}

impl KindWatch {
    pub(super) fn new(
        kind: Kind,
        sender: Sender<Subject, (Letter, Instant)>,
        health: KubeHealth,
        records: Arc<Records>,
    ) -> Self {
        Self {
            kind,
            kept: Kept::new(kind, records),
            sender,
            health,
            known: false,
            absent: false,
        }
    }

    /// Watches for ever.
    pub(super) async fn run(mut self, client: Client, timing: Timing) {
        loop {
            let watch = follow(
                client.clone(),
                collection(self.kind),
                timing.clone(),
                &mut self,
            );
            // What is kept survives, and the list with which the watch begins anew mends it.
            if AssertUnwindSafe(watch).catch_unwind().await.is_err() {
                tracing::error!(kind = %self.kind, "the watch failed by a mistake in Tulle; it begins anew");
                tokio::time::sleep(timing.retry_most).await;
            }
        }
    }

    fn send(&self, subject: Subject, letter: Letter) {
        let now = Instant::now();
        // If nobody receives any more, this task is about to be ended.
        let _ = self.sender.send_with(subject, |unread| match unread {
            Some((earlier, seen)) => (letter.after(earlier), seen),
            None => (letter, now),
        });
    }

    fn tell(&mut self, turns: impl IntoIterator<Item = (ObjectKey, Turn)>) {
        for (key, turn) in turns {
            self.send(Subject::Object(key), Letter::Object(turn));
        }
        if let Some(problems) = self.kept.problems() {
            self.send(Subject::Problems(self.kind), Letter::Problems(problems));
        }
    }

    fn known(&mut self, absent: bool) {
        let gone = self.kept.complete();
        self.tell(gone);
        self.health.known(self.kind, absent);
        if !std::mem::replace(&mut self.known, true) {
            self.send(Subject::Known(self.kind), Letter::Known);
        }
        let was_absent = std::mem::replace(&mut self.absent, absent);
        match (was_absent, absent) {
            (false, true) => tracing::info!(
                kind = %self.kind, group = self.kind.group(),
                "the API server does not have this kind; it is watched when it is there"
            ),
            (true, false) => tracing::info!(kind = %self.kind, "the API server has this kind now"),
            _ => {}
        }
    }
}

impl Listener for KindWatch {
    fn begin(&mut self) {
        self.kept.begin();
    }

    fn put(&mut self, object: &RawValue) -> Option<String> {
        let (version, change) = self.kept.put(object);
        self.tell(change);
        version
    }

    fn gone(&mut self, object: &RawValue) {
        let change = self.kept.remove(object);
        self.tell(change);
    }

    fn complete(&mut self) {
        self.known(false);
    }

    fn absent(&mut self) {
        // An empty list.
        self.kept.begin();
        self.health.well(self.kind);
        self.known(true);
    }

    fn trouble(&mut self, why: &str, failures: u32) {
        self.health.trouble(self.kind, why);
        // Any watch is cut off now and then; that a second attempt fails is worth a word.
        match failures {
            0 => tracing::debug!(kind = %self.kind, why, "watch interrupted"),
            1 => {
                tracing::warn!(kind = %self.kind, "cannot be watched; what was seen last holds: {why}")
            }
            _ => {}
        }
    }

    fn well(&mut self) {
        if self.health.well(self.kind) {
            tracing::info!(kind = %self.kind, "watched again");
        }
    }
}

/// Where the objects of a kind are.
fn collection(kind: Kind) -> Collection {
    let (version, plural) = (kind.version(), kind.plural());
    Collection {
        path: match kind.group() {
            "" => format!("/api/{version}/{plural}"),
            group => format!("/apis/{group}/{version}/{plural}"),
        },
        fields: None,
        metadata_only: matches!(kind, Kind::Namespace | Kind::Node),
    }
}
