//! What the mesh does about servers that fail, are slow, or have too much to do.

use std::time::{Duration, Instant};

use tulle_sample::load::{self, Load, Outcome};

use super::ground::{Ground, SOON, between};

#[test]
fn retry() {
    let ground = Ground::new("retry");
    let color = ground.question("front", 8080, "/color");
    ground.answers(&color, 200, "blue");
    // App Mesh's own two retries: one in eight is lost, where half would be
    let counts = ground.count(&color, 200);
    between(&counts, "503", 6, 50).unwrap();
    let fail = |percent: u32| {
        let told = ground.ask(&ground.question("color", 8080, &format!("/fail/{percent}")));
        assert_eq!(told.status, 200, "{told:?}");
    };
    fail(10);
    between(&ground.count(&color, 200), "blue", 197, 200).unwrap();
    fail(50);
    ground.apply("then/none.yaml");
    ground.case.eventually("half of the answers", SOON, || {
        between(&ground.count(&color, 200), "503", 70, 130)
    });
    let retries = format!(
        "cluster.{}.upstream_rq_retry",
        ground.egress("color", "http", 8080)
    );
    let before = ground.figure("front", &retries).unwrap();
    assert!(before > 100, "{before}");
    ground.apply("then/four.yaml");
    ground.case.eventually("nearly all answers", SOON, || {
        between(&ground.count(&color, 200), "blue", 183, 200)
    });
    assert!(ground.figure("front", &retries).unwrap() > before);
    ground.all_is_well();
}

/// The name is one of Cloud Map, which the DNS of this cluster asks Tulle for.
#[test]
fn timeout() {
    let ground = Ground::new("timeout");
    let color = ground.question("front", 8080, "/color");
    let took = ground.case.eventually("a timeout", SOON, || {
        let started = Instant::now();
        let answer = ground.ask(&color);
        anyhow::ensure!(
            (answer.status, answer.text.as_str()) == (504, "upstream request timeout"),
            "{answer:?}"
        );
        Ok(started.elapsed().as_secs_f64())
    });
    assert!((14.5..17.0).contains(&took), "{took} s");
    ground.apply("then/sixty-seconds.yaml");
    ground
        .case
        .eventually("an answer after all", Duration::from_secs(60), || {
            let answer = ground.ask(&color);
            anyhow::ensure!(
                (answer.status, answer.text.as_str()) == (200, "blue"),
                "{answer:?}"
            );
            Ok(())
        });
    ground.all_is_well();
}

#[test]
fn outlier_detection() {
    let ground = Ground::new("outlier");
    let color = ground.question("front", 8080, "/color");
    ground.answers(&color, 200, "blue");
    let cluster = ground.egress("color", "http", 8080);
    ground.case.eventually("four endpoints", SOON, || {
        let total = format!("cluster.{cluster}.membership_total");
        anyhow::ensure!(ground.figure("front", &total)? == 4, "not yet");
        Ok(())
    });
    between(&ground.count(&color, 100), "blue", 100, 100).unwrap();
    let told = ground.ask(&ground.question("color", 8080, "/fail/100"));
    assert_eq!(told.status, 200, "{told:?}");
    // it is out at the fifth error and not before; Envoy's main thread does that, a moment after the answer
    let ejected = format!("cluster.{cluster}.outlier_detection.ejections_active");
    let flagged = || -> anyhow::Result<usize> {
        let clusters = ground.admin("front", "/clusters")?;
        let flagged = clusters.lines();
        Ok(flagged
            .filter(|line| line.contains("failed_outlier_check"))
            .count())
    };
    for error in 1..=5 {
        let before = (
            ground.figure("front", &ejected).unwrap(),
            flagged().unwrap(),
        );
        assert_eq!(before, (0, 0), "before error {error}");
        let tried = (1..=40).find(|_| ground.count(&color, 1).contains_key("500"));
        assert!(tried.is_some(), "no error {error}");
    }
    ground.case.eventually("the host to be out", SOON, || {
        let out = (ground.figure("front", &ejected)?, flagged()?);
        anyhow::ensure!(out == (1, 1), "{out:?}");
        Ok(())
    });
    between(&ground.count(&color, 100), "blue", 100, 100).unwrap();
    // it is let in again after ten seconds, and fails again
    ground
        .case
        .eventually("its return", Duration::from_secs(40), || {
            anyhow::ensure!(ground.figure("front", &ejected)? == 0, "still out");
            Ok(())
        });
    ground.all_is_well();
}

#[test]
fn connection_pools() {
    let ground = Ground::new("pools");
    ground.answers(&ground.question("ingress", 8088, "/"), 200, "red");

    let red = ground.egress("red", "http", 8080);
    let outcome = under_load(&ground, ("ingress", 8088), 10, || {
        let figure = |name: &str| ground.figure("ingress", name);
        let clients = figure("http.ingress.downstream_cx_active")?;
        let dialled = figure(&format!("cluster.{red}.upstream_cx_active"))?;
        let open = figure(&format!("cluster.{red}.circuit_breakers.default.cx_open"))?;
        // Each of Envoy's two threads may have one connection, whatever the limit says.
        anyhow::ensure!(
            clients == 10 && (5..=6).contains(&dialled) && open == 1,
            "{clients} clients, {dialled} dialled, open {open}"
        );
        Ok(())
    });
    only_overflow(&outcome);

    let green = ground.ingress("green", "http", 8080);
    let outcome = under_load(&ground, ("green", 8080), 20, || {
        let figure = |name: &str| ground.figure("green", name);
        let clients = figure("http.ingress.downstream_cx_active")?;
        let dialled = figure(&format!("cluster.{green}.upstream_cx_active"))?;
        let open = figure(&format!("cluster.{green}.circuit_breakers.default.cx_open"))?;
        anyhow::ensure!(
            clients >= 20 && (10..=11).contains(&dialled) && open == 1,
            "{clients} clients, {dialled} dialled, open {open}"
        );
        Ok(())
    });
    only_overflow(&outcome);

    // what is more than connections and queue together is turned away at once
    let turned_away = under_load(&ground, ("green", 8080), 40, || Ok(()));
    assert!(turned_away.lost > 0, "{turned_away:?}");
    only_overflow(&turned_away);
    ground.all_is_well();
}

/// What was not answered was turned away by a circuit breaker: while connections are being made, requests that wait for
/// them count as pending.
fn only_overflow(outcome: &Outcome) {
    let mut errors = outcome.errors.keys();
    let overflow = |error: &String| error.starts_with("503") && error.contains("overflow");
    assert!(errors.all(overflow), "{outcome:?}");
    assert!(outcome.requests > outcome.lost, "{outcome:?}");
}

/// Keeps so many connections busy for eleven seconds, and looks meanwhile until `look` is content.
fn under_load(
    ground: &Ground,
    (app, port): (&str, u16),
    connections: u32,
    look: impl FnMut() -> anyhow::Result<()>,
) -> Outcome {
    let load = Load {
        to: ground.address(app, port).parse().unwrap(),
        host: "shop.example.com".to_owned(),
        path: "/".to_owned(),
        connections,
        rate: 200,
        duration: Duration::from_secs(11),
    };
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(load::run(load))
        });
        std::thread::sleep(Duration::from_millis(1500));
        let what = format!("{connections} connections to {app}");
        ground.case.eventually(&what, Duration::from_secs(8), look);
        sending.join().unwrap()
    })
}
