//! What proxies tell: access logs, and figures with the names of mesh and node.

use std::net::UdpSocket;
use std::time::Duration;

use super::ground::{Ground, SOON};

#[test]
fn access_logs() {
    let ground = Ground::new("logging");
    let color = ground.question("front", 8080, "/a-path");
    ground.answers(&color, 200, "color");
    ground.case.eventually("a line of JSON", SOON, || {
        let log = ground.log("front");
        let lines: Vec<serde_json::Value> = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &serde_json::Value| line["path"] == "/a-path")
            .collect();
        // one of what came in, one of what went out
        anyhow::ensure!(lines.len() >= 2, "{log}");
        for line in &lines {
            anyhow::ensure!(line["protocol"] == "jsontest HTTP/1.1", "{line}");
            anyhow::ensure!(line["status"] == 200 || line["status"] == "200", "{line}");
        }
        Ok(())
    });
    ground.case.eventually("a line of text", SOON, || {
        let log = ground.log("color");
        let found = log.lines().any(|line| line == "texttest GET /a-path 200");
        anyhow::ensure!(found, "{log}");
        Ok(())
    });
    ground.all_is_well();
}

#[test]
fn metrics() {
    // The agent of the node, whose network the cases run in.
    let agent = UdpSocket::bind("0.0.0.0:18125").unwrap();
    agent
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let ground = Ground::new("metrics");
    let color = ground.question("front", 8080, "/color");
    ground.answers(&color, 200, "color");

    let page = ground.admin("front", "/stats/prometheus").unwrap();
    let requests: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("envoy_cluster_upstream_rq_total{"))
        .collect();
    for label in [
        "appmesh_mesh=\"metrics\"",
        "appmesh_virtual_node=\"front_metrics\"",
        "Mesh=\"metrics\"",
        "VirtualNode=\"front_metrics\"",
    ] {
        assert!(
            !requests.is_empty() && requests.iter().all(|line| line.contains(label)),
            "{label}: {requests:?}"
        );
    }
    let calls: Vec<&&str> = requests
        .iter()
        .filter(|line| line.contains("cds_egress_metrics_color_"))
        .collect();
    assert!(
        !calls.is_empty()
            && calls
                .iter()
                .all(|line| line.contains("TargetVirtualNode=\"")),
        "{requests:?}"
    );
    // the same for a scraper, who may not see more
    let scraped = ground.ask(&ground.question("front", 15090, "/stats/prometheus"));
    assert_eq!(scraped.status, 200);
    assert!(scraped.text.contains("appmesh_mesh=\"metrics\""));
    let more = ground.ask(&ground.question("front", 15090, "/config_dump"));
    assert_ne!(more.status, 200, "{more:?}");

    ground
        .case
        .eventually("figures at the node's agent", SOON, || {
            let mut bytes = [0; 65536];
            let length = agent.recv(&mut bytes)?;
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            anyhow::ensure!(
                text.starts_with("envoy.") && text.contains("appmesh.mesh:metrics"),
                "{text}"
            );
            Ok(())
        });
    ground.all_is_well();
}
