//! Routes of a VirtualRouter: by header, by weight, over HTTP/2, and by ARN.

use super::ground::{Ground, SOON, between, with};

#[test]
fn http_headers() {
    let ground = Ground::new("http-headers");
    let color = ground.question("front", 8080, "/color");
    ground.answers(&color, 200, "white");
    for (value, expected) in [
        ("blue", "blue"),
        ("a-greenish-one", "green"),
        ("red", "red"),
        ("redder", "red"),
        ("something", "yellow"),
        ("Blue", "yellow"),
    ] {
        let answer = ground.answer(&with(&color, "color_header", value), 200, expected);
        assert_eq!(answer.headers["server"], "envoy");
        assert!(answer.headers.contains_key("x-envoy-upstream-service-time"));
    }
    ground.all_is_well();
}

#[test]
fn http2() {
    let ground = Ground::new("http2");
    let color = ground.question("front", 8080, "/color");
    ground.case.eventually("a third each", SOON, || {
        let counts = ground.count(&color, 120);
        for colour in ["blue", "green", "red"] {
            between(&counts, colour, 22, 58)?;
        }
        Ok(())
    });
    let cluster = ground.egress("red", "http2", 8080);
    let http2 = ground.figure(
        "front",
        &format!("cluster.{cluster}.upstream_cx_http2_total"),
    );
    assert!(http2.unwrap() > 0);
    let checked = format!("cluster.{cluster}.health_check.success");
    ground.case.eventually("a health check", SOON, || {
        anyhow::ensure!(ground.figure("front", &checked)? > 0, "none yet");
        Ok(())
    });
    let clusters = ground.admin("front", "/clusters").unwrap();
    let healthy =
        |line: &str| line.starts_with(&cluster) && line.ends_with("health_flags::healthy");
    assert!(clusters.lines().any(healthy), "{clusters}");
    ground.apply("then/only-red.yaml");
    ground.case.eventually("red alone", SOON, || {
        between(&ground.count(&color, 30), "red", 30, 30)
    });
    ground.all_is_well();
}

#[test]
fn djapp() {
    let ground = Ground::new("djapp");
    let metal = ground.question("dj", 9080, "/metal");
    let jazz = ground.question("dj", 9080, "/jazz");
    ground.answers(&metal, 200, "metal-v");
    ground.answers(&jazz, 200, "jazz-v");
    ground
        .case
        .eventually("a twentieth of the calls", SOON, || {
            let counts = ground.count(&metal, 200);
            between(&counts, "metal-v1", 170, 199)?;
            between(&counts, "metal-v2", 1, 30)
        });
    ground.apply("then/half.yaml");
    for (question, new) in [(&metal, "metal-v2"), (&jazz, "jazz-v2")] {
        ground.case.eventually("half of the calls", SOON, || {
            between(&ground.count(question, 100), new, 32, 68)
        });
    }
    ground.all_is_well();
}

#[test]
fn cross_cluster() {
    let ground = Ground::new("cross-cluster");
    let color = ground.question("front", 8080, "/color");
    ground.answers(&color, 200, "red");
    ground.all_is_well();
    let mesh = ground.case.get("mesh.appmesh.k8s.aws cross-cluster");
    assert_eq!(mesh["spec"]["meshOwner"], "111122223333");
    let arn = mesh["status"]["meshARN"].as_str().unwrap();
    assert!(arn.ends_with(":mesh/cross-cluster"), "{arn}");
}
