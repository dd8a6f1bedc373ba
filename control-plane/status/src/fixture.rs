//! For tests: an API server that is as strict about uids and versions as the real one, and what is needed around it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tulle_model::{Code, Finding, ObjectId, Severity};
use tulle_runtime::lease::Leadership;

use crate::kind;
use crate::record::{Record, Records};

pub(crate) fn object(kind: &str, name: &str) -> ObjectId {
    let namespace = if kind == "Mesh" { "" } else { "shop" };
    ObjectId::new(kind::APP_MESH, kind, namespace, name)
}

pub(crate) fn finding(severity: Severity, object: &ObjectId, code: &str) -> Finding {
    Finding::new(
        severity,
        Code::named(code).expect("a code of the table"),
        object,
        "spec.listeners",
        format!("{code} here"),
    )
    .help("mend it")
}

/// A switch for leadership.
pub(crate) fn leadership(leads: bool) -> watch::Sender<Leadership> {
    let sender = watch::Sender::new(Leadership::default());
    lead(&sender, leads);
    sender
}

pub(crate) fn lead(sender: &watch::Sender<Leadership>, leads: bool) {
    let long = Duration::from_secs(3600 * 24 * 30);
    sender.send_replace(if leads {
        Leadership::granted("tulle-a", Instant::now() + long)
    } else {
        Leadership::default()
    });
}

/// Waits, a little at a time, until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(
            started.elapsed() < Duration::from_secs(120),
            "never: {what}"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// The server, and what a source has seen of it.
#[derive(Clone, Default)]
pub(crate) struct ApiServer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    /// What the source has seen; `None`: all there is.
    seen: Option<BTreeMap<String, Value>>,
    version: u64,
    log: Vec<String>,
    failure: Option<u16>,
    delay: Duration,
}

impl ApiServer {
    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await?;
                let delay = server.0.lock().delay;
                sleep(delay).await;
                let patch_type = parts.headers.get("content-type");
                let patch_type = patch_type.and_then(|value| value.to_str().ok());
                let (code, answer) = server.answer(
                    &parts.method,
                    parts.uri.path(),
                    patch_type.unwrap_or_default(),
                    serde_json::from_slice(&body).unwrap_or(Value::Null),
                );
                let answer = Body::from(answer.to_string().into_bytes());
                Ok::<_, tower::BoxError>(Response::builder().status(code).body(answer)?)
            }
        });
        Client::new(service, "default")
    }

    /// Creates an object as users do.
    pub(crate) fn create(&self, object: &ObjectId) {
        self.edit(object, |_| {});
    }

    /// Changes an object, or creates it.
    pub(crate) fn edit(&self, object: &ObjectId, edit: impl FnOnce(&mut Value)) {
        let mut state = self.0.lock();
        let path = path(object);
        let uid = format!("uid-{}", state.version + 1);
        let mut value = state.objects.remove(&path).unwrap_or_else(|| {
            let kind = kind::of(object).unwrap();
            json!({
                "apiVersion": kind.api_version(), "kind": kind.kind,
                "metadata": { "name": object.name, "namespace": object.namespace, "uid": uid, "generation": 1 },
            })
        });
        edit(&mut value);
        state.store(path, value);
    }

    pub(crate) fn delete(&self, object: &ObjectId) {
        self.0.lock().objects.remove(&path(object));
    }

    pub(crate) fn get(&self, object: &ObjectId) -> Value {
        let state = self.0.lock();
        state
            .objects
            .get(&path(object))
            .cloned()
            .unwrap_or(Value::Null)
    }

    pub(crate) fn status(&self, object: &ObjectId) -> Value {
        self.get(object)["status"].clone()
    }

    /// All events, by name.
    pub(crate) fn events(&self) -> Vec<Value> {
        let state = self.0.lock();
        let events = state
            .objects
            .iter()
            .filter(|(path, _)| path.contains("/events/"));
        events.map(|(_, event)| event.clone()).collect()
    }

    pub(crate) fn forget_events(&self) {
        self.0
            .lock()
            .objects
            .retain(|path, _| !path.contains("/events/"));
    }

    /// Requests since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().log)
    }

    /// Every request fails with this code.
    pub(crate) fn fail(&self, code: Option<u16>) {
        self.0.lock().failure = code;
    }

    pub(crate) fn delay(&self, delay: Duration) {
        self.0.lock().delay = delay;
    }

    /// From now on the source sees nothing new, or everything again.
    pub(crate) fn freeze_source(&self, frozen: bool) {
        let mut state = self.0.lock();
        state.seen = frozen.then(|| state.objects.clone());
    }

    pub(crate) fn records(&self) -> Arc<dyn Records> {
        let server = self.clone();
        Arc::new(move |object: &ObjectId| {
            let state = server.0.lock();
            let seen = state.seen.as_ref().unwrap_or(&state.objects);
            seen.get(&path(object)).map(record)
        })
    }

    fn answer(&self, method: &Method, path: &str, patch_type: &str, body: Value) -> (u16, Value) {
        let mut state = self.0.lock();
        state.log.push(format!("{method} {path}"));
        if let Some(code) = state.failure {
            return failure(code, "Failed");
        }
        if method == Method::POST {
            let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap());
            if state.objects.contains_key(&path) {
                return failure(409, "AlreadyExists");
            }
            return (201, state.store(path, body));
        }
        assert_eq!(method, Method::PATCH, "{path}");
        let (path, status) = match path.strip_suffix("/status") {
            Some(path) => (path, true),
            None => (path, false),
        };
        let Some(old) = state.objects.get(path).cloned() else {
            return failure(404, "NotFound");
        };
        let mut new = old.clone();
        if patch_type == "application/json-patch+json" {
            let patch: json_patch::Patch = serde_json::from_value(body).unwrap();
            if json_patch::patch(&mut new, &patch).is_err() {
                return failure(422, "Invalid");
            }
        } else {
            for field in ["uid", "resourceVersion"] {
                let expected = &body["metadata"][field];
                if !expected.is_null() && *expected != old["metadata"][field] {
                    return failure(409, "Conflict");
                }
            }
            if status {
                json_patch::merge(&mut new["status"], &body["status"]);
            } else {
                json_patch::merge(&mut new, &body);
            }
        }
        (200, state.store(path.to_owned(), new))
    }
}

impl State {
    fn store(&mut self, path: String, mut value: Value) -> Value {
        self.version += 1;
        value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(path, value.clone());
        value
    }
}

fn record(value: &Value) -> Record {
    let metadata = &value["metadata"];
    let text = |field: &str| metadata[field].as_str().unwrap_or_default().into();
    let finalizers = metadata["finalizers"].as_array().into_iter().flatten();
    Record {
        uid: text("uid"),
        resource_version: text("resourceVersion"),
        finalizers: finalizers.map(|one| one.as_str().unwrap().into()).collect(),
        deleting: !metadata["deletionTimestamp"].is_null(),
        status: value["status"].clone(),
    }
}

fn path(object: &ObjectId) -> String {
    let kind = kind::of(object).unwrap();
    let group = if kind.group.is_empty() {
        "/api/".to_owned()
    } else {
        format!("/apis/{}/", kind.group)
    };
    let namespace = match &*object.namespace {
        "" => String::new(),
        namespace => format!("/namespaces/{namespace}"),
    };
    format!(
        "{group}{}{namespace}/{}/{}",
        kind.version, kind.plural, object.name
    )
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": code
    });
    (code, status)
}
