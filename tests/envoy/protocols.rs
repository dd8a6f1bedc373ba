//! http, http2, grpc and tcp through both sidecars, with every connection redirected.

use tulle_tests::bed::Bed;
use tulle_tests::manifests::{kube_service, mesh, node, router, service, targets};
use tulle_tests::{process, programs, sample::tcp};

use crate::table::{Expect, SOON, play, play_soon};

const PORTS: [(u16, &str); 4] = [
    (8080, "http"),
    (8081, "http2"),
    (8082, "grpc"),
    (5432, "tcp"),
];

#[test]
fn every_protocol_passes_two_redirected_sidecars() {
    let mut bed = Bed::new();
    let (client, server) = (bed.network.host(), bed.network.host());
    let mut text = mesh("DROP_ALL");
    text += &node("client", &[], &["web", "fast", "rpc", "db"]);
    text += &node("app", &PORTS, &[]);
    let same = PORTS.map(|(port, _)| (port, port));
    text += &kube_service("app", &same, server.address);
    for (name, (port, protocol)) in ["web", "fast", "rpc", "db"].into_iter().zip(PORTS) {
        let route = match protocol {
            "tcp" => format!("tcpRoute: {{action: {{{}}}}}", targets(&[("app", 1)])),
            "grpc" => format!(
                "grpcRoute: {{match: {{serviceName: color.Color}}, action: {{{}}}}}",
                targets(&[("app", 1)])
            ),
            _ => format!(
                "{protocol}Route: {{match: {{prefix: /}}, action: {{{}}}}}",
                targets(&[("app", 1)])
            ),
        };
        let routes = format!("  - {{name: all, {route}}}\n").replace(
            "virtualNodeRef: {name: app}",
            &format!("virtualNodeRef: {{name: app}}, port: {port}"),
        );
        text += &router(name, port, protocol, &routes);
        text += &service(
            name,
            &format!("{name}.shop.svc.cluster.local"),
            "virtualRouter",
            name,
        );
    }
    bed.save("mesh.yaml", &text);
    bed.serve();
    bed.application(
        &server,
        "app",
        &[
            "--http",
            "0.0.0.0:8080",
            "--http",
            "0.0.0.0:8081",
            "--http",
            "0.0.0.0:8082",
            "--tcp",
            "0.0.0.0:5432",
        ],
    );
    bed.sidecar(
        &server,
        "virtualnode/shop/app",
        &PORTS.map(|(port, _)| port),
    );
    bed.sidecar(&client, "virtualnode/shop/client", &[]);

    // The address means nothing: the port, then the host, choose.
    let anywhere = "10.96.7.7";
    let to = |port: u16| format!("{anywhere}:{port}").parse().expect("an address");
    play(
        &client,
        to(8080),
        "web.shop.svc.cluster.local",
        false,
        &[
            ("GET /a?b=c", &[], Expect::Path("app", "/a?b=c")),
            (
                "POST /a",
                &[("host", "WEB.shop.svc.cluster.local:8080")],
                Expect::From("app"),
            ),
            ("GET /", &[("host", "web")], Expect::Status(404)),
            (
                "GET /",
                &[("host", "fast.shop.svc.cluster.local")],
                Expect::Status(404),
            ),
        ],
    );
    play(
        &client,
        to(8081),
        "fast.shop.svc.cluster.local",
        true,
        &[
            ("GET /a?b=c", &[], Expect::Path("app", "/a?b=c")),
            (
                "GET /",
                &[("host", "web.shop.svc.cluster.local")],
                Expect::Status(404),
            ),
        ],
    );
    const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc"), ("te", "trailers")];
    play(
        &client,
        to(8082),
        "rpc.shop.svc.cluster.local",
        true,
        &[
            ("POST /color.Color/Get", GRPC, Expect::From("app")),
            // What no route takes is UNIMPLEMENTED to gRPC clients.
            ("POST /color.Other/Get", GRPC, Expect::Grpc("12")),
        ],
    );
    // A server that speaks first must not wait: if it had to, it would have to every time.
    process::wait_for("twenty connections without a wait", SOON, || {
        let printed = process::output(
            client.command(programs::sample()).args([
                "tcp",
                "--to",
                &format!("{anywhere}:5432"),
                "--count",
                "20",
            ]),
            b"",
        );
        let outcome: tcp::Outcome = serde_json::from_slice(&printed).expect("JSON");
        assert_eq!(
            (outcome.lost, outcome.answers.get("app")),
            (0, Some(&20)),
            "{outcome:?}"
        );
        (outcome.slowest_ms < 500).then_some(())
    });
    // DROP_ALL: an undeclared port is closed.
    let refused = process::output(
        client.command(programs::sample()).args([
            "tcp",
            "--to",
            &format!("{}:9999", server.address),
            "--count",
            "1",
        ]),
        b"",
    );
    let refused: tcp::Outcome = serde_json::from_slice(&refused).expect("JSON");
    assert_eq!(refused.lost, 1, "{refused:?}");
    bed.assert_content();
}

#[test]
fn egress_is_closed_or_open_as_the_mesh_says() {
    let mut bed = Bed::new();
    let (client, server) = (bed.network.host(), bed.network.host());
    let manifests = |egress: &str| {
        mesh(egress)
            + &node("client", &[], &["web"])
            + &node("app", &[(8080, "http")], &[])
            + &kube_service("app", &[(8080, 8080)], server.address)
            + &service("web", "web.shop.svc.cluster.local", "virtualNode", "app")
    };
    bed.save("mesh.yaml", &manifests("DROP_ALL"));
    bed.serve();
    bed.application(
        &server,
        "app",
        &["--http", "0.0.0.0:8080", "--tcp", "0.0.0.0:7000"],
    );
    bed.sidecar(&client, "virtualnode/shop/client", &[]);
    let there = (server.address, 8080).into();
    let other = format!("{}:7000", server.address);
    let tcp = || -> u64 {
        let printed = process::output(
            client
                .command(programs::sample())
                .args(["tcp", "--to", &other, "--count", "1"]),
            b"",
        );
        serde_json::from_slice::<tcp::Outcome>(&printed)
            .expect("JSON")
            .lost
    };
    play(
        &client,
        there,
        "web.shop.svc.cluster.local",
        false,
        &[
            ("GET /", &[], Expect::From("app")),
            ("GET /", &[("host", "outside.example")], Expect::Status(404)),
        ],
    );
    assert_eq!(tcp(), 1, "DROP_ALL lets an undeclared port through");
    bed.save("mesh.yaml", &manifests("ALLOW_ALL"));
    process::wait_for("the open egress", SOON, || (tcp() == 0).then_some(()));
    // Listeners and routes arrive each by themselves.
    play_soon(
        &client,
        there,
        "web.shop.svc.cluster.local",
        false,
        &[
            ("GET /", &[], Expect::From("app")),
            ("GET /", &[("host", "outside.example")], Expect::From("app")),
        ],
    );
    bed.assert_content();
}
