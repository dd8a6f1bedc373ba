//! S7: pods are admitted, as fast as answers come or at a given rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use h2::client::SendRequest;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::figure;
use super::h2_client::{connect, piece};
use super::up::Up;
use crate::data::{ACCOUNT, NAMESPACE, PORT, service};
use crate::record::{Quantiles, Run, Unit};
use crate::stack::TULLE_SERVER_NAME;

/// Size of a review, about: what a pod of three containers has.
const SIZE: usize = 10 * 1024;

/// `rate`: requests in a second; `None`: each connection asks again as soon as it is answered.
pub(super) async fn record(
    up: &Up,
    connections: usize,
    rate: Option<u32>,
    time: Duration,
    run: &mut Run,
) -> anyhow::Result<()> {
    let tulle = up
        .server
        .as_tulle()
        .context("only Tulle's webhook is known")?;
    let address = SocketAddr::from(([127, 0, 0, 1], tulle.webhook));
    let review = Bytes::from(review().to_string());
    let mut senders = Vec::new();
    for _ in 0..connections {
        let sender = connect(address, TULLE_SERVER_NAME, &tulle.roots).await?;
        // What the first request of a connection finds is not what is measured.
        ask(&sender, &review).await?;
        senders.push(sender);
    }
    let process = up.server.process();
    let before = process.sample()?;
    let started = Instant::now();
    let answers = match rate {
        None => closed(&senders, &review, time).await?,
        Some(rate) => open(&senders, &review, rate, time).await?,
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
async fn closed(
    senders: &[SendRequest<Bytes>],
    review: &Bytes,
    time: Duration,
) -> anyhow::Result<Vec<f64>> {
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for sender in senders {
        let (sender, review) = (sender.clone(), review.clone());
        tasks.spawn(async move {
            let mut answers = Vec::new();
            while Instant::now() < end {
                answers.push(ask(&sender, &review).await?);
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
    senders: &[SendRequest<Bytes>],
    review: &Bytes,
    rate: u32,
    time: Duration,
) -> anyhow::Result<Vec<f64>> {
    let end = Instant::now() + time;
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tasks = JoinSet::new();
    let failed = Arc::new(AtomicU64::new(0));
    for turn in 0_usize.. {
        let due = ticks.tick().await;
        if due >= end {
            break;
        }
        let (sender, review) = (senders[turn % senders.len()].clone(), review.clone());
        let failed = failed.clone();
        tasks.spawn(async move {
            match ask(&sender, &review).await {
                // From when it was due: a late question is the server's doing too.
                Ok(_) => Some(due.elapsed().as_secs_f64()),
                Err(_) => {
                    failed.fetch_add(1, Ordering::Relaxed);
                    None
                }
            }
        });
    }
    let mut answers = Vec::new();
    while let Some(task) = tasks.join_next().await {
        answers.extend(task?);
    }
    let failed = failed.load(Ordering::Relaxed);
    anyhow::ensure!(failed == 0, "{failed} reviews were not answered");
    Ok(answers)
}

/// Asks, and how long the answer took.
async fn ask(sender: &SendRequest<Bytes>, review: &Bytes) -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut sender = sender.clone().ready().await?;
    let request = http::Request::post(format!("https://{TULLE_SERVER_NAME}/inject?timeout=10s"))
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
