//! Where pods have no right to change their network, a CNI plugin redirects traffic as annotations tell it. Here the case
//! plays the plugin, with nothing but what the annotations say.

use std::process::Command;

use serde_json::Value;
use tulle_cluster::case::must;
use tulle_cluster::tools::Tools;

use super::ground::{Ground, SOON, between};

/// A process of a pod, by which its network is entered.
fn process_of(pod: &Value) -> String {
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes
        .filter_map(|entry| entry.file_name().into_string().ok())
        .find(|id| {
            std::fs::read_to_string(format!("/proc/{id}/cgroup"))
                .is_ok_and(|text| text.contains(uid))
        })
        .unwrap_or_else(|| panic!("no process of pod {uid}"))
}

fn play_the_plugin(pod: &Value) {
    let annotation = |name: &str| {
        let value = &pod["metadata"]["annotations"][format!("appmesh.k8s.aws/{name}")];
        value
            .as_str()
            .unwrap_or_else(|| panic!("no annotation {name}"))
            .to_owned()
    };
    assert_eq!(annotation("sidecarInjectorWebhook"), "enabled");
    assert_eq!(annotation("proxyIngressPort"), "15000");
    assert_eq!(annotation("proxyEgressPort"), "15001");
    let tools = Tools::from_environment().unwrap();
    must(
        Command::new("nsenter")
            .args(["--target", &process_of(pod), "--net"])
            .arg(tools.tulle)
            .args(["capture", "--app-ports", &annotation("ports")])
            .args(["--ignore-uid", &annotation("ignoredUID")])
            .args(["--ignore-cidrs", &annotation("egressIgnoredIPs")])
            .args(["--ignore-ports", &annotation("egressIgnoredPorts")]),
    );
}

#[test]
fn annotations_for_a_plugin() {
    let ground = Ground::new("fargate");
    for app in ["front", "blue", "green"] {
        let pod = ground.pod(app);
        let containers = pod["spec"]["initContainers"].as_array().unwrap();
        assert!(
            containers.iter().all(|one| one["name"] == "envoy"),
            "{app}: {containers:?}"
        );
        play_the_plugin(&pod);
    }
    let color = ground.question("front", 8080, "/color");
    ground.case.eventually("half of the calls each", SOON, || {
        let counts = ground.count(&color, 100);
        between(&counts, "blue", 25, 75)?;
        between(&counts, "green", 25, 75)
    });

    let clusters = ground.admin("front", "/clusters").unwrap();
    for name in [
        ground.ingress("front", "http", 8080),
        ground.egress("blue", "http", 8080),
        ground.egress("green", "http", 8080),
        "cds_egress_fargate_amazonaws".to_owned(),
    ] {
        assert!(
            clusters.contains(&format!("{name}::")),
            "{name}: {clusters}"
        );
    }
    let listeners = ground.admin("front", "/listeners").unwrap();
    for name in ["lds_ingress_0.0.0.0_15000", "lds_egress_0.0.0.0_15001"] {
        assert!(listeners.contains(name), "{listeners}");
    }
    for color in ["blue", "green"] {
        let name = format!(
            "cluster.{}.upstream_rq_200",
            ground.egress(color, "http", 8080)
        );
        assert!(ground.figure("front", &name).unwrap() >= 25);
    }
    ground.all_is_well();
}
