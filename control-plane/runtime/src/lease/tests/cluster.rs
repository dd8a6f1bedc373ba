//! The contest on a real API server, the one that KUBECONFIG names:
//! `cargo test -p tulle-runtime -- --ignored lease`.

use k8s_openapi::api::coordination::v1::Lease as Record;
use kube::api::DeleteParams;
use kube::{Api, Client};

use super::contest::Gate;
use super::*;

struct Contender {
    lease: Lease,
    gate: Gate,
}

fn contender(client: &Client, record: &str, identity: String) -> Contender {
    let mut options = LeaseOptions::new("default", record, identity);
    options.ttl = Duration::from_secs(2);
    let (lease, gate) = contest::gated(client.clone(), options);
    Contender { lease, gate }
}

fn leaders(contenders: &[Contender]) -> Vec<usize> {
    let leads = |at: &usize| contenders[*at].lease.leadership().borrow().is_leader();
    (0..contenders.len()).filter(leads).collect()
}

/// Watches for `time`; returns after how long somebody led who is not `not`.
async fn watched(contenders: &[Contender], time: Duration, not: Option<usize>) -> Option<Duration> {
    let started = Instant::now();
    let mut led = None;
    while started.elapsed() < time {
        let leaders = leaders(contenders);
        assert!(leaders.len() <= 1, "two leaders: {leaders:?}");
        if led.is_none() && leaders.first().is_some_and(|at| Some(*at) != not) {
            led = Some(started.elapsed());
        }
        sleep(Duration::from_millis(2)).await;
    }
    led
}

/// Each round stops the leader for two durations; another takes over.
async fn rounds(client: Client, number: usize, rounds: usize) -> Vec<Duration> {
    let record = format!("contest-{}-{number}", std::process::id());
    let contenders: Vec<Contender> = (0..2 + number % 2)
        .map(|at| contender(&client, &record, format!("tulle-{at}")))
        .collect();
    watched(&contenders, Duration::from_secs(2), None).await;
    let mut takeovers = Vec::new();
    for _ in 0..rounds {
        let [leader] = leaders(&contenders)[..] else {
            panic!("nobody leads")
        };
        contenders[leader].gate.stop();
        let took = watched(&contenders, Duration::from_millis(3500), Some(leader)).await;
        takeovers.push(took.expect("another leads"));
        contenders[leader].gate.go_on();
        watched(&contenders, Duration::from_millis(300), None).await;
    }
    // and in order
    let [leader] = leaders(&contenders)[..] else {
        panic!("nobody leads")
    };
    let mut contenders = contenders;
    let leaving = contenders.remove(leader);
    leaving.lease.release().await;
    let took = watched(&contenders, Duration::from_secs(1), None).await;
    assert!(took.is_some(), "given back and not taken");
    drop(contenders);
    let records: Api<Record> = Api::namespaced(client, "default");
    records
        .delete(&record, &DeleteParams::default())
        .await
        .unwrap();
    takeovers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Kubernetes API server: KUBECONFIG"]
async fn never_two_leaders_on_a_real_api_server() {
    let client = Client::try_default().await.unwrap();
    let contests: Vec<_> = (0..10)
        .map(|number| tokio::spawn(rounds(client.clone(), number, 10)))
        .collect();
    let mut all = Vec::new();
    for contest in contests {
        all.extend(contest.await.unwrap());
    }
    all.sort();
    eprintln!(
        "{} pauses of leaders with a lease of 2 s: taken over after {:?} (median), {:?} (latest)",
        all.len(),
        all[all.len() / 2],
        all[all.len() - 1]
    );
}
