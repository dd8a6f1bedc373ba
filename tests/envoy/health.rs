//! Hosts that clients leave alone: those that answer with errors, and those that do not answer when asked.

use std::fmt::Write as _;
use std::time::Duration;

use tulle_tests::bed::Bed;
use tulle_tests::manifests::{document, kube_service, mesh, node, router, service};
use tulle_tests::netns::Host;
use tulle_tests::process::{output, wait_for};
use tulle_tests::sample::http_client::{Answer, Call};
use tulle_tests::sample::load::Outcome;
use tulle_tests::{programs, stats};

use crate::table::SOON;

/// A node with one more field of its listener, found by a Service with these endpoints.
fn watched(name: &str, field: &str, hosts: &[&Host]) -> String {
    let mut text = document(
        "VirtualNode",
        name,
        &format!(
            "  podSelector: {{matchLabels: {{app: {name}}}}}\n  listeners:\n  - portMapping: {{port: 8080, protocol: http}}\n    \
             {field}\n  serviceDiscovery: {{dns: {{hostname: {name}.shop.svc.cluster.local}}}}\n  \
             logging: {{accessLog: {{file: {{path: /dev/stdout, format: {{text: \"ASKED %REQ(:AUTHORITY)% %REQ(:PATH)% %REQ(USER-AGENT)%\\n\"}}}}}}}}\n"
        ),
    );
    let _ = write!(
        text,
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{ports: [{{name: a, port: 8080}}]}}\n\
         ---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: {name}-1, namespace: shop, \
         labels: {{kubernetes.io/service-name: {name}}}}}\naddressType: IPv4\nports: [{{name: a, port: 8080}}]\nendpoints:\n"
    );
    for host in hosts {
        let _ = writeln!(text, "- {{addresses: [{}]}}", host.address);
    }
    text
}

/// No retries, which would hide what a single host answers.
fn color(node: &str) -> String {
    let none = "retryPolicy: {maxRetries: 0, perRetryTimeout: {unit: s, value: 5}, httpRetryEvents: [server-error]}";
    let action =
        format!("weightedTargets: [{{virtualNodeRef: {{name: {node}}}, weight: 1, port: 8080}}]");
    router(
        "color",
        80,
        "http",
        &format!(
            "  - {{name: all, httpRoute: {{match: {{prefix: /}}, action: {{{action}}}, {none}}}}}\n"
        ),
    )
}

fn calls(client: &Host, count: usize) -> Vec<Answer> {
    let call = serde_json::json!({"id": "call", "to": "10.96.0.1:80", "host": "color.shop.svc.cluster.local"});
    let call: Call = serde_json::from_value(call).expect("a call");
    stats::play(client, &vec![call; count])
}

/// The flags of a host in Envoy's `/clusters`.
fn flags(client: &Host, of: &Host, port: u16) -> Option<String> {
    let page = stats::admin(client, "/clusters")?;
    let wanted = format!("::{}:{port}::health_flags::", of.address);
    let line = page.lines().find(|line| line.contains(&wanted))?;
    line.rsplit("::").next().map(str::to_owned)
}

fn virtual_service() -> String {
    service(
        "color",
        "color.shop.svc.cluster.local",
        "virtualRouter",
        "color",
    )
}

#[test]
fn a_host_is_ejected_after_exactly_so_many_errors_and_comes_back() {
    let mut bed = Bed::new();
    let client = bed.network.host();
    let hosts = [(); 4].map(|()| bed.network.host());
    let all: Vec<&Host> = hosts.iter().collect();
    let outlier = "outlierDetection: {maxServerErrors: 5, interval: {unit: s, value: 1}, baseEjectionDuration: {unit: s, value: 10}, maxEjectionPercent: 50}";
    let text = mesh("DROP_ALL")
        + &node("client", &[], &["color"])
        + &watched("red", outlier, &all)
        + &color("red")
        + &virtual_service();
    bed.save("mesh.yaml", &text);
    bed.serve();
    for (n, host) in hosts.iter().enumerate() {
        let failing: &[&str] = if n == 0 { &["--fail-every", "1"] } else { &[] };
        let arguments = [&["--http", "0.0.0.0:8080"], failing].concat();
        bed.application(host, &format!("red-{n}"), &arguments);
    }
    bed.sidecar(&client, "virtualnode/shop/client", &[]);
    let errors = |answers: &[Answer]| answers.iter().filter(|own| own.status != 200).count();
    // It is out at the fifth error and not before; Envoy's main thread does that, a moment after the answer.
    let flag = |n: usize| flags(&client, &hosts[n], 8080);
    for error in 1..=5 {
        assert_eq!(flag(0).as_deref(), Some("healthy"), "before error {error}");
        let tried = (1..=40).find(|_| errors(&calls(&client, 1)) == 1);
        assert!(tried.is_some(), "no error {error}");
    }
    wait_for("the host to be out", SOON, || {
        (flag(0)? == "/failed_outlier_check").then_some(())
    });
    assert_eq!(flag(1).as_deref(), Some("healthy"));
    let cluster = "cluster.cds_egress_shop_red_shop_http_8080.outlier_detection";
    let ejections = stats::stats(
        &client,
        &format!("{cluster}.ejections_(active|enforced_consecutive_5xx|enforced_total)"),
    );
    assert!(
        ejections.len() == 3 && ejections.values().all(|count| *count == 1),
        "{ejections:?}"
    );
    assert_eq!(errors(&calls(&client, 200)), 0);
    wait_for("the host to come back", Duration::from_secs(40), || {
        (flag(0)? == "healthy").then_some(())
    });
    // Envoy is not as quick the second time, in a burst.
    assert!(errors(&calls(&client, 200)) >= 5, "it is judged anew");
    wait_for("the host to be out again", SOON, || {
        (flag(0)? == "/failed_outlier_check").then_some(())
    });
    bed.assert_content();
}

const CHECK: &str =
    "healthyThreshold: 2, unhealthyThreshold: 2, intervalMillis: 5000, timeoutMillis: 2000";

#[test]
fn hosts_are_asked_at_the_port_and_path_that_their_user_names() {
    let mut bed = Bed::new();
    let client = bed.network.host();
    let hosts = [(); 3].map(|()| bed.network.host());
    let all: Vec<&Host> = hosts.iter().collect();
    let check = format!(
        "healthCheck: {{protocol: http, path: /ping, port: 8081, {CHECK}}}\n  - portMapping: {{port: 8081, protocol: http}}"
    );
    let text = mesh("DROP_ALL")
        + &node("client", &[], &["color"])
        + &watched("red", &check, &all)
        + &color("red")
        + &virtual_service();
    bed.save("mesh.yaml", &text);
    bed.serve();
    let both = ["--http", "0.0.0.0:8080", "--http", "0.0.0.0:8081"];
    bed.application(&hosts[0], "red-0", &both);
    bed.sidecar(&hosts[0], "virtualnode/shop/red", &[8080, 8081]);
    bed.application(&hosts[1], "red-1", &both);
    // serves requests and does not answer when asked whether it is well
    bed.application(&hosts[2], "red-2", &both[..2]);
    bed.sidecar(&client, "virtualnode/shop/client", &[]);
    let seen = |host: &Host| flags(&client, host, 8080);
    wait_for("the checks", Duration::from_secs(40), || {
        let healthy = |n: usize| seen(&hosts[n]).as_deref() == Some("healthy");
        (healthy(0) && healthy(1)).then_some(())
    });
    assert_eq!(seen(&hosts[2]).as_deref(), Some("/failed_active_hc"));
    let answers = calls(&client, 60);
    let names: std::collections::BTreeSet<&str> = answers
        .iter()
        .filter_map(|answer| Some(answer.seen.as_ref()?.name.as_str()))
        .collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["red-0", "red-1"]);
    assert!(answers.iter().all(|answer| answer.status == 200));
    wait_for("the question in the log", Duration::from_secs(40), || {
        let log = bed.work().join("proxy-virtualnode-shop-red/envoy.log");
        let log = std::fs::read_to_string(log).ok()?;
        log.lines()
            .any(|line| line == "ASKED red.shop.svc.cluster.local:8080 /ping Envoy/HC")
            .then_some(())
    });
    bed.assert_content();
}

#[test]
fn a_checked_destination_is_well_before_requests_go_there() {
    let mut bed = Bed::new();
    let client = bed.network.host();
    let (old, new, gone) = (bed.network.host(), bed.network.host(), bed.network.host());
    let check = format!("healthCheck: {{protocol: http, path: /, {CHECK}}}");
    let mut text = mesh("DROP_ALL") + &node("client", &[], &["color"]) + &virtual_service();
    text += &node("blue", &[(8080, "http")], &[]);
    text += &kube_service("blue", &[(8080, 8080)], old.address);
    // one of its hosts takes no connection at all: the first question runs out of time
    text += &watched("green", &check, &[&new, &gone]);
    bed.save("mesh.yaml", &text);
    bed.save("router.yaml", &color("blue"));
    bed.serve();
    bed.application(&old, "blue", &["--http", "0.0.0.0:8080"]);
    bed.application(&new, "green", &["--http", "0.0.0.0:8080"]);
    output(
        gone.command("iptables")
            .args(["-A", "INPUT", "-p", "tcp", "--dport", "8080", "-j", "DROP"]),
        b"",
    );
    bed.sidecar(&client, "virtualnode/shop/client", &[]);
    wait_for("the first answer", SOON, || {
        (calls(&client, 1)[0].status == 200).then_some(())
    });
    let mut command = client.command(programs::sample());
    let host = "color.shop.svc.cluster.local";
    command.args(["load", "--to", "10.96.0.1:80", "--host", host]);
    command.args(["--connections", "4", "--rate", "200", "--seconds", "15"]);
    let load = std::thread::spawn(move || output(&mut command, b""));
    std::thread::sleep(Duration::from_secs(1));
    bed.save("router.yaml", &color("green"));
    let printed = load.join().expect("the load ends");
    let outcome: Outcome = serde_json::from_slice(&printed).expect("JSON");
    assert_eq!(outcome.lost, 0, "{outcome:?}");
    assert!(outcome.answers["green"] > 0, "{outcome:?}");
    bed.assert_content();
}
