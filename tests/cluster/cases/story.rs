//! The blue and green story as a user types it: every manifest is written out.

use std::time::{Duration, Instant};

use tulle_cluster::case::{Case, call};
use tulle_cluster::images::SAMPLE;
use tulle_cluster::load::{Load, Plan};
use tulle_cluster::manifests::App;
use tulle_cluster::note::note;
use tulle_cluster::run::NODE_IP;

const NS: &str = "story";

const MESH: &str = "
apiVersion: v1
kind: Namespace
metadata:
  name: story
  labels:
    mesh: story
    gateway: story
    appmesh.k8s.aws/sidecarInjectorWebhook: enabled
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata:
  name: story
spec:
  namespaceSelector:
    matchLabels:
      mesh: story
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata:
  name: blue
  namespace: story
spec:
  podSelector:
    matchLabels:
      app: blue
  listeners:
    - portMapping:
        port: 8080
        protocol: http
      healthCheck:
        protocol: http
        path: /healthy
        healthyThreshold: 2
        unhealthyThreshold: 2
        timeoutMillis: 2000
        intervalMillis: 5000
  serviceDiscovery:
    dns:
      hostname: blue.story.svc.cluster.local
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata:
  name: green
  namespace: story
spec:
  podSelector:
    matchLabels:
      app: green
  listeners:
    - portMapping:
        port: 8080
        protocol: http
  serviceDiscovery:
    dns:
      hostname: green.story.svc.cluster.local
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata:
  name: front
  namespace: story
spec:
  podSelector:
    matchLabels:
      app: front
  backends:
    - virtualService:
        virtualServiceRef:
          name: color
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualService
metadata:
  name: color
  namespace: story
spec:
  awsName: color.story.svc.cluster.local
  provider:
    virtualRouter:
      virtualRouterRef:
        name: color
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualGateway
metadata:
  name: ingress
  namespace: story
spec:
  namespaceSelector:
    matchLabels:
      gateway: story
  podSelector:
    matchLabels:
      app: ingress
  listeners:
    - portMapping:
        port: 8088
        protocol: http
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: GatewayRoute
metadata:
  name: color
  namespace: story
spec:
  httpRoute:
    match:
      prefix: /
    action:
      target:
        virtualService:
          virtualServiceRef:
            name: color
---
apiVersion: v1
kind: Service
metadata: {name: blue, namespace: story}
spec: {selector: {app: blue}, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: green, namespace: story}
spec: {selector: {app: green}, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: color, namespace: story}
spec: {ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: story}
spec:
  type: LoadBalancer
  selector: {app: ingress}
  ports: [{name: http, port: 80, targetPort: 8088}]
";

fn router(blue: u32, green: u32) -> String {
    format!(
        "
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualRouter
metadata:
  name: color
  namespace: story
spec:
  listeners:
    - portMapping:
        port: 80
        protocol: http
  routes:
    - name: color
      httpRoute:
        match:
          prefix: /
        action:
          weightedTargets:
            - virtualNodeRef:
                name: blue
              weight: {blue}
            - virtualNodeRef:
                name: green
              weight: {green}
"
    )
}

/// The gateway's pod as App Mesh's users write it: the image is one that only AWS has.
const GATEWAY: &str = "
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ingress
  namespace: story
spec:
  replicas: 1
  selector:
    matchLabels:
      app: ingress
  template:
    metadata:
      labels:
        app: ingress
    spec:
      containers:
        - name: envoy
          image: 840364872350.dkr.ecr.us-west-2.amazonaws.com/aws-appmesh-envoy:v1.34.13.3-prod
          ports:
            - containerPort: 8088
";

/// All containers of all pods of an application are ready: `2/2`, or `1/1` for a gateway.
fn shown_ready(case: &Case, app: &str) -> String {
    let text = case.run(&format!("get pods -n {NS} -l app={app} --no-headers"));
    let fields: Vec<&str> = text.split_whitespace().collect();
    format!("{} {}", fields[1], fields[2])
}

#[test]
fn blue_and_green_from_manifests_to_traffic() {
    let case = Case::shared();
    case.owns(NS);
    let started = Instant::now();
    case.apply(MESH);
    case.apply(&router(100, 0));
    case.run(&format!(
        "wait --for=create serviceaccount/default -n {NS} --timeout=60s"
    ));
    for name in ["blue", "green", "front"] {
        case.apply(&App::new(NS, name).yaml());
    }
    case.apply(GATEWAY);
    case.ready(NS, &["blue", "green", "front", "ingress"]);
    note(&format!(
        "story: from the first kubectl apply until four Deployments are ready: {:.1} s",
        started.elapsed().as_secs_f64()
    ));
    for app in ["blue", "green", "front"] {
        assert_eq!(shown_ready(&case, app), "2/2 Running", "{app}");
    }
    assert_eq!(shown_ready(&case, "ingress"), "1/1 Running");

    // every object says that it is in use
    for kind in [
        "virtualnode",
        "virtualrouter",
        "virtualservice",
        "virtualgateway",
        "gatewayroute",
    ] {
        case.run(&format!(
            "wait {kind}.appmesh.k8s.aws --all -n {NS} --for=jsonpath={{.status.conditions[0].status}}=True --timeout=30s"
        ));
    }

    // through the gateway, from outside
    let service = case.get(&format!("service ingress -n {NS}"));
    let port = service["spec"]["ports"][0]["nodePort"].as_u64().unwrap();
    case.eventually(
        "an answer through the gateway",
        Duration::from_secs(15),
        || {
            let answer = case
                .play_outside(&[call(
                    &format!("{NODE_IP}:{port}"),
                    "shop.example.com",
                    "/hello",
                )])
                .remove(0);
            let seen = answer.seen.as_ref();
            anyhow::ensure!(
                answer.status == 200 && seen.is_some_and(|seen| seen.name == "blue"),
                "{answer:?}"
            );
            Ok(())
        },
    );

    // from a pod, by the name that the VirtualService has
    for host in [
        "color.story.svc.cluster.local",
        "color.story.svc.cluster.local:80",
        "Color.Story.svc.cluster.local",
    ] {
        let to = format!("{}:80", case.cluster_ip(NS, "color"));
        case.eventually(host, Duration::from_secs(15), || {
            let answer = case
                .play(NS, "deployment/front", &[call(&to, host, "/")])?
                .remove(0);
            let seen = answer.seen.as_ref();
            anyhow::ensure!(seen.is_some_and(|seen| seen.name == "blue"), "{answer:?}");
            Ok(())
        });
    }

    weights_under_load(&case);
}

fn weights_under_load(case: &Case) {
    let plan = Plan {
        namespace: NS,
        pod: "load",
        app: "front",
        to: "color:80",
        host: "color.story.svc.cluster.local",
        rate: 200,
        seconds: 30,
        injected: true,
    };
    let load = Load::start(case, &plan);
    std::thread::sleep(Duration::from_secs(4));
    for (blue, green, expected) in [(50, 50, &["blue", "green"][..]), (0, 100, &["green"])] {
        case.apply(&router(blue, green));
        let applied = Instant::now();
        case.eventually(&format!("{expected:?}"), Duration::from_secs(20), || {
            let words = "/usr/local/bin/tulle-sample load --to color:80 --host color.story.svc.cluster.local --seconds 0.3 --rate 200";
            let words: Vec<&str> = words.split(' ').collect();
            let report = tulle_cluster::command::run(&mut case.exec(NS, "deployment/front", "app", &words))?;
            let outcome: tulle_sample::load::Outcome = serde_json::from_str(&report)?;
            let who: Vec<&str> = outcome.answers.keys().map(String::as_str).collect();
            anyhow::ensure!(who == expected, "{outcome:?}");
            Ok(())
        });
        note(&format!(
            "story: weights {blue}/{green} seen by a client {:.1} s after kubectl apply",
            applied.elapsed().as_secs_f64()
        ));
        std::thread::sleep(Duration::from_secs(4));
    }
    let outcome = load.outcome();
    assert_eq!(outcome.lost, 0, "{outcome:?}");
    assert!(outcome.requests > 5000, "{outcome:?}");
    assert!(
        outcome.answers["blue"] > 500 && outcome.answers["green"] > 500,
        "{outcome:?}"
    );
}

#[test]
fn a_job_beside_a_sidecar_ends() {
    let case = Case::shared();
    let ns = "story-job";
    case.mesh(ns);
    case.apply(&tulle_cluster::manifests::client_node(ns, "once", &[]));
    case.apply(&format!(
        "apiVersion: batch/v1
kind: Job
metadata: {{name: once, namespace: {ns}}}
spec:
  backoffLimit: 0
  template:
    metadata: {{labels: {{app: once}}}}
    spec:
      restartPolicy: Never
      containers:
      - {{name: app, image: '{SAMPLE}', imagePullPolicy: Never, args: [--help]}}
"
    ));
    case.run(&format!(
        "wait --for=condition=Complete job/once -n {ns} --timeout=60s"
    ));
}
