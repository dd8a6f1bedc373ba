//! An API server for one Lease: reads and writes are as strict about `resourceVersion` as the real one, and its links can be
//! slow, cut, or lose answers to requests that have been carried out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::sleep;

#[derive(Debug, Clone, Default)]
pub(super) struct Server(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    record: Option<Value>,
    version: u64,
    writes: usize,
}

/// One client's way to the server.
#[derive(Debug, Clone, Default)]
pub(super) struct Link(Arc<LinkState>);

#[derive(Debug, Default)]
struct LinkState {
    cut: AtomicBool,
    forgetful: AtomicBool,
    delay: Mutex<(Duration, Duration)>,
}

impl Link {
    /// Nothing gets through.
    pub(super) fn cut(&self, cut: bool) {
        self.0.cut.store(cut, Ordering::SeqCst);
    }

    /// Requests are carried out, their answers are lost.
    pub(super) fn lose_answers(&self, lose: bool) {
        self.0.forgetful.store(lose, Ordering::SeqCst);
    }

    /// Time on the way there and back.
    pub(super) fn delay(&self, there: Duration, back: Duration) {
        *self.0.delay.lock() = (there, back);
    }
}

impl Server {
    pub(super) fn client(&self, link: Link) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (server, link) = (server.clone(), link.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await?;
                let (there, back) = *link.0.delay.lock();
                sleep(there).await;
                if link.0.cut.load(Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                let (status, answer) = server.answer(&parts.method, parts.uri.path(), &body);
                sleep(back).await;
                if link.0.forgetful.load(Ordering::SeqCst) || link.0.cut.load(Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                let response = Response::builder()
                    .status(status)
                    .body(Body::from(answer.to_string().into_bytes()));
                Ok::<_, tower::BoxError>(response?)
            }
        });
        Client::new(service, "default")
    }

    pub(super) fn record(&self) -> Option<Value> {
        self.0.lock().record.clone()
    }

    pub(super) fn writes(&self) -> usize {
        self.0.lock().writes
    }

    pub(super) fn put(&self, record: Value) {
        self.0.lock().store(record);
    }

    pub(super) fn edit(&self, edit: impl FnOnce(&mut Value)) {
        let mut state = self.0.lock();
        if let Some(mut record) = state.record.take() {
            edit(&mut record);
            state.store(record);
        }
    }

    pub(super) fn delete(&self) {
        self.0.lock().record = None;
    }

    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> (u16, Value) {
        const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/tulle-system/leases";
        let one = format!("{LEASES}/tulle-leader");
        let mut state = self.0.lock();
        let current = state.record.clone();
        match (method, path) {
            (&Method::GET, path) if path == one => {
                current.map_or_else(|| failure(404, "NotFound"), |record| (200, record))
            }
            (&Method::POST, LEASES) if current.is_some() => failure(409, "AlreadyExists"),
            (&Method::POST, LEASES) => {
                state.writes += 1;
                (201, state.store(serde_json::from_slice(body).unwrap()))
            }
            (&Method::PUT, path) if path == one => {
                let new: Value = serde_json::from_slice(body).unwrap();
                let expected = current.map(|record| record["metadata"]["resourceVersion"].clone());
                if expected.as_ref() != Some(&new["metadata"]["resourceVersion"]) {
                    return failure(409, "Conflict");
                }
                state.writes += 1;
                (200, state.store(new))
            }
            _ => panic!("{method} {path}"),
        }
    }
}

impl State {
    fn store(&mut self, mut record: Value) -> Value {
        self.version += 1;
        record["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.record = Some(record.clone());
        record
    }
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": reason, "reason": reason, "code": code
    });
    (code, status)
}
