//! S7: pods are admitted, as fast as answers come or at a given rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use h2::client::SendRequest;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::figure;
use super::h2_client::{connect, piece};
use crate::data::{ACCOUNT, NAMESPACE, PORT, service};
use crate::record::{Process, Quantiles, Run, Unit};

/// Size of a review, about: what a pod of three containers has.
const SIZE: usize = 10 * 1024;

/// A webhook of somebody.
pub(super) struct Webhook {
    /// Its port on this machine.
    pub(super) port: u16,
    /// The name in its certificate, and what that is verified by, PEM.
    pub(super) name: &'static str,
    pub(super) roots: String,
    /// Whose it is.
    pub(super) process: Process,
}

/// So many connections, and `rate` questions in a second; `None`: each connection asks again as soon as it is answered.
pub(super) type Way = (usize, Option<u32>);

/// The ways to ask.
pub(super) const WAYS: [Way; 5] = [
    (1, None),
    (8, None),
    (64, None),
    (8, Some(200)),
    (8, Some(1_000)),
];

/// What it is called.
pub(super) fn label((connections, rate): Way) -> String {
    match rate {
        None => format!("{connections} connections"),
        Some(rate) => format!("{rate}/s"),
    }
}

/// Asks in this way for so long.
pub(super) async fn record(
    webhook: &Webhook,
    (connections, rate): Way,
    time: Duration,
    run: &mut Run,
) -> anyhow::Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], webhook.port));
    let review = Bytes::from(review().to_string());
    let mut askers = Vec::new();
    for _ in 0..connections {
        let sender = connect(address, webhook.name, &webhook.roots).await?;
        let asker = Asker {
            sender,
            name: webhook.name,
        };
        // What the first request of a connection finds is not what is measured.
        asker.ask(&review).await?;
        askers.push(asker);
    }
    let process = &webhook.process;
    let before = process.sample()?;
    let started = Instant::now();
    let answers = match rate {
        None => closed(&askers, &review, time).await?,
        Some(rate) => open(&askers, &review, rate, time).await?,
    };
    let took = started.elapsed().as_secs_f64();
    let used = process.sample()?.since(&before).cpu().as_secs_f64();
    let of = Quantiles::of(&answers).context("no answers")?;
    run.put(figure::ANSWER, Unit::Seconds, of.p50);
    run.put(figure::ANSWER_P99, Unit::Seconds, of.p99);
    let count = answers.len() as f64;
    run.put(figure::RATE, Unit::PerSecond, count / took);
    run.put(figure::RATE_CORE, Unit::PerSecond, count / used.max(1e-9));
    let memory = process.sample()?.rss as f64;
    run.put(figure::MEMORY, Unit::Bytes, memory);
    Ok(())
}

/// Each connection asks again as soon as it is answered.
async fn closed(askers: &[Asker], review: &Bytes, time: Duration) -> anyhow::Result<Vec<f64>> {
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for asker in askers {
        let (asker, review) = (asker.clone(), review.clone());
        tasks.spawn(async move {
            let mut answers = Vec::new();
            while Instant::now() < end {
                answers.push(asker.ask(&review).await?);
            }
            anyhow::Ok(answers)
        });
    }
    let mut answers = Vec::new();
    while let Some(task) = tasks.join_next().await {
        answers.extend(task??);
    }
    Ok(answers)
}

/// Questions come at their times, whether the last one was answered or not.
async fn open(
    askers: &[Asker],
    review: &Bytes,
    rate: u32,
    time: Duration,
) -> anyhow::Result<Vec<f64>> {
    let (tick, mut ticks) = mpsc::unbounded_channel();
    // The runtime's own timers are a millisecond or two late, which is more than an answer takes.
    let clock = tokio::task::spawn_blocking(move || {
        let started = std::time::Instant::now();
        let mut due = started;
        while due < started + time {
            std::thread::sleep(due.saturating_duration_since(std::time::Instant::now()));
            if tick.send(due).is_err() {
                break;
            }
            due += Duration::from_secs(1) / rate;
        }
    });
    let mut tasks = JoinSet::new();
    let failed = Arc::new(AtomicU64::new(0));
    let mut turn = 0_usize;
    while let Some(due) = ticks.recv().await {
        turn += 1;
        let (asker, review) = (askers[turn % askers.len()].clone(), review.clone());
        let failed = failed.clone();
        tasks.spawn(async move {
            match asker.ask(&review).await {
                // From when it was due: a late question is the server's doing too.
                Ok(_) => Some(due.elapsed().as_secs_f64()),
                Err(_) => {
                    failed.fetch_add(1, Ordering::Relaxed);
                    None
                }
            }
        });
    }
    clock.await?;
    let mut answers = Vec::new();
    while let Some(task) = tasks.join_next().await {
        answers.extend(task?);
    }
    let failed = failed.load(Ordering::Relaxed);
    anyhow::ensure!(failed == 0, "{failed} reviews were not answered");
    Ok(answers)
}

/// A connection to a webhook.
#[derive(Clone)]
struct Asker {
    sender: SendRequest<Bytes>,
    name: &'static str,
}

impl Asker {
    /// Asks, and how long the answer took.
    async fn ask(&self, review: &Bytes) -> anyhow::Result<f64> {
        let started = Instant::now();
        let mut sender = self.sender.clone().ready().await?;
        let request = http::Request::post(format!("https://{}/inject?timeout=10s", self.name))
            .header("content-type", "application/json")
            .body(())?;
        let (answer, mut body) = sender.send_request(request, false)?;
        body.send_data(review.clone(), true)?;
        let answer = answer.await?;
        let status = answer.status();
        let mut body = answer.into_body();
        let mut text = Vec::new();
        while let Some(more) = piece(&mut body).await? {
            text.extend_from_slice(&more);
        }
        let took = started.elapsed().as_secs_f64();
        let is_patched = memchr(&text, b"patchType");
        anyhow::ensure!(
            status.is_success() && is_patched,
            "answered {status}, and not with a patch: {}",
            String::from_utf8_lossy(&text)
        );
        Ok(took)
    }
}

fn memchr(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// A pod of three containers, as a Deployment makes it.
fn review() -> Value {
    let container = |name: &str, port: u16| {
        json!({
            "name": name,
            "image": format!("registry.example.com/team/{name}:1.2.3"),
            "ports": [{ "name": "http", "containerPort": port, "protocol": "TCP" }],
            "env": (0..20).map(|number| json!({
                "name": format!("SETTING_{number}"),
                "value": format!("value of setting {number} of {name}"),
            })).collect::<Vec<Value>>(),
            "resources": { "limits": { "cpu": "1", "memory": "512Mi" }, "requests": { "cpu": "100m", "memory": "128Mi" } },
            "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
            "readinessProbe": { "httpGet": { "path": "/ready", "port": port }, "periodSeconds": 5 },
            "livenessProbe": { "httpGet": { "path": "/live", "port": port }, "periodSeconds": 5 },
            "terminationMessagePath": "/dev/termination-log",
            "imagePullPolicy": "IfNotPresent",
        })
    };
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "application-6d5f8d9c7b-",
            "namespace": NAMESPACE,
            "labels": { "app": service(0), "pod-template-hash": "6d5f8d9c7b" },
            "annotations": { "padding": "" },
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "application-6d5f8d9c7b",
                "uid": "6f1d3f0a-58f6-4b1c-9d0f-0f6f0c5d7c11", "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "serviceAccountName": ACCOUNT,
            "containers": [container("application", PORT), container("cache", 6_379), container("logs", 9_000)],
            "volumes": [{ "name": "data", "emptyDir": {} }],
            "restartPolicy": "Always",
            "dnsPolicy": "ClusterFirst",
            "schedulerName": "default-scheduler",
            "enableServiceLinks": true,
        },
    });
    let missing = SIZE.saturating_sub(pod.to_string().len());
    pod["metadata"]["annotations"]["padding"] = Value::from("x".repeat(missing));
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "", "version": "v1", "kind": "Pod" },
            "resource": { "group": "", "version": "v1", "resource": "pods" },
            "namespace": NAMESPACE,
            "operation": "CREATE",
            "userInfo": { "username": "system:serviceaccount:kube-system:replicaset-controller" },
            "object": pod,
            "oldObject": null,
            "dryRun": false,
            "options": { "kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1" },
        },
    })
}
