//! Takes the old controller's finalizers off objects that are being deleted: nobody else would, and they would hang for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use json_patch::jsonptr::PointerBuf;
use json_patch::{
    Patch as JsonPatch, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation,
};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tulle_model::{ObjectId, Str};
use tulle_runtime::drain::DrainSignal;
use tulle_runtime::lease::Leadership;
use tulle_runtime::mailbox;

use crate::counters::Counters;
use crate::kind::{self, is_app_mesh};
use crate::pace::{Bucket, backoff};
use crate::record::Records;
use crate::schedule::Schedule;

/// What the old controller holds objects with: `mesh-members`, `virtualgateway-members`, `aws-appmesh-resources`,
/// `aws-cloudmap-resources`. Tulle needs none of the order that they kept, and nothing in AWS waits to be cleaned up.
const OLD: [&str; 4] = [
    "finalizers.appmesh.k8s.aws/mesh-members",
    "finalizers.appmesh.k8s.aws/virtualgateway-members",
    "finalizers.appmesh.k8s.aws/aws-appmesh-resources",
    "finalizers.appmesh.k8s.aws/aws-cloudmap-resources",
];
/// The longest that a request may take.
const REQUEST: Duration = Duration::from_millis(2500);

/// The patch that removes the old controller's finalizers, and nothing else; `None` if there is none of them. It fails, and
/// changes nothing, if the object is another by now or its finalizers have changed.
pub fn finalizer_patch(uid: &str, finalizers: &[Str]) -> Option<JsonPatch> {
    let left: Vec<&Str> = finalizers
        .iter()
        .filter(|finalizer| !OLD.contains(&&***finalizer))
        .collect();
    if left.len() == finalizers.len() {
        return None;
    }
    let list = PointerBuf::from_tokens(["metadata", "finalizers"]);
    let change = if left.is_empty() {
        PatchOperation::Remove(RemoveOperation { path: list.clone() })
    } else {
        PatchOperation::Replace(ReplaceOperation {
            path: list.clone(),
            value: json!(left),
        })
    };
    Some(JsonPatch(vec![
        PatchOperation::Test(TestOperation {
            path: PointerBuf::from_tokens(["metadata", "uid"]),
            value: json!(uid),
        }),
        PatchOperation::Test(TestOperation {
            path: list,
            value: json!(finalizers),
        }),
        change,
    ]))
}

/// The task. Told of every object that is being deleted, it frees them while it leads; what it is told while another leads it
/// keeps in mind.
pub struct Finalizers {
    client: Client,
    records: Arc<dyn Records>,
    counters: Arc<Counters>,
    bucket: Bucket,
    schedule: Schedule,
    tries: BTreeMap<ObjectId, u32>,
    known: BTreeSet<ObjectId>,
    failing: bool,
}

impl std::fmt::Debug for Finalizers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finalizers")
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

impl Finalizers {
    /// A task that asks `records` for finalizers.
    pub fn new(client: Client, records: Arc<dyn Records>, counters: Arc<Counters>) -> Self {
        Self {
            client,
            records,
            counters,
            bucket: Bucket::new(20.0, 50),
            schedule: Schedule::default(),
            tries: BTreeMap::new(),
            known: BTreeSet::new(),
            failing: false,
        }
    }

    /// Runs until the drain is requested or the inbox is closed. The inbox takes objects that may be in deletion, as often as
    /// something of them changes; others are let pass.
    pub async fn run(
        mut self,
        mut inbox: mailbox::Receiver<ObjectId, ()>,
        mut leadership: watch::Receiver<Leadership>,
        drain: DrainSignal,
    ) {
        let mut leading = false;
        loop {
            if leadership.borrow_and_update().is_leader() != leading {
                leading = !leading;
                self.schedule.clear();
                self.tries.clear();
                for object in self.known.iter().filter(|_| leading) {
                    self.schedule.put(object, false, None);
                }
            }
            let now = Instant::now();
            let due = self.schedule.next(now).map(|at| at.max(self.bucket.next()));
            tokio::select! {
                biased;
                () = drain.requested() => return,
                Ok(()) = leadership.changed() => {}
                letters = inbox.recv() => match letters {
                    Some(letters) => self.take_in(letters.into_keys(), leading),
                    None => return,
                },
                () = sleep_until(due.unwrap_or(now)), if leading && due.is_some() => {
                    if let Some(object) = self.schedule.pop(Instant::now()) {
                        self.free(object, &leadership).await;
                    }
                }
            }
        }
    }

    fn take_in(&mut self, objects: impl Iterator<Item = ObjectId>, leading: bool) {
        for object in objects {
            if self.patch(&object).is_none() {
                self.known.remove(&object);
                continue;
            }
            if leading {
                self.schedule.put(&object, false, None);
            }
            self.known.insert(object);
        }
    }

    /// What is to be done to an object; `None` if nothing is.
    fn patch(&self, object: &ObjectId) -> Option<JsonPatch> {
        if !is_app_mesh(object) {
            return None;
        }
        let record = self.records.record(object)?;
        if !record.deleting {
            return None;
        }
        finalizer_patch(&record.uid, &record.finalizers)
    }

    async fn free(&mut self, object: ObjectId, leadership: &watch::Receiver<Leadership>) {
        let (Some(patch), Some(kind)) = (self.patch(&object), kind::of(&object)) else {
            self.forget(&object);
            return;
        };
        let Some(left) = leadership.borrow().remaining() else {
            return;
        };
        self.bucket.take(Instant::now());
        let resource = kind.resource();
        let api: Api<DynamicObject> = if object.namespace.is_empty() {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), &object.namespace, &resource)
        };
        let parameters = PatchParams::default();
        let patch = Patch::<()>::Json(patch);
        let request = api.patch(&object.name, &parameters, &patch);
        let error = match timeout(REQUEST.min(left), request).await {
            Ok(Ok(_)) => {
                self.counters.finalizers.add();
                self.failing = false;
                tracing::info!(%object, "freed of the App Mesh controller's finalizers, so that its deletion can end");
                self.forget(&object);
                return;
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => {
                self.forget(&object);
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        self.counters.failures.add();
        if std::mem::replace(&mut self.failing, true) {
            tracing::debug!(%object, %error, "finalizers");
        } else {
            tracing::warn!(%object, %error, "finalizers cannot be removed; trying on");
        }
        let tries = self.tries.entry(object.clone()).or_insert(0);
        let at = Instant::now() + backoff(*tries);
        *tries = tries.saturating_add(1);
        self.schedule.put(&object, false, Some(at));
    }

    fn forget(&mut self, object: &ObjectId) {
        self.known.remove(object);
        self.tries.remove(object);
    }
}

#[cfg(test)]
mod tests;
