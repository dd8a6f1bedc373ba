//! The SDS server of every node, named once in the settings: every pod has its socket but those that say no, gateways too.

use std::time::Duration;

use serde_json::Value;
use tulle_cluster::case::{Case, must};
use tulle_cluster::tools::Tools;
use tulle_cluster::tulle::{self, NAMESPACE, RELEASE};

use super::ground::{Ground, SOON, with};

const NAME: &str = "sds-setting";
const SERVER: &str = "static_cluster_sds_unix_socket::";

/// The chart's setting, as long as this lives.
struct Setting<'a>(&'a Case);

impl<'a> Setting<'a> {
    fn on(case: &'a Case) -> Self {
        let setting = Self(case);
        setting.set("true", &format!("/run/spire/{NAME}/agent.sock"));
        setting
    }

    fn set(&self, enabled: &str, socket: &str) {
        let chart = Tools::from_environment().unwrap().checkout;
        let mut command = tulle::helm(&self.0.cluster);
        command
            .args(["upgrade", RELEASE])
            .arg(chart.join("deploy/helm/tulle"))
            .args(["--namespace", NAMESPACE, "--reuse-values"])
            .args(["--set", &format!("config.injection.sds.enabled={enabled}")])
            .args(["--set", &format!("config.injection.sds.udsPath={socket}")]);
        must(&mut command);
        let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "probe", "namespace": NAME, "labels": {"app": "front"}},
            "spec": {"containers": [{"name": "app", "image": "app"}]}});
        let file = self.0.cluster.path("sds-setting-probe.json");
        std::fs::write(&file, pod.to_string()).unwrap();
        // Every replica takes it up by itself, and which of them is asked is chance.
        self.0.eventually("the setting to be in use", SOON, || {
            for _ in 0..6 {
                let command = format!("create --dry-run=server -o json -f {}", file.display());
                let made: Value = serde_json::from_str(&self.0.kubectl().run(&command)?)?;
                let volumes = made["spec"]["volumes"].to_string();
                let there = volumes.contains("appmesh-sds-socket-volume");
                anyhow::ensure!(there.to_string() == enabled, "{volumes}");
            }
            Ok(())
        });
    }
}

impl Drop for Setting<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return self.set("false", "/run/spire/sockets/agent.sock");
        }
        let _ = self
            .0
            .kubectl()
            .inside("helm")
            .args(["rollback", RELEASE, "-n", NAMESPACE])
            .output();
    }
}

fn serial(ground: &Ground, app: &str) -> anyhow::Result<String> {
    let page: Value = serde_json::from_str(&ground.admin(app, "/certs")?)?;
    let all = page["certificates"].as_array().cloned().unwrap_or_default();
    let ours = all
        .iter()
        .flat_map(|one| one["cert_chain"].as_array().into_iter().flatten());
    let name = format!("spiffe://{NAME}/{app}");
    let own = ours.filter(|one| one.to_string().contains(&name));
    let serials: Vec<&str> = own
        .filter_map(|one| one["serial_number"].as_str())
        .collect();
    anyhow::ensure!(!serials.is_empty(), "{page}");
    Ok(serials.concat())
}

#[test]
fn an_sds_server_by_the_settings() {
    let ground = Ground::alone(NAME);
    ground.apply("mesh.yaml");
    ground.apply("node-agent.yaml");
    ground.ready(NAME);
    let _setting = Setting::on(&ground.case);
    ground.apply("pods.yaml");
    ground.ready(NAME);

    let blue = ground.question("front", 8080, "/color");
    ground.answers(&blue, 200, "blue");
    ground.answers(&ground.question("ingress-gw", 8088, "/"), 200, "blue");
    for app in ["front", "ingress-gw"] {
        let cluster = ground.egress("blue", "http", 8080);
        let handshakes = ground.figure(app, &format!("cluster.{cluster}.ssl.handshake"));
        assert!(handshakes.unwrap() > 0, "{app}");
        assert!(ground.admin(app, "/clusters").unwrap().contains(SERVER));
    }

    // whoever says no has no certificate; what needs none is served
    ground.answers(&with(&blue, "color_header", "green"), 503, "");
    ground.answers(&ground.question("green", 8090, "/"), 200, "green");
    assert!(!ground.admin("green", "/clusters").unwrap().contains(SERVER));
    let volumes = ground.pod("green")["spec"]["volumes"].to_string();
    assert!(!volumes.contains("hostPath"), "{volumes}");

    // a server that starts anew makes its socket anew, and is found
    let before = serial(&ground, "front").unwrap();
    let agent = format!("deployment/agent -n {NAME}");
    ground.case.run(&format!("rollout restart {agent}"));
    ground
        .case
        .run(&format!("rollout status {agent} --timeout=60s"));
    for app in ["front", "blue", "ingress-gw"] {
        let connected = format!("sds.spiffe_{NAME}/{app}.control_plane.connected_state");
        let what = format!("{app} to find the server again");
        ground.case.eventually(&what, Duration::from_secs(60), || {
            anyhow::ensure!(ground.figure(app, &connected)? == 1, "not connected");
            Ok(())
        });
    }
    ground.case.eventually("a new certificate", SOON, || {
        anyhow::ensure!(serial(&ground, "front")? != before, "still {before}");
        Ok(())
    });
    ground.answers(&blue, 200, "blue");
    ground.all_is_well();
}
