//! Rate limits of listeners: the bucket passes, what is beyond it is refused, and a new limit closes nothing.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tulle_tests::bed::Bed;
use tulle_tests::manifests::{document, kube_service, mesh, service};
use tulle_tests::netns::Host;
use tulle_tests::process::{output, wait_for};
use tulle_tests::sample::http_client::Answer;
use tulle_tests::sample::tcp;
use tulle_tests::{programs, stats};

const HOST: &str = "web.shop.svc.cluster.local";

fn limited(kind: &str, name: &str, limits: &str, spec: &str) -> String {
    let plain = document(kind, name, spec);
    let named = format!("name: {name}, namespace: shop");
    let annotated = format!("{named}, annotations: {{tulle.dev/rate-limit: '{limits}'}}");
    plain.replacen(&named, &annotated, 1)
}

fn web(limits: &str) -> String {
    limited(
        "VirtualNode",
        "web",
        limits,
        "  podSelector: {matchLabels: {app: web}}\n  listeners:\n  - portMapping: {port: 8080, protocol: http}\n  \
         - portMapping: {port: 9000, protocol: grpc}\n  - portMapping: {port: 5432, protocol: tcp}\n  \
         - portMapping: {port: 8081, protocol: http}\n  \
         serviceDiscovery: {dns: {hostname: web.shop.svc.cluster.local}}\n",
    )
}

/// Asks so many times, a connection each.
fn ask(client: &Host, to: impl Into<SocketAddr>, times: usize, grpc: bool) -> Vec<Answer> {
    let to = to.into();
    let headers = match grpc {
        true => json!({"content-type": "application/grpc", "te": "trailers"}),
        false => json!({}),
    };
    let method = if grpc { "POST" } else { "GET" };
    let call = json!({
        "id": "-", "to": to, "host": HOST, "method": method, "path": "/color.Color/Get", "headers": headers, "http2": grpc,
    });
    let call = serde_json::from_value(call).expect("a call");
    stats::play(client, &vec![call; times])
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

fn counter(host: &Host, name: &str) -> u64 {
    stats::stats(host, name).values().sum()
}

#[test]
fn what_is_beyond_the_bucket_is_refused() {
    let mut bed = Bed::new();
    let (client, edge, server) = (bed.network.host(), bed.network.host(), bed.network.host());
    let few = "[{port: 8080, requests: 1, per: 1m, burst: 3}, {port: 9000, requests: 2, per: 1h}, \
               {port: 5432, connections: 4, per: 1h}]";
    let mut rest = mesh("DROP_ALL");
    rest += &kube_service("web", &[(8080, 8080), (8081, 8081)], server.address);
    rest += &service("web", HOST, "virtualNode", "web");
    rest += &limited(
        "VirtualGateway",
        "in",
        "{requests: 5, per: 1h}",
        "  namespaceSelector: {}\n  podSelector: {}\n  listeners:\n  - portMapping: {port: 8088, protocol: http}\n",
    );
    rest += &document(
        "GatewayRoute",
        "web",
        "  httpRoute: {match: {prefix: /color}, action: {target: {port: 8081, virtualService: {virtualServiceRef: {name: web}}}}}\n",
    );
    bed.save("mesh.yaml", &rest);
    bed.save("web.yaml", &web(few));
    bed.serve();
    let listen = [
        "--http",
        "0.0.0.0:8080",
        "--http",
        "0.0.0.0:8081",
        "--http",
        "0.0.0.0:9000",
        "--tcp",
        "0.0.0.0:5432",
    ];
    bed.application(&server, "web", &listen);
    bed.sidecar(&server, "virtualnode/shop/web", &[8080, 8081, 9000, 5432]);
    bed.sidecar(&edge, "virtualgateway/shop/in", &[]);

    // The bucket is full at first, and is emptied faster than it fills.
    let answers = ask(&client, (server.address, 8080), 5, false);
    assert_eq!(statuses(&answers), [200, 200, 200, 429, 429]);
    assert_eq!(answers[4].headers["retry-after"], "60");
    assert_eq!(answers[4].text, "local_rate_limited");
    let limit = "ingress_http_8080.http_local_rate_limit.";
    assert_eq!(counter(&server, &format!("{limit}ok$")), 3);
    assert_eq!(counter(&server, &format!("{limit}rate_limited$")), 2);
    let answers = ask(&client, (server.address, 9000), 4, true);
    let grpc: Vec<_> = answers
        .iter()
        .map(|own| own.grpc_status.as_deref())
        .collect();
    assert_eq!(
        grpc,
        [Some("0"), Some("0"), Some("8"), Some("8")],
        "{answers:?}"
    );
    // A port without a limit knows of none.
    let answers = ask(&client, (server.address, 8081), 20, false);
    assert!(answers.iter().all(|own| own.status == 200), "{answers:?}");

    let mut connect = client.command(programs::sample());
    let to = format!("{}:5432", server.address);
    connect.args(["tcp", "--to", &to, "--count", "7"]);
    let printed = output(&mut connect, b"");
    let outcome: tcp::Outcome = serde_json::from_slice(&printed).expect("JSON");
    assert_eq!(
        (outcome.lost, outcome.answers["web"]),
        (3, 4),
        "{outcome:?}"
    );
    assert_eq!(
        counter(&server, "local_rate_limit.ingress_tcp_5432.rate_limited$"),
        3
    );

    let answers = ask(&client, (edge.address, 8088), 7, false);
    assert_eq!(statuses(&answers), [200, 200, 200, 200, 200, 429, 429]);

    // Another limit is a full bucket at once, by the routes alone.
    let modified = || counter(&server, "listener_manager.listener_modified$");
    let before = modified();
    let more = few.replace("requests: 1, per: 1m, burst: 3", "requests: 1000, per: 1s");
    bed.save("web.yaml", &web(&more));
    wait_for("the new limit", Duration::from_secs(10), || {
        let answers = ask(&client, (server.address, 8080), 20, false);
        answers.iter().all(|own| own.status == 200).then_some(())
    });
    assert_eq!(modified(), before, "a listener was exchanged");
    // The last limit gone, the port is as if there had never been one.
    bed.save("web.yaml", &web("[]"));
    wait_for("no limit", Duration::from_secs(10), || {
        let answers = ask(&client, (server.address, 9000), 3, true);
        answers
            .iter()
            .all(|own| own.grpc_status.as_deref() == Some("0"))
            .then_some(())
    });
    bed.assert_content();
}
