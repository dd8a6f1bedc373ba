//! Warning events: what `kubectl describe` shows below an object.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tulle_model::{ObjectId, Str};
use tulle_runtime::drain::DrainSignal;
use tulle_runtime::lease::Leadership;
use tulle_runtime::mailbox;
use xxhash_rust::xxh3::xxh3_64;

use crate::counters::Counters;
use crate::desired::Notice;
use crate::kind;
use crate::message;
use crate::pace::{Bucket, backoff};

/// Who reports, as events name it.
const CONTROLLER: &str = "tulle";
/// Most bytes of an event's text that the API takes.
const MOST_NOTE: usize = 1024;
/// Most events that wait.
const MOST_WAITING: usize = 512;
/// Most events that are remembered.
const MOST_REMEMBERED: usize = 4096;
/// Least time between two counts of one repeated event.
const COUNT_EVERY: Duration = Duration::from_secs(300);
/// Attempts for one event.
const MOST_TRIES: u32 = 4;
/// The longest that a request may take.
const REQUEST: Duration = Duration::from_millis(2500);

/// What an event says, of which object. The same again is the same event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventKey {
    /// The object.
    pub object: ObjectId,
    /// Its uid.
    pub uid: Str,
    /// What happened.
    pub notice: Notice,
}

/// An event on its way: what, and when it happened.
type Announcement = (EventKey, Timestamp);

/// The task that makes events, at a bounded rate, where it leads.
///
/// An event's name is made of what it says, so the same event is never made twice while the API server keeps the first (an
/// hour, by default), by whichever replica.
pub struct Announcer {
    client: Client,
    instance: String,
    counters: Arc<Counters>,
    bucket: Bucket,
    waiting: VecDeque<(Announcement, u32)>,
    not_before: Option<Instant>,
    remembered: BTreeMap<String, Told>,
}

/// What became of an event.
#[derive(Debug)]
struct Told {
    count: i32,
    counted: Instant,
    last: Instant,
}

impl std::fmt::Debug for Announcer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Announcer")
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl Announcer {
    /// `instance` is the pod's name.
    pub fn new(client: Client, instance: impl Into<String>, counters: Arc<Counters>) -> Self {
        Self {
            client,
            instance: instance.into(),
            counters,
            bucket: Bucket::new(5.0, 25),
            waiting: VecDeque::new(),
            not_before: None,
            remembered: BTreeMap::new(),
        }
    }

    /// Runs until the drain is requested or the inbox is closed.
    pub async fn run(
        mut self,
        mut inbox: mailbox::Receiver<EventKey, Timestamp>,
        leadership: watch::Receiver<Leadership>,
        drain: DrainSignal,
    ) {
        loop {
            let now = Instant::now();
            let ready = self.bucket.next().max(self.not_before.unwrap_or(now));
            tokio::select! {
                biased;
                () = drain.requested() => return,
                letters = inbox.recv() => match letters {
                    Some(letters) => self.take_in(letters),
                    None => return,
                },
                () = sleep_until(ready), if !self.waiting.is_empty() => {
                    if let Some((event, tries)) = self.waiting.pop_front() {
                        self.tell(event, tries, &leadership).await;
                    }
                }
            }
        }
    }

    fn take_in(&mut self, letters: BTreeMap<EventKey, Timestamp>) {
        for letter in letters {
            if self.waiting.len() < MOST_WAITING {
                self.waiting.push_back((letter, 0));
            } else {
                self.counters.events_dropped.add();
            }
        }
    }

    async fn tell(
        &mut self,
        (key, at): Announcement,
        tries: u32,
        leadership: &watch::Receiver<Leadership>,
    ) {
        let now = Instant::now();
        let name = name(&key);
        let told = self.remembered.get_mut(&name);
        let repeated = told.map(|told| {
            told.last = now;
            told.count = told.count.saturating_add(i32::from(tries == 0));
            (told.count, told.counted + COUNT_EVERY <= now)
        });
        if matches!(repeated, Some((_, false))) {
            return;
        }
        let Some(left) = leadership.borrow().remaining() else {
            return;
        };
        self.bucket.take(now);
        let Some(event) = self.event(&key, at, &name) else {
            return;
        };
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let result = timeout(REQUEST.min(left), send(&api, &event, repeated)).await;
        match result {
            Ok(Ok(made)) => {
                self.not_before = None;
                if made {
                    self.counters.events.add();
                }
                self.remember(name, repeated.map_or(1, |(count, _)| count), now);
            }
            // the namespace is ending, or the event is not to the server's liking: neither mends itself
            Ok(Err(kube::Error::Api(status))) if [403, 404, 422].contains(&status.code) => {
                self.counters.events_dropped.add();
                tracing::debug!(object = %key.object, %status, "event");
            }
            failed => {
                if tries + 1 < MOST_TRIES {
                    self.not_before = Some(now + backoff(tries));
                    self.waiting.push_front(((key, at), tries + 1));
                } else {
                    self.counters.events_dropped.add();
                    tracing::debug!(object = %key.object, ?failed, "event");
                }
            }
        }
    }

    fn remember(&mut self, name: String, count: i32, now: Instant) {
        let told = Told {
            count,
            counted: now,
            last: now,
        };
        self.remembered.insert(name, told);
        if self.remembered.len() > MOST_REMEMBERED {
            // rare enough to look for the oldest quarter in one go
            let mut ages: Vec<Instant> = self.remembered.values().map(|told| told.last).collect();
            ages.sort();
            let edge = ages[ages.len() / 4];
            self.remembered.retain(|_, told| told.last > edge);
        }
    }

    fn event(&self, key: &EventKey, at: Timestamp, name: &str) -> Option<Event> {
        let kind = kind::of(&key.object)?;
        let object = &key.object;
        let namespaced = !object.namespace.is_empty();
        let namespace = if namespaced {
            &object.namespace
        } else {
            "default"
        };
        Some(Event {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            type_: Some("Warning".to_owned()),
            reason: Some(key.notice.reason.clone()),
            note: Some(message::cut(&key.notice.message, MOST_NOTE)),
            action: Some("Reconcile".to_owned()),
            event_time: Some(MicroTime(at)),
            regarding: Some(ObjectReference {
                api_version: Some(kind.api_version()),
                kind: Some(kind.kind.to_owned()),
                namespace: namespaced.then(|| object.namespace.to_string()),
                name: Some(object.name.to_string()),
                uid: Some(key.uid.to_string()),
                ..ObjectReference::default()
            }),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            ..Event::default()
        })
    }
}

/// Makes the event, or counts it where it is there already. Returns whether it was made.
async fn send(
    api: &Api<Event>,
    event: &Event,
    repeated: Option<(i32, bool)>,
) -> Result<bool, kube::Error> {
    let name = event.metadata.name.clone().unwrap_or_default();
    if let Some((count, _)) = repeated {
        let series = json!({
            "series": { "count": count.max(2), "lastObservedTime": MicroTime(Timestamp::now()) }
        });
        let (parameters, series) = (PatchParams::default(), Patch::Merge(series));
        match api.patch(&name, &parameters, &series).await {
            // the server has forgotten it: it is made again
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => return other.map(|_| false),
        }
    }
    match api.create(&PostParams::default(), event).await {
        Ok(_) => Ok(true),
        // told by another replica, or before a restart
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

/// The object's name, and what the event says in a hash.
fn name(key: &EventKey) -> String {
    let Notice { reason, message } = &key.notice;
    let object = &key.object;
    let said = [
        &*object.group,
        &*object.kind,
        &*object.namespace,
        &*object.name,
        &*key.uid,
        reason,
        message,
    ];
    let hash = xxh3_64(said.join("\0").as_bytes());
    let mut end = object.name.len().min(200);
    while !object.name.is_char_boundary(end) {
        end -= 1;
    }
    let start = object.name[..end].trim_end_matches(['.', '-']);
    format!("{start}.{hash:016x}")
}

#[cfg(test)]
mod tests;
