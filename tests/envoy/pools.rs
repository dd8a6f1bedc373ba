//! Connection pools overflow where their user says, and nowhere else; the access log tells which requests they were.

use std::time::Duration;

use tulle_tests::bed::Bed;
use tulle_tests::manifests::{document, kube_service, mesh, node, service};
use tulle_tests::netns::Host;
use tulle_tests::process::{output, wait_for};
use tulle_tests::sample::load::Outcome;
use tulle_tests::{programs, stats};

/// Sends more than the pool takes and looks, meanwhile, at the gauges of one cluster.
fn overload(client: &Host, to: &str, watched: &Host, cluster: &str) -> (Outcome, u64, bool) {
    let mut command = client.command(programs::sample());
    let host = "web.shop.svc.cluster.local";
    command.args(["load", "--to", to, "--host", host, "--connections", "8"]);
    command.args(["--rate", "100", "--seconds", "3"]);
    let load = std::thread::spawn(move || output(&mut command, b""));
    let (mut most, mut open) = (0, false);
    while !load.is_finished() {
        std::thread::sleep(Duration::from_millis(100));
        let gauges = stats::stats(watched, &format!("{cluster}.*(cx_open|upstream_cx_active)"));
        let gauge = |name: &str| {
            let found = gauges.iter().find(|(own, _)| own.ends_with(name));
            found.map(|(_, value)| *value).unwrap_or_default()
        };
        most = most.max(gauge("upstream_cx_active"));
        open |= gauge("default.cx_open") == 1;
    }
    let printed = load.join().expect("the load ends");
    let outcome = serde_json::from_slice(&printed).expect("JSON");
    (outcome, most, open)
}

fn counter(host: &Host, name: &str) -> u64 {
    let found = stats::stats(host, name);
    found.values().sum()
}

#[test]
fn a_node_takes_no_more_than_its_pool() {
    let mut bed = Bed::new();
    let (client, server) = (bed.network.host(), bed.network.host());
    let mut text = mesh("DROP_ALL") + &node("client", &[], &["web"]);
    text += &document(
        "VirtualNode",
        "web",
        "  podSelector: {matchLabels: {app: web}}\n  listeners:\n  - portMapping: {port: 8080, protocol: http}\n    \
         connectionPool: {http: {maxConnections: 2, maxPendingRequests: 1}}\n  \
         serviceDiscovery: {dns: {hostname: web.shop.svc.cluster.local}}\n  \
         logging: {accessLog: {file: {path: /dev/stdout, format: {text: \"LINE %RESPONSE_CODE% %RESPONSE_FLAGS%\\n\"}}}}\n",
    );
    text += &kube_service("web", &[(8080, 8080)], server.address);
    text += &service("web", "web.shop.svc.cluster.local", "virtualNode", "web");
    bed.save("mesh.yaml", &text);
    bed.serve();
    bed.application(
        &server,
        "web",
        &["--http", "0.0.0.0:8080", "--delay-ms", "300"],
    );
    bed.sidecar(&server, "virtualnode/shop/web", &[8080]);
    bed.sidecar(&client, "virtualnode/shop/client", &[]);
    let cluster = "cluster.cds_ingress_shop_web_shop_http_8080";
    let (outcome, most, open) = overload(&client, "10.96.0.1:8080", &server, cluster);
    assert!(
        outcome.lost > 0 && outcome.answers["web"] > 0,
        "{outcome:?}"
    );
    assert!(most <= 2 && open, "{most} connections, open {open}");
    assert!(counter(&server, &format!("{cluster}.upstream_cx_overflow")) > 0);
    assert!(counter(&server, &format!("{cluster}.upstream_rq_pending_overflow")) > 0);
    let lines = wait_for("lines of the log", Duration::from_secs(40), || {
        let log = bed.work().join("proxy-virtualnode-shop-web/envoy.log");
        let log = std::fs::read_to_string(log).ok()?;
        let lines = log.lines().filter_map(|line| line.strip_prefix("LINE "));
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        (lines.len() as u64 >= outcome.requests).then_some(lines)
    });
    let of = |kind: &str| lines.iter().filter(|line| *line == kind).count() as u64;
    assert_eq!(of("200 -"), outcome.answers["web"], "{outcome:?}");
    assert!(of("503 UO") >= outcome.lost, "{outcome:?}");
    bed.assert_content();
}

#[test]
fn a_gateway_sends_no_more_than_its_pool() {
    let mut bed = Bed::new();
    let (client, edge, server) = (bed.network.host(), bed.network.host(), bed.network.host());
    let mut text = mesh("DROP_ALL") + &node("web", &[(8080, "http")], &[]);
    text += &kube_service("web", &[(8080, 8080)], server.address);
    text += &service("web", "web.shop.svc.cluster.local", "virtualNode", "web");
    text += &document(
        "VirtualGateway",
        "in",
        "  namespaceSelector: {}\n  podSelector: {}\n  listeners:\n  - portMapping: {port: 8088, protocol: http}\n    \
         connectionPool: {http: {maxConnections: 3, maxPendingRequests: 1}}\n",
    );
    text += &document(
        "GatewayRoute",
        "web",
        "  httpRoute: {match: {prefix: /}, action: {target: {virtualService: {virtualServiceRef: {name: web}}}}}\n",
    );
    bed.save("mesh.yaml", &text);
    bed.serve();
    bed.application(
        &server,
        "web",
        &["--http", "0.0.0.0:8080", "--delay-ms", "300"],
    );
    bed.sidecar(&edge, "virtualgateway/shop/in", &[]);
    let cluster = "cluster.cds_egress_shop_web_shop_http_8080";
    let to = format!("{}:8088", edge.address);
    let (outcome, most, open) = overload(&client, &to, &edge, cluster);
    assert!(
        outcome.lost > 0 && outcome.answers["web"] > 0,
        "{outcome:?}"
    );
    assert!(most <= 3 && open, "{most} connections, open {open}");
    assert!(counter(&edge, &format!("{cluster}.upstream_rq_pending_overflow")) > 0);
    bed.assert_content();
}
