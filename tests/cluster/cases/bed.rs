//! The cluster itself, without Tulle: when this fails, nothing else can be believed.

use std::time::Duration;

use anyhow::Context;
use tulle_cluster::case::{Case, call, must};
use tulle_cluster::images::SAMPLE;

#[test]
fn the_cluster_itself_does_what_pods_need() {
    let case = Case::shared();
    let ns = "bed";
    case.owns(ns);
    case.run(&format!("create namespace {ns}"));
    case.run(&format!(
        "wait --for=create serviceaccount/default -n {ns} --timeout=60s"
    ));
    case.apply(&format!(
        "apiVersion: v1
kind: Service
metadata: {{name: echo, namespace: {ns}}}
spec: {{selector: {{app: echo}}, ports: [{{port: 80, targetPort: 8080}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: echo, namespace: {ns}, labels: {{app: echo}}}}
spec:
  terminationGracePeriodSeconds: 40
  initContainers:
  - name: beside
    image: {SAMPLE}
    imagePullPolicy: Never
    restartPolicy: Always
    args: [serve, --name, beside, --http, '0.0.0.0:9090']
    startupProbe: {{tcpSocket: {{port: 9090}}, periodSeconds: 1}}
  containers:
  - name: app
    image: {SAMPLE}
    imagePullPolicy: Never
    args: [serve, --name, echo, --http, '0.0.0.0:8080']
    readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
    lifecycle: {{preStop: {{sleep: {{seconds: 2}}}}}}
    volumeMounts: [{{name: token, mountPath: /token}}]
  volumes:
  - name: token
    projected: {{sources: [{{serviceAccountToken: {{audience: tulle, path: token, expirationSeconds: 600}}}}]}}
"
    ));
    case.run(&format!(
        "wait --for=condition=Ready pod/echo -n {ns} --timeout=60s"
    ));

    // a pod reaches a Service by its name, and its own address through the Service; Ready is the
    // API server's word, after which the node's rules for the Service still take a moment
    let load = |seconds: &str| {
        must(&mut case.exec(
            ns,
            "echo",
            "app",
            &[
                "/usr/local/bin/tulle-sample",
                "load",
                "--to",
                "echo.bed:80",
                "--host",
                "echo",
                "--seconds",
                seconds,
            ],
        ))
    };
    case.eventually(
        "the node's rules for the Service",
        Duration::from_secs(15),
        || {
            let report = load("0.1");
            anyhow::ensure!(report.contains("\"lost\":0"), "{report}");
            Ok(())
        },
    );
    let report = load("0.5");
    assert!(report.contains("\"lost\":0"), "{report}");

    // and so does the node, where tests run
    let address = format!("{}:80", case.cluster_ip(ns, "echo"));
    let answer = case.play_outside(&[call(&address, "echo", "/")]).remove(0);
    assert_eq!(answer.seen.map(|seen| seen.name).as_deref(), Some("echo"));

    // the token is for us alone and bound to its pod
    let token = case
        .kubectl()
        .run(&format!(
            "create token default -n {ns} --audience tulle --bound-object-kind Pod --bound-object-name echo"
        ))
        .unwrap();
    assert_eq!(token.trim().split('.').count(), 3, "{token}");
    assert!(
        case.kubectl()
            .raw("/openid/v1/jwks")
            .unwrap()
            .contains("RS256")
    );

    // the sidecar ends after the application, which is given the time of its hook, and neither has to be killed
    let started = std::time::Instant::now();
    case.run(&format!("delete pod echo -n {ns} --wait"));
    let took = started.elapsed();
    assert!(
        took > Duration::from_secs(2) && took < Duration::from_secs(30),
        "{took:?}"
    );
    case.eventually("the endpoint to go", Duration::from_secs(15), || {
        let slices = case.kubectl().list(&format!(
            "endpointslices -n {ns} -l kubernetes.io/service-name=echo"
        ))?;
        let first = slices.first().context("a slice")?;
        anyhow::ensure!(
            first["endpoints"].as_array().is_none_or(Vec::is_empty),
            "{first}"
        );
        Ok(())
    });
}
