use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, OwnerReference};
use k8s_openapi::jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::*;

mod cluster;
mod contest;
mod server;

use server::{Link, Server};

fn options(identity: &str) -> LeaseOptions {
    LeaseOptions::new("tulle-system", "tulle-leader", identity)
}

async fn leads(lease: &Lease, within: Duration) -> Duration {
    let started = Instant::now();
    let mut leadership = lease.leadership();
    timeout(within, leadership.wait_for(Leadership::is_leader))
        .await
        .expect("leads in time")
        .unwrap();
    started.elapsed()
}

#[tokio::test(start_paused = true)]
async fn the_first_one_leads_at_once_and_renews_without_a_gap() {
    let server = Server::default();
    let mut options = options("tulle-a");
    let role = |uid: &str| {
        Some(OwnerReference {
            api_version: "rbac.authorization.k8s.io/v1".into(),
            kind: "ClusterRole".into(),
            name: "tulle".into(),
            uid: uid.into(),
            ..OwnerReference::default()
        })
    };
    let (owner, owner_now) = watch::channel(role("u1"));
    options.owner = owner_now;
    let lease = Lease::start(server.client(Link::default()), options);
    assert!(leads(&lease, Duration::from_secs(1)).await < Duration::from_millis(1));
    let leadership = lease.leadership();
    let record = server.record().unwrap();
    assert_eq!(record["spec"]["holderIdentity"], "tulle-a");
    assert_eq!(record["spec"]["leaseDurationSeconds"], 15);
    assert_eq!(record["spec"]["leaseTransitions"], 0);
    assert_eq!(record["metadata"]["ownerReferences"][0]["uid"], "u1");
    for _ in 0..600 {
        sleep(Duration::from_millis(100)).await;
        assert!(leadership.borrow().is_leader());
    }
    let writes = server.writes();
    assert!((8..=13).contains(&writes), "{writes} writes in a minute");
    assert_eq!(leadership.borrow().holder(), Some("tulle-a"));

    // Another owner under the same name takes the place of the first.
    owner.send_replace(role("u2"));
    sleep(Duration::from_secs(15)).await;
    let record = server.record().unwrap();
    let owners = record["metadata"]["ownerReferences"].as_array().unwrap();
    assert_eq!(owners.len(), 1);
    assert_eq!(owners[0]["uid"], "u2");
}

#[tokio::test(start_paused = true)]
async fn given_back_it_is_taken_within_two_seconds() {
    let server = Server::default();
    let first = Lease::start(server.client(Link::default()), options("tulle-a"));
    leads(&first, Duration::from_secs(1)).await;
    let second = Lease::start(server.client(Link::default()), options("tulle-b"));
    sleep(Duration::from_secs(30)).await;
    let told = first.leadership();
    assert!(!second.leadership().borrow().is_leader());
    assert_eq!(second.leadership().borrow().holder(), Some("tulle-a"));
    first.release().await;
    assert!(!told.borrow().is_leader());
    leads(&second, Duration::from_secs(2)).await;
    assert_eq!(server.record().unwrap()["spec"]["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_it_is_taken_when_its_time_is_over() {
    for _ in 0..50 {
        let server = Server::default();
        let first = Lease::start(server.client(Link::default()), options("tulle-a"));
        leads(&first, Duration::from_secs(1)).await;
        let second = Lease::start(server.client(Link::default()), options("tulle-b"));
        sleep(Duration::from_secs(20)).await;
        drop(first);
        let took = leads(&second, Duration::from_secs(17)).await;
        assert!(took >= Duration::from_secs(7), "{took:?}");
        second.release().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_restarted_container_goes_on_with_its_own_lease() {
    let server = Server::default();
    let first = Lease::start(server.client(Link::default()), options("tulle-a"));
    leads(&first, Duration::from_secs(1)).await;
    drop(first);
    let again = Lease::start(server.client(Link::default()), options("tulle-a"));
    leads(&again, Duration::from_secs(1)).await;
    assert_eq!(server.record().unwrap()["spec"]["leaseTransitions"], 0);
}

#[tokio::test(start_paused = true)]
async fn other_clocks_do_not_count() {
    for year in ["1999-01-01T00:00:00.000000Z", "2199-01-01T00:00:00.000000Z"] {
        let server = Server::default();
        server.put(json!({
            "metadata": { "name": "tulle-leader", "namespace": "tulle-system" },
            "spec": {
                "holderIdentity": "tulle-x", "leaseDurationSeconds": 15,
                "renewTime": year, "acquireTime": year, "leaseTransitions": 3
            }
        }));
        let lease = Lease::start(server.client(Link::default()), options("tulle-a"));
        sleep(Duration::from_secs(14)).await;
        // a label is no sign of life
        server.edit(|record| record["metadata"]["labels"] = json!({ "a": "b" }));
        let took = leads(&lease, Duration::from_secs(3)).await;
        assert!(took < Duration::from_secs(3), "{took:?}");
        let record = server.record().unwrap();
        assert_eq!(record["spec"]["leaseTransitions"], 4);
        assert_eq!(record["metadata"]["labels"]["a"], "b");
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_server_the_leader_ends_early_and_comes_back() {
    let server = Server::default();
    let link = Link::default();
    let lease = Lease::start(server.client(link.clone()), options("tulle-a"));
    leads(&lease, Duration::from_secs(1)).await;
    link.cut(true);
    let mut leadership = lease.leadership();
    let started = Instant::now();
    leadership.wait_for(|now| !now.is_leader()).await.unwrap();
    let lasted = started.elapsed();
    assert!(lasted <= Duration::from_millis(12_500), "{lasted:?}");
    sleep(Duration::from_secs(60)).await;
    assert!(!lease.leadership().borrow().is_leader());
    link.cut(false);
    leads(&lease, Duration::from_secs(6)).await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_record_leaves_its_holder_the_time_it_may_have() {
    // The spans between renewals and looks are random: most runs have a renewal that was deleted before it was seen.
    for _ in 0..50 {
        let server = Server::default();
        let first_link = Link::default();
        let first = Lease::start(server.client(first_link.clone()), options("tulle-a"));
        leads(&first, Duration::from_secs(1)).await;
        let second = Lease::start(server.client(Link::default()), options("tulle-b"));
        sleep(Duration::from_secs(30)).await;
        first_link.cut(true);
        server.delete();
        let took = leads(&second, Duration::from_secs(17)).await;
        assert!(took >= Duration::from_secs(15), "{took:?}");
        assert!(!first.leadership().borrow().is_leader());
    }
}

#[test]
fn timing_is_whole_and_in_order() {
    for millis in [1, 999, 1000, 1500, 15_000] {
        let timing = timing::Timing::new(Duration::from_millis(millis));
        let ttl = timing.ttl();
        assert_eq!(ttl.subsec_nanos(), 0);
        assert_eq!(u64::try_from(timing.seconds()).unwrap(), ttl.as_secs());
        for _ in 0..1000 {
            assert!(timing.poll() * 2 <= timing.renew());
            assert!(timing.retry() < timing.poll());
            assert!(timing.renew() + timing.request() + timing.retry() < timing.hold());
        }
        assert!(timing.hold() + timing.request() <= ttl);
    }
}

#[test]
fn a_leadership_runs_out_by_itself() {
    let past = Leadership::granted("a", Instant::now());
    assert!(!past.is_leader() && past.remaining().is_none());
    let future = Leadership::granted("a", Instant::now() + Duration::from_secs(60));
    assert!(future.is_leader() && future.holder() == Some("a"));
    assert!(!Leadership::default().is_leader());
    // the record's times are written, if not read
    assert!(MicroTime(Timestamp::now()).0 > Timestamp::UNIX_EPOCH);
}
