//! Pods come and go under load, and nothing is lost.

use std::time::{Duration, Instant};

use tulle_cluster::case::{Case, call};
use tulle_cluster::load::{Load, Plan};
use tulle_cluster::manifests::document;
use tulle_cluster::note::note;

use crate::scene::Scene;

/// Ten pods are replaced, each with five seconds to end in. The application closes its listener the moment it is told to.
#[test]
fn a_rollout_of_a_service_loses_nothing() {
    let scene = Scene::new(Case::shared(), "rollout", 10, 1);
    let load = scene.load("load", 200, 45);
    let started = Instant::now();
    scene
        .case
        .run(&format!("rollout restart deployment/blue -n {}", scene.ns));
    scene.case.ready_within(scene.ns, &["blue"], 180);
    note(&format!(
        "rollout: ten pods replaced under load in {:.1} s",
        started.elapsed().as_secs_f64()
    ));
    let outcome = load.outcome();
    assert_eq!(outcome.lost, 0, "{outcome:?}");
}

/// Away with all pods, and back again.
#[test]
fn scaled_to_nothing_and_back() {
    let scene = Scene::new(Case::shared(), "scale", 2, 1);
    let case = &scene.case;
    for round in 0..2 {
        case.run(&format!(
            "scale deployment/blue -n {} --replicas=0",
            scene.ns
        ));
        case.run(&format!(
            "wait --for=delete pod -l app=blue -n {} --timeout=60s",
            scene.ns
        ));
        case.eventually("a quick refusal", Duration::from_secs(10), || {
            let started = Instant::now();
            let to = format!("{}:80", case.cluster_ip(scene.ns, "color"));
            let answer = case
                .play(
                    scene.ns,
                    "deployment/client",
                    &[call(&to, &scene.host(), "/")],
                )?
                .remove(0);
            anyhow::ensure!(
                answer.status == 503 && started.elapsed() < Duration::from_secs(3),
                "{answer:?} after {:?}",
                started.elapsed()
            );
            Ok(())
        });
        case.run(&format!(
            "scale deployment/blue -n {} --replicas=2",
            scene.ns
        ));
        case.ready(scene.ns, &["blue"]);
        scene.answered_by(&["blue"]);
        let outcome = scene.shares();
        assert_eq!(outcome.lost, 0, "round {round}: {outcome:?}");
    }
}

/// Stock Envoy ends at once when it is told to; still no request from outside is lost.
#[test]
fn a_rollout_of_the_gateway_loses_nothing() {
    let scene = Scene::new(Case::shared(), "gateways", 2, 1);
    let (case, ns) = (&scene.case, scene.ns);
    case.run(&format!("label namespace {ns} gateway={ns}"));
    let gateway = document(
        "VirtualGateway",
        ns,
        "ingress",
        &format!(
            "  namespaceSelector: {{matchLabels: {{gateway: {ns}}}}}
  podSelector: {{matchLabels: {{app: ingress}}}}
  listeners: [{{portMapping: {{port: 8088, protocol: http}}}}]
"
        ),
    );
    let route = document(
        "GatewayRoute",
        ns,
        "color",
        "  httpRoute:
    match: {prefix: /}
    action: {target: {virtualService: {virtualServiceRef: {name: color}}}}
",
    );
    case.apply(&(gateway + &route));
    case.apply(&format!(
        "apiVersion: v1
kind: Service
metadata: {{name: ingress, namespace: {ns}}}
spec: {{selector: {{app: ingress}}, ports: [{{name: http, port: 80, targetPort: 8088}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: ingress, namespace: {ns}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: ingress}}}}
  template:
    metadata: {{labels: {{app: ingress}}}}
    spec:
      containers:
      - {{name: envoy, image: envoyproxy/envoy, ports: [{{containerPort: 8088}}]}}
"
    ));
    case.ready(ns, &["ingress"]);
    // The node's rules for the Service come a moment after its pods are ready.
    let ingress = format!("{}:80", case.cluster_ip(ns, "ingress"));
    case.eventually("the gateway's Service", Duration::from_secs(15), || {
        let question = call(&ingress, "shop.example.com", "/");
        let answer = case.play_outside(&[question]).remove(0);
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    });
    let plan = Plan {
        namespace: ns,
        pod: "outside",
        app: "outside",
        to: "ingress:80",
        host: "shop.example.com",
        rate: 200,
        seconds: 90,
        injected: false,
    };
    let load = Load::start(case, &plan);
    for _ in 0..2 {
        let started = Instant::now();
        case.run(&format!("rollout restart deployment/ingress -n {ns}"));
        case.ready(ns, &["ingress"]);
        note(&format!(
            "rollout: two gateway pods replaced under load in {:.1} s",
            started.elapsed().as_secs_f64()
        ));
    }
    let outcome = load.outcome();
    assert_eq!(outcome.lost, 0, "{outcome:?}");
}
