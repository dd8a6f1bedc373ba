//! Which pods and objects reach the webhooks, and what happens while nobody answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::helm::{object, objects};

type Labels = BTreeMap<&'static str, &'static str>;

/// A label selector's `matchExpressions`, by Kubernetes' rules.
fn selects(selector: &Value, labels: &Labels) -> bool {
    let expressions = selector["matchExpressions"].as_array();
    expressions.into_iter().flatten().all(|expression| {
        let key = expression["key"].as_str().expect("a key");
        let value = labels.get(key);
        let listed = || {
            let values = expression["values"].as_array().expect("values");
            value.is_some_and(|value| values.contains(&json!(value)))
        };
        match expression["operator"].as_str() {
            Some("In") => listed(),
            Some("NotIn") => !listed(),
            Some("Exists") => value.is_some(),
            Some("DoesNotExist") => value.is_none(),
            other => panic!("{key}: {other:?} is no operator"),
        }
    })
}

/// Names of the injector's entries that a pod of such a namespace is sent to.
fn entries(objects: &[Value], namespace: &Labels, pod: &Labels) -> Vec<String> {
    let configuration = object(objects, "MutatingWebhookConfiguration", "tulle-injector");
    let webhooks = configuration["webhooks"].as_array().expect("webhooks");
    webhooks
        .iter()
        .filter(|webhook| {
            selects(&webhook["namespaceSelector"], namespace)
                && selects(&webhook["objectSelector"], pod)
        })
        .map(|webhook| webhook["name"].as_str().expect("a name").to_owned())
        .collect()
}

const APPMESH: &str = "appmesh.k8s.aws/sidecarInjectorWebhook";
const TULLE: &str = "tulle.dev/injection";
const ISTIO: &str = "istio-injection";
const REVISION: &str = "istio.io/rev";
const ISTIO_POD: &str = "sidecar.istio.io/inject";

/// Which entry a pod should be sent to, as a sentence would say it.
fn expected(namespace: &Labels, pod: &Labels, istio_label: bool) -> Option<&'static str> {
    let switch = |key| matches!(namespace.get(key).copied(), Some("enabled" | "disabled"));
    let declines = pod.get(TULLE) == Some(&"disabled") || pod.get(ISTIO_POD) == Some(&"false");
    if declines {
        return None;
    }
    if switch(APPMESH) {
        return Some("appmesh");
    }
    if switch(TULLE) {
        return Some("namespace");
    }
    match (namespace.get(ISTIO), namespace.get(REVISION)) {
        (Some(&"enabled"), _) => istio_label.then_some("istio"),
        (Some(_), _) => None,
        (None, Some(&"tulle")) => Some("revision"),
        // Another's.
        (None, Some(_)) => None,
        (None, None) if pod.get(TULLE) == Some(&"enabled") => Some("pod"),
        (None, None) if pod.get(REVISION) == Some(&"tulle") => Some("pod-revision"),
        (None, None) if pod.get(ISTIO_POD) == Some(&"true") => istio_label.then_some("pod-istio"),
        (None, None) => None,
    }
}

/// Every choice of one value (or none) for each key.
fn every(choices: &[(&'static str, &[&'static str])]) -> Vec<Labels> {
    let mut all = vec![Labels::new()];
    for (key, values) in choices {
        let with: Vec<Labels> = all
            .iter()
            .flat_map(|labels| {
                values.iter().map(|value| {
                    let mut labels = labels.clone();
                    labels.insert(key, value);
                    labels
                })
            })
            .collect();
        all.extend(with);
    }
    all
}

#[test]
fn no_pod_is_sent_twice_and_no_labelled_one_is_missed() {
    let namespaces = every(&[
        ("kubernetes.io/metadata.name", &["shop"]),
        (APPMESH, &["enabled", "disabled", "other"]),
        (TULLE, &["enabled", "disabled", "other"]),
        (ISTIO, &["enabled", "disabled"]),
        (REVISION, &["tulle", "default"]),
    ]);
    let pods = every(&[
        (TULLE, &["enabled", "disabled", "other"]),
        (REVISION, &["tulle", "default"]),
        (ISTIO_POD, &["true", "false"]),
    ]);
    for istio_label in [false, true] {
        let set = format!("config.injection.istioLabel={istio_label}");
        let objects = objects(&["--set", &set]);
        for namespace in &namespaces {
            for pod in &pods {
                let expected: Vec<String> = expected(namespace, pod, istio_label)
                    .map(|name| format!("{name}.injector.tulle.dev"))
                    .into_iter()
                    .collect();
                assert_eq!(
                    entries(&objects, namespace, pod),
                    expected,
                    "{pod:?} in {namespace:?}, istioLabel {istio_label}"
                );
            }
        }
    }
}

#[test]
fn the_cluster_can_always_be_restarted() {
    let objects = objects(&["--set", "config.injection.istioLabel=true"]);
    for name in [
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "tulle-system",
    ] {
        let namespace = Labels::from([
            ("kubernetes.io/metadata.name", name),
            (APPMESH, "enabled"),
            (TULLE, "enabled"),
            (ISTIO, "enabled"),
            (REVISION, "tulle"),
        ]);
        assert_eq!(
            entries(&objects, &namespace, &Labels::new()),
            Vec::<String>::new()
        );
    }
    let injector = object(&objects, "MutatingWebhookConfiguration", "tulle-injector");
    for webhook in injector["webhooks"].as_array().expect("webhooks") {
        let conditions: Vec<&Value> = webhook["matchConditions"]
            .as_array()
            .expect("conditions")
            .iter()
            .map(|condition| &condition["name"])
            .collect();
        assert_eq!(conditions, ["not-declined", "own-network"]);
    }
}

#[test]
fn every_webhook_is_bounded_and_has_its_policy() {
    let objects = objects(&["--set", "config.injection.istioLabel=true"]);
    let mut seen = 0;
    for (kind, name, path, policy) in [
        (
            "MutatingWebhookConfiguration",
            "tulle-injector",
            "/inject",
            "Fail",
        ),
        (
            "MutatingWebhookConfiguration",
            "tulle-appmesh",
            "/mutate",
            "Ignore",
        ),
        (
            "ValidatingWebhookConfiguration",
            "tulle-appmesh",
            "/validate",
            "Ignore",
        ),
    ] {
        let configuration = object(&objects, kind, name);
        for webhook in configuration["webhooks"].as_array().expect("webhooks") {
            seen += 1;
            assert_eq!(webhook["failurePolicy"], policy);
            assert_eq!(webhook["timeoutSeconds"], 5);
            assert_eq!(webhook["sideEffects"], "None");
            assert_eq!(webhook["admissionReviewVersions"], json!(["v1"]));
            let mutating = kind.starts_with("Mutating");
            let again = if mutating {
                json!("IfNeeded")
            } else {
                Value::Null
            };
            assert_eq!(webhook["reinvocationPolicy"], again);
            // No caBundle: Helm would put an old one back over the leader's at each upgrade.
            assert_eq!(
                webhook["clientConfig"],
                json!({"service": {"name": "tulle", "namespace": "tulle-system", "path": path, "port": 443}})
            );
        }
    }
    assert_eq!(seen, 9);
}

#[test]
fn all_seven_kinds_are_admitted() {
    let objects = objects(&[]);
    for kind in [
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ] {
        let rules = &object(&objects, kind, "tulle-appmesh")["webhooks"][0]["rules"];
        let plurals: Vec<String> = tulle_crds::crd::appmesh_crds()
            .into_iter()
            .map(|crd| crd.spec.names.plural)
            .collect();
        assert_eq!(
            *rules,
            json!([{
                "apiGroups": ["appmesh.k8s.aws"],
                "apiVersions": ["v1beta2"],
                "operations": ["CREATE", "UPDATE"],
                "resources": plurals,
                "scope": "*",
            }])
        );
    }
}
