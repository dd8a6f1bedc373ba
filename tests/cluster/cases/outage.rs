//! The control plane and the API server go away, and traffic does not notice.

use std::time::{Duration, Instant};

use anyhow::Context;
use tulle_cluster::case::Case;
use tulle_cluster::lifecycle;
use tulle_cluster::note::note;
use tulle_cluster::tulle::NAMESPACE;

use crate::scene::Scene;

const SENT: &str = "tulle_xds_resources_sent_total";
const STREAMS: &str = "tulle_xds_streams";

/// The control plane is away, until it is brought back; whatever becomes of the case, others find it there.
struct Away<'a>(&'a Case);

impl<'a> Away<'a> {
    const BACK: &'static str = "scale deployment/tulle -n tulle-system --replicas=2";

    fn new(case: &'a Case) -> Self {
        let away = Self(case);
        case.run(&format!(
            "scale deployment/tulle -n {NAMESPACE} --replicas=0"
        ));
        case.run(&format!(
            "wait --for=delete pod -l app.kubernetes.io/name=tulle -n {NAMESPACE} --timeout=90s"
        ));
        away
    }

    fn back(self) {
        self.0.run(Self::BACK);
        self.0.ready(NAMESPACE, &["tulle"]);
    }
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        // Nothing changes where it is back.
        let _ = self.0.kubectl().run(Self::BACK);
    }
}

/// All proxies of all namespaces: those of the scene, and none else as it runs alone.
fn wait_connected(case: &Case, proxies: f64) {
    case.eventually("every proxy to be back", Duration::from_secs(40), || {
        let streams = case.metric(STREAMS);
        anyhow::ensure!(streams >= proxies, "{streams} of {proxies} streams");
        Ok(())
    });
}

#[test]
fn a_minute_without_control_plane_changes_nothing() {
    let scene = Scene::new(Case::alone(), "away", 2, 1);
    let case = &scene.case;
    let load = scene.load("load", 200, 120);
    let proxies = 5.0;
    wait_connected(case, proxies);
    let away = Away::new(case);
    std::thread::sleep(Duration::from_secs(60));
    away.back();
    wait_connected(case, proxies);
    // Counted from the start of the new replicas.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(case.metric(SENT), 0.0, "resources sent again");
    let outcome = load.outcome();
    assert_eq!(outcome.lost, 0, "{outcome:?}");
}

#[test]
fn what_is_applied_meanwhile_arrives_on_return() {
    let scene = Scene::new(Case::alone(), "meanwhile", 1, 1);
    let case = &scene.case;
    let away = Away::new(case);
    // The webhooks for objects must not stand in the way of whoever repairs a cluster.
    scene.weights(0, 100);
    scene.answered_by(&["blue"]);
    let started = Instant::now();
    away.back();
    scene.answered_by(&["green"]);
    note(&format!(
        "outage: a change made meanwhile is in force {:.1} s after the control plane's return",
        started.elapsed().as_secs_f64()
    ));
}

fn leader(case: &Case) -> anyhow::Result<String> {
    let lease = case
        .kubectl()
        .get(&format!("lease tulle-leader -n {NAMESPACE}"))?;
    let holder = lease["spec"]["holderIdentity"].as_str();
    let holder = holder.filter(|holder| !holder.is_empty());
    Ok(holder.context("nobody leads")?.to_owned())
}

#[test]
fn the_leader_is_killed() {
    let scene = Scene::new(Case::alone(), "leader", 1, 1);
    let (case, ns) = (&scene.case, scene.ns);
    let kinds = "virtualnodes,virtualrouters,virtualservices";
    case.eventually("everything to be reported", Duration::from_secs(20), || {
        let objects = case.kubectl().list(&format!("{kinds} -n {ns}"))?;
        for object in &objects {
            let status = &object["status"]["conditions"][0]["status"];
            anyhow::ensure!(status == "True", "{object}");
        }
        anyhow::ensure!(!objects.is_empty(), "no objects");
        Ok(())
    });
    let versions = || -> Vec<String> {
        case.list(&format!("{kinds} -n {ns}"))
            .iter()
            .map(|object| object["metadata"]["resourceVersion"].to_string())
            .collect()
    };
    // Who is connected is in the status too, and the last words of that come a moment later.
    let before = case.eventually("statuses to rest", Duration::from_secs(60), || {
        let before = versions();
        std::thread::sleep(Duration::from_secs(5));
        anyhow::ensure!(before == versions(), "one was written");
        Ok(before)
    });
    let first = leader(case).unwrap();
    let pod = case
        .list(&format!(
            "pods -n {NAMESPACE} -l app.kubernetes.io/name=tulle"
        ))
        .iter()
        .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
        .find(|name| first.contains(name.as_str()))
        .unwrap_or_else(|| panic!("no pod is {first}"));
    case.run(&format!(
        "delete pod {pod} -n {NAMESPACE} --grace-period=0 --force"
    ));
    let killed = Instant::now();
    scene.weights(50, 50);
    let second = case.eventually("another to lead", Duration::from_secs(30), || {
        let holder = leader(case)?;
        anyhow::ensure!(holder != first, "still {first}");
        Ok(holder)
    });
    note(&format!(
        "outage: {second} leads {:.1} s after the leader was killed",
        killed.elapsed().as_secs_f64()
    ));
    let observed = || -> anyhow::Result<(i64, String)> {
        let router = case
            .kubectl()
            .get(&format!("virtualrouter color -n {ns}"))?;
        let (generation, seen) = (
            router["metadata"]["generation"].as_i64(),
            router["status"]["observedGeneration"].as_i64(),
        );
        anyhow::ensure!(seen == generation, "{router}");
        let version = router["metadata"]["resourceVersion"].to_string();
        Ok((generation.context("a generation")?, version))
    };
    let reported = case.eventually(
        "the change to be reported",
        Duration::from_secs(20),
        observed,
    );
    case.ready(NAMESPACE, &["tulle"]);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(observed().unwrap(), reported, "written more than once");
    // Of all others nothing was written again.
    let changed = before
        .iter()
        .zip(versions())
        .filter(|(before, now)| *before != now)
        .count();
    assert_eq!(changed, 1, "only the router was changed");
}

#[test]
fn a_minute_without_api_server_changes_nothing() {
    let scene = Scene::new(Case::alone(), "apiless", 2, 1);
    let case = &scene.case;
    let load = scene.load("load", 200, 90);
    wait_connected(case, 5.0);
    let before = case.eventually("everything to be sent", Duration::from_secs(15), || {
        let before = case.metric(SENT);
        std::thread::sleep(Duration::from_secs(2));
        let now = case.metric(SENT);
        anyhow::ensure!(before > 0.0 && now == before, "{before}, then {now}");
        Ok(before)
    });
    let held = lifecycle::without_api_server(&case.cluster).unwrap();
    std::thread::sleep(Duration::from_secs(60));
    drop(held);
    case.eventually("the API server", Duration::from_secs(60), || {
        case.kubectl().raw("/readyz")
    });
    let outcome = load.outcome();
    assert_eq!(outcome.lost, 0, "{outcome:?}");
    // The load's own pod has ended meanwhile: an endpoint of nobody, so nobody is told.
    let after = case.metric(SENT);
    assert_eq!(
        after, before,
        "resources sent after the API server's return"
    );
    // And changes are seen again.
    scene.weights(0, 100);
    scene.answered_by(&["green"]);
}
