//! Weights moved under load: shares follow, nothing is lost.

use std::time::{Duration, Instant};

use tulle_tests::bed::Bed;
use tulle_tests::manifests::{kube_service, mesh, node, router, service, targets};
use tulle_tests::note::note;
use tulle_tests::process::{output, wait_for};
use tulle_tests::sample::load::Outcome;
use tulle_tests::{netns::Host, programs};

use crate::table::SOON;

/// A client, two coloured servers with sidecars, and a router between them.
pub(crate) struct Split {
    pub(crate) bed: Bed,
    pub(crate) client: Host,
}

/// The router's file with the given weights.
pub(crate) fn weights(blue: u32, green: u32) -> String {
    split(&[("blue", blue), ("green", green)])
}

/// The same with only the targets that have a weight, so that clusters come and go.
fn only_weighted(blue: u32, green: u32) -> String {
    let all = [("blue", blue), ("green", green)];
    split(
        &all.into_iter()
            .filter(|(_, weight)| *weight > 0)
            .collect::<Vec<_>>(),
    )
}

fn split(all: &[(&str, u32)]) -> String {
    let action = targets(all);
    router(
        "color",
        80,
        "http",
        &format!(
            "  - {{name: split, httpRoute: {{match: {{prefix: /}}, action: {{{action}}}}}}}\n"
        ),
    )
}

impl Split {
    pub(crate) fn new() -> Self {
        let mut bed = Bed::new();
        let client = bed.network.host();
        let mut text = mesh("DROP_ALL");
        bed.save("client.yaml", &node("client", &[], &["color"]));
        let servers = ["blue", "green"].map(|name| (name, bed.network.host()));
        for (name, host) in &servers {
            text += &node(name, &[(8080, "http")], &[]);
            text += &kube_service(name, &[(8080, 8080)], host.address);
        }
        text += &service(
            "color",
            "color.shop.svc.cluster.local",
            "virtualRouter",
            "color",
        );
        bed.save("mesh.yaml", &text);
        bed.save("router.yaml", &weights(100, 0));
        bed.serve();
        for (name, host) in &servers {
            bed.application(host, name, &["--http", "0.0.0.0:8080"]);
            bed.sidecar(host, &format!("virtualnode/shop/{name}"), &[8080]);
        }
        bed.sidecar(&client, "virtualnode/shop/client", &[]);
        wait_for("the first answer", SOON, || {
            (Self {
                bed: Bed::new(),
                client: client.clone(),
            }
            .load(0.2, 20)
            .lost
                == 0)
                .then_some(())
        });
        Self { bed, client }
    }

    /// What the control plane tells of changes.
    fn changes(&mut self) -> serde_json::Value {
        let page = self.bed.control_plane().get("/debug/changes");
        serde_json::from_str(&page.expect("the page of changes")).expect("JSON")
    }

    /// Declares the client's backends anew.
    pub(crate) fn call_also(&self, backends: &[&str]) {
        self.bed.save("client.yaml", &node("client", &[], backends));
    }

    /// Sends a load from the client's application and waits for its end.
    pub(crate) fn load(&self, seconds: f64, rate: u32) -> Outcome {
        let printed = output(&mut self.load_command(seconds, rate), b"");
        serde_json::from_slice(&printed).expect("JSON")
    }

    /// The same, to be started beside something else.
    pub(crate) fn load_command(&self, seconds: f64, rate: u32) -> std::process::Command {
        let mut command = self.client.command(programs::sample());
        command.args([
            "load",
            "--to",
            "10.96.0.1:80",
            "--host",
            "color.shop.svc.cluster.local",
            "--connections",
            "8",
        ]);
        command.args([
            "--rate",
            &rate.to_string(),
            "--seconds",
            &seconds.to_string(),
        ]);
        command
    }

    /// Runs `work` while a load goes on for `seconds`; returns the load's outcome.
    pub(crate) fn under_load(
        &mut self,
        seconds: f64,
        rate: u32,
        work: impl FnOnce(&mut Bed),
    ) -> Outcome {
        let mut command = self.load_command(seconds, rate);
        let load = std::thread::spawn(move || output(&mut command, b""));
        work(&mut self.bed);
        serde_json::from_slice(&load.join().expect("the load ends")).expect("JSON")
    }
}

#[test]
fn shares_follow_the_weights() {
    let mut split = Split::new();
    for (blue, green) in [(50, 50), (0, 100), (70, 30), (100, 0)] {
        let before = split.changes()["converged"].as_u64();
        split.bed.save("router.yaml", &weights(blue, green));
        wait_for("every proxy to take the change", SOON, || {
            (split.changes()["converged"].as_u64() > before).then_some(())
        });
        let outcome = split.load(3.0, 400);
        assert_eq!(outcome.lost, 0, "{outcome:?}");
        let total = outcome.requests as f64;
        let share = f64::from(blue) / f64::from(blue + green);
        let seen = outcome.answers.get("blue").copied().unwrap_or_default() as f64 / total;
        // Six standard deviations: one false alarm in 500 million runs.
        let tolerance = 6.0 * (share * (1.0 - share) / total).sqrt();
        assert!(
            (seen - share).abs() <= tolerance,
            "declared {share}, seen {seen} of {total}"
        );
    }
    split.bed.assert_content();
}

#[test]
fn two_hundred_changes_in_a_minute_lose_nothing() {
    let mut split = Split::new();
    let outcome = split.under_load(62.0, 300, |bed| {
        let start = Instant::now();
        for n in 0..200_u32 {
            // New shares each time; every other takes one side's cluster away altogether.
            let blue = match n % 4 {
                0 => 100,
                1 => 10 + n % 80,
                2 => 0,
                _ => 50,
            };
            bed.save("router.yaml", &only_weighted(blue, 100 - blue));
            let next = start + Duration::from_millis(300) * (n + 1);
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    });
    assert_eq!(outcome.lost, 0, "{outcome:?}");
    assert!(outcome.answers.len() == 2, "{outcome:?}");
    split.bed.assert_content();
    let changes = split.changes();
    let converged = changes["converged"].as_u64().unwrap_or_default();
    assert!(converged >= 190, "{changes}");
    let millis = |key: &str| changes[key].as_f64().unwrap_or_default();
    note(&format!(
        "200 weight changes in 60 s: {} requests, 0 lost, p99 {} us; save to last ACK: median {:.1} ms, p99 {:.1} ms",
        outcome.requests,
        outcome.p99_us,
        millis("medianMillis"),
        millis("p99Millis")
    ));
}

/// A TCP router between the two.
fn tcp_weights(all: &[(&str, u32)]) -> String {
    let action = targets(all);
    router(
        "db",
        5432,
        "tcp",
        &format!("  - {{name: split, tcpRoute: {{action: {{{action}}}}}}}\n"),
    )
}

#[test]
fn no_new_tcp_connection_fails_while_targets_come_and_go() {
    let mut bed = Bed::new();
    let client = bed.network.host();
    let mut text = mesh("DROP_ALL") + &node("client", &[], &["db"]);
    for name in ["blue", "green"] {
        let host = bed.network.host();
        text += &node(name, &[(5432, "tcp")], &[]);
        text += &kube_service(name, &[(5432, 5432)], host.address);
        bed.application(&host, name, &["--tcp", "0.0.0.0:5432"]);
    }
    text += &service("db", "db.shop.svc.cluster.local", "virtualRouter", "db");
    bed.save("mesh.yaml", &text);
    bed.save("router.yaml", &tcp_weights(&[("blue", 1)]));
    bed.serve();
    bed.sidecar(&client, "virtualnode/shop/client", &[]);
    let mut command = client.command(programs::sample());
    command.args([
        "tcp",
        "--to",
        "10.96.0.1:5432",
        "--count",
        "800",
        "--pause-ms",
        "20",
    ]);
    let connections = std::thread::spawn(move || output(&mut command, b""));
    for n in 0..40 {
        let all: &[(&str, u32)] = match n % 3 {
            0 => &[("green", 1)],
            1 => &[("blue", 1), ("green", 1)],
            _ => &[("blue", 1)],
        };
        bed.save("router.yaml", &tcp_weights(all));
        std::thread::sleep(Duration::from_millis(400));
    }
    let printed = connections.join().expect("the client ends");
    let outcome: tulle_tests::sample::tcp::Outcome =
        serde_json::from_slice(&printed).expect("JSON");
    assert_eq!(outcome.lost, 0, "{outcome:?}");
    assert_eq!(outcome.answers.len(), 2, "{outcome:?}");
    bed.assert_content();
}
