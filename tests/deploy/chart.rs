//! The chart as a whole.

use serde_json::{Value, json};

use crate::helm::{chart, helm, object, objects};
use crate::yaml;

#[test]
fn helm_finds_no_fault() {
    let output = helm(&["lint", "--strict", &chart().display().to_string()]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
}

#[test]
fn chart_and_program_have_one_version() {
    let text = std::fs::read_to_string(chart().join("Chart.yaml")).expect("readable");
    let chart = yaml::one(&text);
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

/// Cluster-wide objects exist once; so the rest does not follow the release's name either.
#[test]
fn names_do_not_follow_the_release() {
    let chart = chart().display().to_string();
    let output = helm(&["template", "other", &chart, "--kube-version", "1.35.0"]);
    for object in yaml::documents(&String::from_utf8(output.stdout).expect("text")) {
        let name = object["metadata"]["name"].as_str().expect("a name");
        assert!(
            ["tulle", "tulle-dns", "tulle-injector", "tulle-appmesh"].contains(&name),
            "{name}"
        );
    }
}

#[test]
fn every_object_says_where_it_is_and_whose() {
    let cluster_wide = [
        "ClusterRole",
        "ClusterRoleBinding",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ];
    for object in objects(&["--set", "podMonitor.enabled=true"]) {
        let kind = object["kind"].as_str().expect("a kind");
        let metadata = &object["metadata"];
        assert_eq!(
            metadata["namespace"],
            if cluster_wide.contains(&kind) {
                Value::Null
            } else {
                json!("tulle-system")
            },
            "{kind}"
        );
        assert_eq!(
            metadata["labels"]["app.kubernetes.io/name"], "tulle",
            "{kind}"
        );
    }
}

/// What a Service, a policy or a monitor says of a port is true of the pod.
#[test]
fn ports_agree() {
    let objects = objects(&["--set", "podMonitor.enabled=true"]);
    let deployment = &object(&objects, "Deployment", "tulle")["spec"];
    let pod = &deployment["template"];
    assert_eq!(pod["metadata"]["labels"]["app.kubernetes.io/name"], "tulle");
    let ports: Vec<(&str, u64)> = pod["spec"]["containers"][0]["ports"]
        .as_array()
        .expect("ports")
        .iter()
        .map(|port| {
            (
                port["name"].as_str().expect("a name"),
                port["containerPort"].as_u64().expect("a port"),
            )
        })
        .collect();
    assert_eq!(
        ports,
        [
            ("xds", 15012),
            ("webhook", 15017),
            ("metrics", 15014),
            ("dns", 15053),
            ("dns-tcp", 15053),
        ]
    );
    let service = &object(&objects, "Service", "tulle")["spec"];
    assert_eq!(
        service["ports"],
        json!([
            {"name": "xds", "port": 15012, "targetPort": "xds"},
            {"name": "webhook", "port": 443, "targetPort": "webhook"},
            {"name": "metrics", "port": 15014, "targetPort": "metrics"},
        ])
    );
    let dns = &object(&objects, "Service", "tulle-dns")["spec"];
    assert_eq!(
        dns["ports"],
        json!([
            {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": "dns"},
            {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": "dns-tcp"},
        ])
    );
    let policy = &object(&objects, "NetworkPolicy", "tulle")["spec"];
    let open: Vec<&str> = policy["ingress"][0]["ports"]
        .as_array()
        .expect("ports")
        .iter()
        .filter_map(|port| port["port"].as_str())
        .collect();
    assert_eq!(open, ["xds", "webhook", "metrics", "dns", "dns-tcp"]);
    assert_eq!(policy["ingress"].as_array().map(Vec::len), Some(1));
    for selector in [
        &deployment["selector"]["matchLabels"],
        &service["selector"],
        &dns["selector"],
        &policy["podSelector"]["matchLabels"],
        &object(&objects, "PodDisruptionBudget", "tulle")["spec"]["selector"]["matchLabels"],
        &object(&objects, "PodMonitor", "tulle")["spec"]["selector"]["matchLabels"],
    ] {
        assert_eq!(*selector, json!({"app.kubernetes.io/name": "tulle"}));
    }
}

#[test]
fn the_pod_knows_who_and_where_it_is() {
    let objects = objects(&[]);
    let deployment = &object(&objects, "Deployment", "tulle")["spec"];
    let pod = &deployment["template"]["spec"];
    let container = &pod["containers"][0];
    let field = |name: &str| {
        let env = container["env"].as_array().expect("an environment");
        let entry = env.iter().find(|entry| entry["name"] == name);
        entry.unwrap_or_else(|| panic!("no {name}"))["valueFrom"]["fieldRef"]["fieldPath"].clone()
    };
    assert_eq!(field("POD_NAME"), "metadata.name");
    assert_eq!(field("POD_NAMESPACE"), "metadata.namespace");
    assert_eq!(field("POD_IP"), "status.podIP");
    assert_eq!(field("SERVICE_ACCOUNT"), "spec.serviceAccountName");
    let token = pod["volumes"]
        .as_array()
        .expect("volumes")
        .iter()
        .find(|volume| volume["name"] == "token")
        .expect("a token volume");
    let source = &token["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(source["audience"], "tulle");
    for (probe, path) in [("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")] {
        assert_eq!(
            container[probe]["httpGet"],
            json!({"path": path, "port": "metrics"})
        );
    }
    assert_eq!(deployment["replicas"], 2);
    assert!(container["resources"]["requests"]["cpu"].is_string());
    assert!(container["resources"]["requests"]["memory"].is_string());
}

#[test]
fn without_dns_nothing_of_it_is_left() {
    let objects = objects(&["--set", "dns.enabled=false"]);
    assert!(objects.iter().all(|o| o["metadata"]["name"] != "tulle-dns"));
    let rendered = serde_json::to_string(&objects).expect("JSON");
    assert!(!rendered.contains("15053") && !rendered.contains("dns-tcp"));
    let settings = &object(&objects, "ConfigMap", "tulle")["data"]["config.yaml"];
    let settings = settings.as_str().expect("text");
    assert!(
        settings.contains("dns:\n    enabled: false\n"),
        "{settings}"
    );
}
