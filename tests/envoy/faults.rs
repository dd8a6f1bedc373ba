//! What must not be felt: a control plane killed under load, and broken manifests.

use std::time::Duration;

use tulle_tests::bed::Bed;
use tulle_tests::manifests::{document, kube_service, mesh, node, service};
use tulle_tests::process::wait_for;
use tulle_tests::stats;

use crate::table::{Expect, SOON, play, play_soon};
use crate::weights::{Split, weights};

#[test]
fn a_killed_control_plane_is_not_felt_and_resends_nothing() {
    let mut split = Split::new();
    let client = split.client.clone();
    let updates = move || stats::stats(&client, "update_success|version_text|update_rejected");
    let before = updates();
    let outcome = split.under_load(14.0, 300, |bed| {
        for _ in 0..2 {
            std::thread::sleep(Duration::from_secs(2));
            bed.control_plane().kill();
            std::thread::sleep(Duration::from_secs(2));
            bed.control_plane().restart();
        }
        wait_for("every proxy to come back", SOON, || {
            let page = bed.control_plane().get("/debug/proxies")?;
            let page: serde_json::Value = serde_json::from_str(&page).ok()?;
            (page["streams"].as_array()?.len() == 3).then_some(())
        });
        let metrics = bed.control_plane().get("/metrics").expect("metrics");
        let sent = metrics
            .lines()
            .filter(|line| line.starts_with("tulle_xds_resources_sent_total"))
            .map(|line| {
                line.rsplit(' ')
                    .next()
                    .and_then(|n| n.parse::<f64>().ok())
                    .unwrap_or(1.0)
            })
            .sum::<f64>();
        assert!(metrics.contains("tulle_xds_streams"), "{metrics}");
        assert_eq!(sent, 0.0, "resources were sent again:\n{metrics}");
    });
    assert_eq!(outcome.lost, 0, "{outcome:?}");
    assert_eq!(before, updates(), "an Envoy was sent something");
    // And it still takes changes.
    split.bed.save("router.yaml", &weights(0, 100));
    wait_for("green alone", SOON, || {
        let answers = split.load(0.5, 100).answers;
        (answers.keys().collect::<Vec<_>>() == ["green"]).then_some(())
    });
    split.bed.assert_content();
}

/// A corruption: file, what is saved there, what has to be said about it.
type Corruption = (&'static str, String, &'static str);

fn corruptions() -> Vec<Corruption> {
    let good = weights(50, 50);
    let edit = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    vec![
        ("router.yaml", format!("{good}\n  - ]["), "router.yaml"),
        ("router.yaml", edit("weight: 50", "weight: many"), "weight"),
        ("router.yaml", edit("weight: 50", "weight: 500"), "weight"),
        ("router.yaml", edit("name: green", "name: nowhere"), "nowhere"),
        ("router.yaml", edit("prefix: /", "prefix: slash"), "prefix"),
        ("router.yaml", edit("port: 80,", "port: 80000,"), "port"),
        ("router.yaml", edit("protocol: http", "protocol: smtp"), "protocol"),
        ("router.yaml", edit("match: {prefix: /}", "match: {path: {regex: '(?=x)'}}"), "regex"),
        ("router.yaml", edit("match: {prefix: /}", "match: {}"), "refix"),
        ("router.yaml", "a".repeat(10 << 20), "router.yaml"),
        ("router.yaml", "\u{0}\u{1}\u{2}".to_owned(), "router.yaml"),
        ("router.yaml", edit("kind: VirtualRouter", "kind: [VirtualRouter]"), "router.yaml"),
        ("router.yaml", edit("  routes:", "\troutes:"), "router.yaml"),
        ("router.yaml", format!("{good}{}", good.replace("50", "1")), "VirtualRouter"),
        ("extra.yaml", edit("name: color", "name: other").replace("name: blue", "name: other"), "other"),
        ("extra.yaml", "apiVersion: appmesh.k8s.aws/v1beta2\nkind: Mesh\nmetadata: {name: shop}\nspec: {}\n".to_owned(), "Mesh"),
        ("extra.yaml", "apiVersion: appmesh.k8s.aws/v1beta2\nkind: VirtualNode\nmetadata: {name: loose, namespace: nowhere}\nspec: {}\n".to_owned(), "mesh"),
        ("extra.yaml", "apiVersion: appmesh.k8s.aws/v1beta2\nkind: VirtualService\nmetadata: {name: copy, namespace: shop}\nspec: {awsName: color.shop.svc.cluster.local, provider: {virtualNode: {virtualNodeRef: {name: green}}}}\n".to_owned(), "copy"),
        ("extra.yaml", "a: &a [*a, *a]\n".to_owned(), "extra.yaml"),
        ("extra.yaml", "apiVersion: appmesh.k8s.aws/v1beta2\nkind: GatewayRoute\nmetadata: {name: lost, namespace: shop}\nspec: {httpRoute: {match: {prefix: /}, action: {target: {virtualService: {virtualServiceRef: {name: color}}}}}}\n".to_owned(), "gateway"),
    ]
}

#[test]
fn twenty_corruptions_are_told_and_touch_nobody_else() {
    let mut split = Split::new();
    split.bed.save("router.yaml", &weights(50, 50));
    // A bystander, which no corruption is about: a service of its own, called by the same client.
    split.bed.save(
        "bystander.yaml",
        &service(
            "still",
            "still.shop.svc.cluster.local",
            "virtualNode",
            "green",
        ),
    );
    split.call_also(&["color", "still"]);
    let call = serde_json::json!({"id": "still", "to": "10.96.0.1:8080", "host": "still.shop.svc.cluster.local"});
    let call = [serde_json::from_value(call).expect("a call")];
    wait_for("the bystander", SOON, || {
        stats::play(&split.client, &call)[0]
            .seen
            .is_some()
            .then_some(())
    });
    let all = corruptions();
    assert_eq!(all.len(), 20);
    let mut calls = split.client.command(tulle_tests::programs::sample());
    calls.args([
        "load",
        "--to",
        "10.96.0.1:8080",
        "--host",
        "still.shop.svc.cluster.local",
    ]);
    calls.args(["--connections", "4", "--rate", "100", "--seconds", "38"]);
    let bystander = std::thread::spawn(move || tulle_tests::process::output(&mut calls, b""));
    let outcome = split.under_load(40.0, 200, |bed| {
        for (n, (file, text, told)) in all.iter().enumerate() {
            bed.save(file, text);
            let page = wait_for(&format!("a word on corruption {n} ({told})"), SOON, || {
                let findings = bed.control_plane().get("/debug/findings")?;
                findings.contains(told).then_some(findings)
            });
            assert!(page.contains("message"), "{page}");
            bed.save("router.yaml", &weights(50, 50));
            bed.save("extra.yaml", "");
            wait_for(&format!("corruption {n} to be mended"), SOON, || {
                let findings = bed.control_plane().get("/debug/findings")?;
                let findings: serde_json::Value = serde_json::from_str(&findings).ok()?;
                let empty = |key: &str| findings[key].as_array().is_some_and(Vec::is_empty);
                (empty("findings") && empty("problems") && empty("refusals")).then_some(())
            });
        }
    });
    let bystander: tulle_tests::sample::load::Outcome =
        serde_json::from_slice(&bystander.join().expect("the load ends")).expect("JSON");
    assert_eq!(bystander.lost, 0, "{bystander:?}");
    // On the corrupted router itself a request may find no route while the user's own text says so; nothing
    // else may happen to it.
    let lost: u64 = outcome
        .errors
        .iter()
        .filter(|(error, _)| !error.starts_with("404"))
        .map(|(_, n)| n)
        .sum();
    assert_eq!(lost, 0, "{outcome:?}");
    assert!(
        split
            .bed
            .control_plane()
            .log()
            .lines()
            .all(|line| !line.contains("panicked"))
    );
    split.bed.assert_content();
}

#[test]
fn services_that_call_each_other_are_no_fault() {
    let mut bed = Bed::new();
    let (one, two) = (bed.network.host(), bed.network.host());
    let mut text = mesh("DROP_ALL");
    for (name, other, host) in [("one", "two", &one), ("two", "one", &two)] {
        text += &node(name, &[(8080, "http")], &[other, name]);
        text += &kube_service(name, &[(8080, 8080)], host.address);
        text += &service(
            name,
            &format!("{name}.shop.svc.cluster.local"),
            "virtualNode",
            name,
        );
    }
    bed.save("mesh.yaml", &text);
    bed.serve();
    for (name, host) in [("one", &one), ("two", &two)] {
        bed.application(host, name, &["--http", "0.0.0.0:8080"]);
        bed.sidecar(host, &format!("virtualnode/shop/{name}"), &[8080]);
    }
    let to = "10.96.0.1:8080".parse().expect("an address");
    play(
        &one,
        to,
        "two.shop.svc.cluster.local",
        false,
        &[("GET /", &[], Expect::From("two"))],
    );
    play(
        &two,
        to,
        "one.shop.svc.cluster.local",
        false,
        &[("GET /", &[], Expect::From("one"))],
    );
    play(
        &one,
        to,
        "one.shop.svc.cluster.local",
        false,
        &[("GET /", &[], Expect::From("one"))],
    );
    let findings = bed
        .control_plane()
        .get("/debug/findings")
        .expect("the page");
    assert!(findings.contains("\"findings\":[]"), "{findings}");
    bed.assert_content();
}

#[test]
fn what_a_real_envoy_refuses_is_told_on_its_object_and_harms_no_other() {
    let mut bed = Bed::new();
    let (client, edge, app) = (bed.network.host(), bed.network.host(), bed.network.host());
    let gateway = |ports: &[u16]| {
        let listeners: String = ports
            .iter()
            .map(|port| format!("  - portMapping: {{port: {port}, protocol: http}}\n"))
            .collect();
        let spec =
            format!("  namespaceSelector: {{}}\n  podSelector: {{}}\n  listeners:\n{listeners}");
        document("VirtualGateway", "in", &spec)
    };
    let text = mesh("DROP_ALL")
        + &node("app", &[(8080, "http")], &[])
        + &kube_service("app", &[(8080, 8080)], app.address)
        + &service("app", "app.shop.svc.cluster.local", "virtualNode", "app")
        + &document(
            "GatewayRoute",
            "all",
            "  httpRoute: {match: {prefix: /}, action: {target: {virtualService: {virtualServiceRef: {name: app}}}}}\n",
        );
    bed.save("mesh.yaml", &text);
    bed.save("gateway.yaml", &gateway(&[8088]));
    bed.serve();
    bed.application(&app, "app", &["--http", "0.0.0.0:8080"]);
    bed.sidecar(&edge, "virtualgateway/shop/in", &[]);
    let answers = |port: u16| {
        play_soon(
            &client,
            (edge.address, port).into(),
            "any.example",
            false,
            &[("GET /", &[], Expect::From("app"))],
        );
    };
    answers(8088);
    // Envoy is not root, so it cannot listen on port 80; 8089 is new and good.
    bed.save("gateway.yaml", &gateway(&[80, 8088, 8089]));
    let told = wait_for("word of the refusal", SOON, || {
        let page = bed.control_plane().get("/debug/findings")?;
        let page: serde_json::Value = serde_json::from_str(&page).ok()?;
        page["refusals"].as_array()?.first().cloned()
    });
    assert_eq!(told["objects"][0]["name"], "in", "{told}");
    assert_eq!(told["objects"][0]["kind"], "VirtualGateway", "{told}");
    assert!(
        told["message"]
            .as_str()
            .is_some_and(|why| why.contains("ermission denied")),
        "{told}"
    );
    wait_for("the same in the log", SOON, || {
        let log = bed.control_plane().log();
        log.contains("VirtualGateway shop/in").then_some(())
    });
    answers(8088);
    answers(8089);
    // Later changes still arrive, and the poison is not sent again and again.
    let rejected = || {
        stats::stats(&edge, "lds.update_rejected")
            .values()
            .sum::<u64>()
    };
    let before = wait_for("the last refusal", SOON, || {
        let before = rejected();
        std::thread::sleep(Duration::from_secs(2));
        (rejected() == before).then_some(before)
    });
    bed.save(
        "mesh.yaml",
        &text.replace("prefix: /}", "prefix: /, method: GET}"),
    );
    play_soon(
        &client,
        (edge.address, 8088).into(),
        "any.example",
        false,
        &[("POST /", &[], Expect::Status(404))],
    );
    std::thread::sleep(Duration::from_secs(2));
    answers(8088);
    assert_eq!(rejected(), before, "the refused listener was sent again");
    assert!(before <= 3, "refused {before} times");
    // Mended: nothing is left to tell.
    bed.save("gateway.yaml", &gateway(&[8088, 8089]));
    wait_for("the refusal to be forgotten", SOON, || {
        let page: serde_json::Value =
            serde_json::from_str(&bed.control_plane().get("/debug/findings")?).ok()?;
        page["refusals"].as_array()?.is_empty().then_some(())
    });
    answers(8089);
}
