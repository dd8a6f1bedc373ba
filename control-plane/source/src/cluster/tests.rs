mod api;
mod faults;
mod objects;
mod one;
mod random;
mod seen;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::time::timeout;

use self::api::Api;
use super::*;
use crate::change::Observed;

/// Kinds of which most tests need no more.
const FEW: [Kind; 3] = [Kind::Namespace, Kind::Pod, Kind::VirtualNode];

/// Times that suit a loopback server.
fn quick() -> Timing {
    Timing {
        watch: Duration::from_secs(1),
        overdue: Duration::from_millis(200),
        answer: Duration::from_millis(300),
        list: Duration::from_millis(400),
        list_spacing: Duration::from_millis(100),
        retry_first: Duration::from_millis(20),
        retry_most: Duration::from_millis(200),
        absent_at_start: Duration::from_millis(50),
        absent_later: Duration::from_millis(500),
        absent_poll: Duration::from_millis(100),
    }
}

fn options(kinds: impl IntoIterator<Item = Kind>) -> KubeOptions {
    KubeOptions {
        kinds: kinds.into_iter().collect(),
        timing: quick(),
    }
}

fn node(name: &str, port: u16) -> Value {
    json!({
        "apiVersion": "appmesh.k8s.aws/v1beta2", "kind": "VirtualNode",
        "metadata": {"name": name, "namespace": "shop", "generation": 1},
        "spec": {"listeners": [{"portMapping": {"port": port, "protocol": "http"}}]},
    })
}

fn pod(name: &str, ip: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "i"}], "nodeName": "n"},
        "status": {"podIP": ip, "phase": "Running"},
    })
}

fn key(kind: Kind, name: &str) -> ObjectKey {
    ObjectKey {
        kind,
        namespace: kind.is_namespaced().then(|| "shop".to_owned()),
        name: name.to_owned(),
    }
}

/// A source and what it has told.
struct Seen {
    updates: KubeUpdates,
    objects: BTreeMap<ObjectKey, Arc<Observed>>,
    problems: Arc<[Problem]>,
    batches: usize,
}

impl Seen {
    fn start(api: &Api, kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self {
            updates: KubeSource::start(api.client(), options(kinds)),
            objects: BTreeMap::new(),
            problems: Arc::default(),
            batches: 0,
        }
    }

    /// Started, with its first batch.
    async fn ready(api: &Api, kinds: impl IntoIterator<Item = Kind>) -> Self {
        let mut seen = Self::start(api, kinds);
        seen.next().await;
        seen
    }

    fn apply(&mut self, batch: &Batch) -> Vec<String> {
        self.batches += 1;
        let mut told = Vec::new();
        for Change { key, object } in &batch.changes {
            let before = match object {
                Some(object) => self.objects.insert(key.clone(), Arc::clone(object)),
                None => self.objects.remove(key),
            };
            let same = match (&before, object) {
                (Some(before), Some(object)) => before.says_the_same(object),
                (before, object) => before.is_none() && object.is_none(),
            };
            assert!(!same, "{key} has not changed");
            told.push(format!("{}{key}", if object.is_some() { "+" } else { "-" }));
        }
        self.problems = Arc::clone(&batch.problems);
        told
    }

    /// The next batch: `+` for what is there, `-` for what is gone.
    async fn next(&mut self) -> Vec<String> {
        let batch = timeout(Duration::from_secs(10), self.updates.next()).await;
        let batch = batch.expect("a batch in time").expect("the watches run");
        self.apply(&batch)
    }

    /// Nothing comes for a while.
    async fn quiet(&mut self, millis: u64) {
        if let Ok(batch) = timeout(Duration::from_millis(millis), self.updates.next()).await {
            panic!("{batch:?}");
        }
    }

    /// Takes batches until this holds.
    async fn until(&mut self, holds: impl Fn(&Self) -> bool) {
        while !holds(self) {
            self.next().await;
        }
    }

    fn port(&self, name: &str) -> Option<i64> {
        let observed = self.objects.get(&key(Kind::VirtualNode, name))?;
        let tulle_crds::Object::VirtualNode(node) = &observed.object else {
            panic!("{observed:?}");
        };
        Some(node.spec.listeners[0].port_mapping.port)
    }
}

async fn eventually(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), waiting)
        .await
        .expect("in time");
}
