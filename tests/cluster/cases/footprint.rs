//! What the control plane costs at rest with a hundred pods, and how soon a change is everywhere.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;
use tulle_cluster::case::Case;
use tulle_cluster::note::note;
use tulle_cluster::run::NODE;
use tulle_cluster::tulle::NAMESPACE;

use crate::scene::Scene;

/// CPU in nanoseconds so far, and working set and resident set in bytes, of each replica by name: the kubelet's own
/// figures, whose order is never the same.
fn usage(case: &Case) -> anyhow::Result<BTreeMap<String, (u64, u64, u64)>> {
    let summary = format!("/api/v1/nodes/{NODE}/proxy/stats/summary");
    let summary = case.kubectl().raw(&summary)?;
    let summary: Value = serde_json::from_str(&summary)?;
    let pods = summary["pods"].as_array().context("pods")?;
    pods.iter()
        .filter(|pod| pod["podRef"]["namespace"] == NAMESPACE)
        .map(|pod| {
            let number = |value: &Value| value.as_u64().context("a figure");
            let name = pod["podRef"]["name"].as_str().context("a name")?.to_owned();
            let figures = (
                number(&pod["cpu"]["usageCoreNanoSeconds"])?,
                number(&pod["memory"]["workingSetBytes"])?,
                number(&pod["memory"]["rssBytes"])?,
            );
            Ok((name, figures))
        })
        .collect()
}

#[test]
fn at_rest_with_a_hundred_pods() {
    let scene = Scene::new(Case::alone(), "footprint", 49, 50);
    let case = &scene.case;
    case.eventually("a hundred streams", Duration::from_secs(60), || {
        let streams = case.metric("tulle_xds_streams");
        anyhow::ensure!(streams >= 100.0, "{streams} streams");
        Ok(())
    });
    scene.answered_by(&["blue"]);
    let applied = Instant::now();
    let accepted = || case.metric("tulle_mesh_convergence_seconds_count");
    let before = accepted();
    scene.weights(0, 100);
    case.eventually("the last proxy to accept", Duration::from_secs(20), || {
        let now = accepted();
        anyhow::ensure!(now > before, "{now} changes accepted everywhere");
        Ok(())
    });
    note(&format!(
        "footprint: with 100 pods, from kubectl apply until the last proxy's acceptance was seen: {:.2} s",
        applied.elapsed().as_secs_f64()
    ));
    scene.answered_by(&["green"]);
    // Let everything settle, then look twice.
    std::thread::sleep(Duration::from_secs(20));
    let first = case.eventually("the kubelet's figures", Duration::from_secs(60), || {
        let usage = usage(case)?;
        anyhow::ensure!(usage.len() == case.metrics().len(), "{usage:?}");
        Ok(usage)
    });
    let started = Instant::now();
    std::thread::sleep(Duration::from_secs(40));
    let second = usage(case).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let names = |all: &BTreeMap<String, _>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&first), names(&second), "a replica was replaced");
    assert!(!second.is_empty(), "no figures");
    for (n, (before, after)) in first.values().zip(second.values()).enumerate() {
        let cpu = (after.0 - before.0) as f64 / 1e6 / seconds;
        note(&format!(
            "footprint: replica {n} at rest with 100 pods: {:.1} MiB resident, {:.1} MiB working set, {cpu:.1} millicores",
            after.2 as f64 / 1048576.0,
            after.1 as f64 / 1048576.0,
        ));
        assert!(after.2 < 128 << 20, "{} bytes resident", after.2);
    }
}
