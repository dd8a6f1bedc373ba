use serde_json::json;

use super::*;

mod gateways;
mod known;
mod questions;
mod tuning;
mod unaltered;
mod what;
mod whether;

/// A namespace with a node `front` (8080) and a gateway `in`.
pub(super) struct World {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) config: InjectConfig,
}

pub(super) fn candidate(id: &str, app: &str, ports: &[u16]) -> Candidate {
    use tulle_model::selector::{Operator, Requirement, Selector};
    let id: ProxyId = id.parse().unwrap();
    Candidate {
        mesh: Some("shop".into()),
        alias: format!("{}_{}", id.name, id.namespace).into(),
        pods: Some(Selector {
            requirements: vec![Requirement {
                key: "app".into(),
                operator: Operator::In(vec![app.into()]),
            }],
        }),
        access_log: None,
        ports: ports.iter().copied().collect(),
        id,
    }
}

impl Default for World {
    fn default() -> Self {
        Self {
            labels: BTreeMap::from([(names::WEBHOOK.to_owned(), "enabled".to_owned())]),
            candidates: vec![
                candidate("virtualnode/shop/front", "front", &[8080]),
                candidate("virtualgateway/shop/in", "in", &[8088]),
            ],
            config: InjectConfig::default(),
        }
    }
}

impl World {
    pub(super) fn inject(&self, pod: &Value) -> Result<Outcome, Rejection> {
        self.inject_in("shop", pod)
    }

    pub(super) fn inject_in(&self, namespace: &str, pod: &Value) -> Result<Outcome, Rejection> {
        let request = PodRequest {
            namespace: Namespace {
                name: namespace,
                labels: &self.labels,
            },
            pod,
            candidates: &self.candidates.clone().into(),
            system_namespace: "tulle-system",
        };
        inject(&request, &self.config)
    }

    /// The injected pod; it is checked on the way that a second time changes nothing.
    pub(super) fn pod(&self, pod: &Value) -> Value {
        let outcome = self.inject(pod).unwrap();
        let mut patched = pod.clone();
        json_patch::patch(&mut patched, &outcome.patch).unwrap();
        assert_eq!(patched, outcome.pod, "the patch makes the pod");
        let again = self.inject(&outcome.pod).unwrap();
        assert_eq!(again.patch.0, [], "the second time");
        assert_eq!(again.proxy, outcome.proxy);
        outcome.pod
    }
}

/// A pod of app `front`.
pub(super) fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "generateName": "front-", "labels": { "app": "front" } },
        "spec": { "containers": [{ "name": "app", "image": "app:1", "ports": [{ "name": "http", "containerPort": 8080 }] }] },
    })
}

pub(super) fn annotated(annotations: &[(&str, &str)]) -> Value {
    let mut pod = pod();
    for (key, value) in annotations {
        pod["metadata"]["annotations"][*key] = json!(value);
    }
    pod
}

pub(super) fn container<'a>(pod: &'a Value, list: &str, name: &str) -> &'a Value {
    edit::items(pod, list)
        .find(|container| edit::name(container) == name)
        .unwrap_or_else(|| panic!("no {name} in {list} of {pod:#}"))
}

pub(super) fn envoy_of(pod: &Value) -> &Value {
    container(pod, "initContainers", "envoy")
}

pub(super) fn arguments(container: &Value) -> Vec<&str> {
    container["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|argument| argument.as_str().unwrap())
        .collect()
}

pub(super) fn option<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    let arguments = arguments(container);
    let at = arguments.iter().position(|argument| *argument == name)?;
    arguments.get(at + 1).copied()
}
