//! TLS that manifests ask for: from files of Secrets, in one direction and in both, and from an SDS server of the node.

use std::time::Duration;

use super::certificates::{Authority, secret};
use super::ground::{Ground, SOON, with};

/// Two authorities, and Secrets for front, blue (of the first) and green (of the second).
fn certificates(ground: &Ground) {
    let ns = ground.ns;
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let bundle = format!("{}{}", one.pem, two.pem);
    let mut manifest = String::new();
    for (app, authority) in [("front", &one), ("blue", &one), ("green", &two)] {
        let (certificate, key) = authority.issue(&format!("{app}.{ns}.svc.cluster.local"));
        let files = [
            (format!("{app}_cert_chain.pem"), &certificate),
            (format!("{app}_key.pem"), &key),
            ("ca_1_cert.pem".to_owned(), &one.pem),
            ("ca_1_ca_2_bundle.pem".to_owned(), &bundle),
        ];
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, content)| (name.as_str(), content.as_str()))
            .collect();
        manifest += &secret(ns, app, &files);
    }
    ground.case.apply(&manifest);
}

fn handshakes(ground: &Ground, color: &str) -> anyhow::Result<u64> {
    let cluster = ground.egress(color, "http", 8080);
    ground.figure("front", &format!("cluster.{cluster}.ssl.handshake"))
}

#[test]
fn tls_from_files() {
    let ground = Ground::before("tls-file");
    ground.apply("mesh.yaml");
    certificates(&ground);
    ground.apply("");
    ground.ready("tls-file");
    let blue = ground.question("front", 8080, "/color");
    let green = with(&blue, "color_header", "green");
    ground.answers(&blue, 200, "blue");
    assert!(handshakes(&ground, "blue").unwrap() > 0);
    let served = ground.figure("blue", "listener.0.0.0.0_15000.ssl.handshake");
    assert!(served.unwrap() > 0);
    assert!(
        ground
            .admin("blue", "/certs")
            .unwrap()
            .contains("blue.tls-file.svc.cluster.local")
    );

    ground.answers(&green, 503, "upstream connect error");
    let failed = format!(
        "cluster.{}.ssl.fail_verify_error",
        ground.egress("green", "http", 8080)
    );
    ground.counted(&green, "front", &failed);

    // STRICT: nobody is served in plaintext
    let plain = ground.ask(&ground.question("blue", 8080, "/"));
    assert_eq!(plain.status, 0, "{plain:?}");

    ground.apply("then/bundle.yaml");
    ground.answers(&green, 200, "green");
    ground.answers(&blue, 200, "blue");
    ground.all_is_well();
}

#[test]
fn tls_of_acm_without_aws() {
    let ground = Ground::new("tls-acm");
    let blue = ground.question("front", 8080, "/color");
    ground.answers(&blue, 200, "blue");
    assert!(handshakes(&ground, "blue").unwrap() > 0);
    let served = ground.figure("blue", "listener.0.0.0.0_15000.ssl.handshake");
    assert!(served.unwrap() > 0);
    let plain = ground.ask(&ground.question("blue", 8080, "/"));
    assert_eq!(plain.status, 0, "{plain:?}");
    // who asks for TLS never gets less
    ground.answers(&with(&blue, "color_header", "green"), 503, "");
    ground.case.eventually("the node to tell", SOON, || {
        let describes = ground.case.run("describe virtualnode blue -n tls-acm");
        let told = describes.contains("ACM") || describes.contains("acm");
        anyhow::ensure!(told, "{describes}");
        Ok(())
    });
    ground.all_is_well();
}

#[test]
fn a_file_that_is_missing_takes_no_other_port_along() {
    let ground = Ground::new("tls-missing");
    let plain = ground.question("front", 8080, "/plain");
    ground.answers(&plain, 200, "blue on 8090");
    ground.answers(&ground.question("front", 8080, "/blue"), 503, "");
    ground.case.eventually("the node to tell", SOON, || {
        let node = ground.case.get("virtualnode blue -n tls-missing");
        let told = node["status"].to_string();
        anyhow::ensure!(told.contains("blue_cert_chain.pem"), "{told}");
        Ok(())
    });
    ground.answers(&plain, 200, "blue on 8090");
}

#[test]
fn mutual_tls_from_files() {
    let ground = Ground::before("mtls-file");
    ground.apply("mesh.yaml");
    certificates(&ground);
    ground.apply("");
    ground.ready("mtls-file");
    let blue = ground.question("front", 8080, "/color");
    let green = with(&blue, "color_header", "green");
    let red = with(&blue, "color_header", "red");
    ground.answers(&blue, 200, "blue");
    assert!(handshakes(&ground, "blue").unwrap() > 0);
    let shown = |name: &str| ground.figure("blue", &format!("listener.0.0.0.0_15000.ssl.{name}"));
    assert!(shown("handshake").unwrap() > 0);
    assert_eq!(shown("no_certificate").unwrap(), 0);

    ground.answers(&green, 503, "");
    let failed = format!(
        "cluster.{}.ssl.fail_verify_error",
        ground.egress("green", "http", 8080)
    );
    ground.counted(&green, "front", &failed);

    // red has no TLS: its health checks fail, and so does every call
    ground.answers(&red, 503, "");
    let cluster = ground.egress("red", "http", 8080);
    ground.case.eventually("red to be unhealthy", SOON, || {
        let clusters = ground.admin("front", "/clusters")?;
        let found = clusters
            .lines()
            .any(|line| line.starts_with(&cluster) && line.contains("/failed_active_hc"));
        anyhow::ensure!(found, "{clusters}");
        Ok(())
    });

    ground.apply("then/bundle.yaml");
    ground.answers(&green, 200, "green");
    ground.answers(&blue, 200, "blue");
    ground.all_is_well();
}

#[test]
fn mutual_tls_from_an_sds_server() {
    let ground = Ground::before("mtls-sds");
    // A field that never was is no more than warned of where kubectl is told so.
    ground.case.run(&format!(
        "apply --validate=warn -f {}",
        ground.file("mesh.yaml").display()
    ));
    ground.apply("node-agent.yaml");
    ground.ready("mtls-sds");
    ground.apply("pods.yaml");
    ground.ready("mtls-sds");
    let blue = ground.question("front", 8080, "/color");
    let red = with(&blue, "color_header", "red");
    let green = with(&blue, "color_header", "green");
    ground.answers(&blue, 200, "blue");
    ground.answers(&red, 200, "red");
    ground.answers(&green, 503, "");
    assert!(handshakes(&ground, "blue").unwrap() > 0);
    assert!(handshakes(&ground, "red").unwrap() > 0);
    assert_eq!(handshakes(&ground, "green").unwrap(), 0);
    let clusters = ground.admin("front", "/clusters").unwrap();
    assert!(
        clusters
            .lines()
            .any(|line| line.starts_with("static_cluster_sds_unix_socket::")
                && line.ends_with("health_flags::healthy")),
        "{clusters}"
    );
    let certs = |app: &str| ground.admin(app, "/certs").unwrap();
    assert!(certs("blue").contains("spiffe://mtls-sds/blue"));
    assert!(certs("front").contains("spiffe://mtls-sds/front"));
    assert!(!certs("green").contains("spiffe://mtls-sds/green"));

    let registered = ground.ask(&ground.question("agent", 8080, "/register/green"));
    assert_eq!(registered.status, 200, "{registered:?}");
    ground
        .case
        .eventually("green's certificate", Duration::from_secs(30), || {
            let answer = ground.ask(&green);
            anyhow::ensure!(
                (answer.status, answer.text.as_str()) == (200, "green"),
                "{answer:?}"
            );
            Ok(())
        });
    assert!(certs("green").contains("spiffe://mtls-sds/green"));
    ground.all_is_well();
}
