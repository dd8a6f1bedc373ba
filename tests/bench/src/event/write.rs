//! The writes.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::protocol::{Change, Noise, Written};
use crate::clock;
use crate::data::{self, Dialect, NAMESPACE};
use crate::stack::Api;

/// An annotation that nobody reads.
const ANNOTATION: &str = "bench/value";

pub(super) struct Source {
    api: Api,
    dialect: Dialect,
}

impl Source {
    pub(super) fn new(api: Api, dialect: Dialect) -> Self {
        Self { api, dialect }
    }

    /// Connects, so that no change pays for it.
    pub(super) async fn warm_up(&self) -> anyhow::Result<()> {
        let path = format!("/api/v1/namespaces/{NAMESPACE}");
        self.api.get(&path).await.map(|_| ())
    }

    pub(super) async fn change(&self, change: &Change) -> anyhow::Result<Written> {
        let annotation =
            |value: &str| json!({ "metadata": { "annotations": { ANNOTATION: value } } });
        match change {
            Change::Endpoints { service, addresses } => self.endpoints(service, addresses).await,
            Change::Roll {
                service,
                ready,
                leaving,
            } => {
                let mut slice = data::slice(service, 0, ready);
                if let Some(endpoints) = slice.body["endpoints"].as_array_mut() {
                    endpoints.extend(leaving.iter().map(|address| data::leaving(*address)));
                }
                let body = json!({ "endpoints": slice.body["endpoints"] });
                self.merge(&slice.path(), &body).await
            }
            Change::Weights { service, next } => {
                let object = data::weights(self.dialect, service, *next);
                let spec = json!({ "spec": object.body["spec"] });
                self.merge(&object.path(), &spec).await
            }
            Change::Annotation { service, value } => {
                let path = format!("/api/v1/namespaces/{NAMESPACE}/services/{service}");
                self.merge(&path, &annotation(value)).await
            }
            Change::Heartbeat { pod, at } => {
                let name = data::pod(*pod);
                let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{name}/status");
                let mut status = data::running(*pod);
                if let Some(conditions) = status["status"]["conditions"].as_array_mut() {
                    for condition in conditions {
                        condition["lastProbeTime"] = Value::from(at.as_str());
                    }
                }
                self.merge(&path, &status).await
            }
            Change::Elsewhere { value } => {
                self.merge("/api/v1/namespaces/default", &annotation(value))
                    .await
            }
        }
    }

    async fn merge(&self, path: &str, body: &Value) -> anyhow::Result<Written> {
        let sent = clock::now();
        self.api.merge(path, body).await?;
        Ok(Written {
            sent,
            acknowledged: clock::now(),
        })
    }

    async fn endpoints(&self, service: &str, addresses: &[Ipv4Addr]) -> anyhow::Result<Written> {
        let slice = data::slice(service, 0, addresses);
        let body = json!({ "endpoints": slice.body["endpoints"] });
        self.merge(&slice.path(), &body).await
    }

    /// Goes on until it is ended. A write that is refused is told, and made up for by the next.
    pub(super) async fn noise(&self, noise: &Noise, made: &AtomicUsize) {
        let services = noise.services.len();
        if noise.per_second == 0 || services == 0 {
            return;
        }
        let mut ticks = interval(Duration::from_secs(1) / noise.per_second);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for turn in 0_usize.. {
            ticks.tick().await;
            let place = turn % services;
            let count = 1 + (turn / services) % 2;
            let addresses: Vec<Ipv4Addr> = (0..count)
                .map(|one| data::noise_address(place * 2 + one))
                .collect();
            match self.endpoints(&noise.services[place], &addresses).await {
                Ok(_) => {
                    made.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => eprintln!("noise: {error:#}"),
            }
        }
    }
}
