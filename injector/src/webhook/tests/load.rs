//! Many at once.

use std::time::Instant;

use super::*;

/// A pod of usual size, about 8 KiB.
fn pod() -> Value {
    let containers: Vec<Value> = (0..4)
        .map(|index| {
            let env: Vec<Value> = (0..20)
                .map(|n| json!({"name": format!("SETTING_{n}"), "value": "a value of some length, as they are"}))
                .collect();
            json!({"name": format!("c{index}"), "image": "registry.example.com/team/app:1.2.3", "env": env})
        })
        .collect();
    json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": containers}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_at_once_over_one_connection_and_over_two_hundred() {
    let running = Arc::new(start(WebhookSettings::default()).await);
    let shared = running.h2().await;
    for one_connection in [true, false] {
        let mut asked = Vec::new();
        for index in 0..200 {
            let (running, shared) = (Arc::clone(&running), shared.clone());
            asked.push(tokio::spawn(async move {
                let mut sender = if one_connection {
                    shared
                } else {
                    running.h2().await
                };
                let name = format!("pod-{index}");
                let (status, answer) = ask(&mut sender, "/inject", review(&name, pod())).await;
                assert_eq!(status, StatusCode::OK);
                assert_eq!(answer["response"]["uid"], format!("uid-{name}"));
            }));
        }
        for asked in asked {
            asked.await.unwrap();
        }
    }
    assert_eq!(running.count(Route::Inject, Outcome::Patched), 400);
}

/// The figure of the design: p99 at most 20 ms with 50 pods a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of 20 s"]
async fn p99_at_fifty_pods_a_second() {
    let running = start(WebhookSettings::default()).await;
    let sender = running.h2().await;
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let mut asked = Vec::new();
    for index in 0..1000 {
        tick.tick().await;
        let mut sender = sender.clone();
        asked.push(tokio::spawn(async move {
            let since = Instant::now();
            let (status, _) =
                ask(&mut sender, "/inject", review(&format!("p{index}"), pod())).await;
            assert_eq!(status, StatusCode::OK);
            since.elapsed()
        }));
    }
    let mut times = Vec::new();
    for asked in asked {
        times.push(asked.await.unwrap());
    }
    times.sort();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    eprintln!("p50 {p50:?}, p99 {p99:?}, max {:?}", times[times.len() - 1]);
    assert!(p99 < Duration::from_millis(20), "{p99:?}");
}
