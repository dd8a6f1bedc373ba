//! Whether a pod is injected, and as what.

use serde_json::Value;
use tulle_model::selector::Labels;
use tulle_model::{ProxyId, ProxyKind};

use super::names::{
    ENVOY, INJECTION, ISTIO_INJECTION, ISTIO_POD, ISTIO_REVISION, PROXY, REVISION, SHARED_VOLUME,
    WEBHOOK,
};
use super::{Candidate, InjectConfig, PodRequest, Rejection, edit};

/// Namespaces of Kubernetes itself.
const UNTOUCHED: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// What is done to a pod.
#[derive(Debug)]
pub(super) enum Decision<'a> {
    LeaveAlone,
    /// It has been injected before.
    Injected(ProxyId),
    Sidecar(&'a Candidate),
    Gateway(&'a Candidate),
}

/// What users have said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Enabled,
    Disabled,
    Unspecified,
}

pub(super) fn decide<'a>(
    request: &PodRequest<'a>,
    config: &InjectConfig,
    warnings: &mut Vec<String>,
) -> Result<Decision<'a>, Rejection> {
    let namespace = request.namespace.name;
    let pod = request.pod;
    if UNTOUCHED.contains(&namespace) || namespace == request.system_namespace {
        return Ok(Decision::LeaveAlone);
    }
    let mode = mode(request, config);
    if mode == Mode::Disabled {
        return Ok(Decision::LeaveAlone);
    }
    if !pod.get("spec").is_some_and(Value::is_object) {
        return Err(Rejection::Malformed("it has no spec".to_owned()));
    }
    if let Some(id) = injected(pod, namespace) {
        return Ok(Decision::Injected(id));
    }

    let labels = labels(pod);
    let mut chosen = request.candidates.selecting(&labels);
    chosen.retain(|candidate| &*candidate.id.namespace == namespace);
    let (nodes, gateways): (Vec<_>, Vec<_>) = chosen
        .into_iter()
        .partition(|candidate| candidate.id.kind == ProxyKind::VirtualNode);

    for (holds, why) in [
        (
            pod["spec"]["hostNetwork"] == true,
            "it uses the network of its node (hostNetwork)",
        ),
        (pod["spec"]["os"]["name"] == "windows", "it runs on Windows"),
    ] {
        if holds {
            if mode == Mode::Enabled || !nodes.is_empty() || !gateways.is_empty() {
                warnings.push(format!("the pod gets no Envoy: {why}"));
            }
            return Ok(Decision::LeaveAlone);
        }
    }

    for (kind, matches) in [("VirtualNodes", &nodes), ("VirtualGateways", &gateways)] {
        if matches.len() > 1 {
            let matches: Vec<String> = matches.iter().map(|c| full_name(&c.id)).collect();
            return Err(Rejection::Ambiguous {
                kind,
                pod: pod_name(namespace, pod),
                matches: matches.join(","),
            });
        }
    }
    let chosen = match (nodes.first(), gateways.first()) {
        (Some(node), Some(gateway)) => {
            return Err(Rejection::NodeAndGateway {
                node: node.id.name.to_string(),
                gateway: gateway.id.name.to_string(),
                pod: pod_name(namespace, pod),
            });
        }
        (Some(chosen), None) | (None, Some(chosen)) => Some(*chosen),
        (None, None) => None,
    };
    match chosen {
        Some(chosen) if chosen.mesh.is_some() => Ok(match chosen.id.kind {
            ProxyKind::VirtualNode => Decision::Sidecar(chosen),
            ProxyKind::VirtualGateway => Decision::Gateway(chosen),
        }),
        unusable if mode == Mode::Enabled => Err(Rejection::NoMatch(unusable.map_or_else(
            String::new,
            |chosen| {
                format!(
                    "; {} selects the pod, but belongs to no mesh: let exactly one Mesh select its namespace",
                    chosen.id
                )
            },
        ))),
        _ => Ok(Decision::LeaveAlone),
    }
}

fn mode(request: &PodRequest<'_>, config: &InjectConfig) -> Mode {
    let label = |key| edit::meta(request.pod, "labels", key);
    let annotation = |key| edit::annotation(request.pod, key);
    let on_namespace = |key| request.namespace.labels.get(key).map(String::as_str);
    let revision = |value: Option<&str>| match value {
        Some(REVISION) => Mode::Enabled,
        _ => Mode::Unspecified,
    };
    let of_revision = [label(ISTIO_REVISION), on_namespace(ISTIO_REVISION)]
        .into_iter()
        .any(|value| revision(value) == Mode::Enabled);
    let istio_pod = match label(ISTIO_POD).or_else(|| annotation(ISTIO_POD)) {
        Some("false") => Mode::Disabled,
        // Of another revision it is a wish to an istiod.
        Some("true") if of_revision || config.istio_label => Mode::Enabled,
        _ => Mode::Unspecified,
    };
    let pod = strongest([
        word(annotation(WEBHOOK)),
        word(label(INJECTION)),
        word(annotation(INJECTION)),
        revision(label(ISTIO_REVISION)),
        istio_pod,
    ]);
    if pod != Mode::Unspecified {
        return pod;
    }
    strongest([
        word(on_namespace(WEBHOOK)),
        word(on_namespace(INJECTION)),
        revision(on_namespace(ISTIO_REVISION)),
        if config.istio_label {
            word(on_namespace(ISTIO_INJECTION))
        } else {
            Mode::Unspecified
        },
    ])
}

/// Whether pods of a namespace may be injected as far as its labels say, so that what Envoy starts from must be there before
/// they are. One that is switched off counts: its pods may be switched on.
pub fn wants_injection(labels: &Labels) -> bool {
    let label = |key| labels.get(key).map(|value| &**value);
    word(label(WEBHOOK)) != Mode::Unspecified
        || word(label(INJECTION)) != Mode::Unspecified
        || word(label(ISTIO_INJECTION)) == Mode::Enabled
        || label(ISTIO_REVISION) == Some(REVISION)
}

fn word(value: Option<&str>) -> Mode {
    match value {
        Some(word) if word.eq_ignore_ascii_case("enabled") => Mode::Enabled,
        Some(word) if word.eq_ignore_ascii_case("disabled") => Mode::Disabled,
        _ => Mode::Unspecified,
    }
}

fn strongest<const N: usize>(modes: [Mode; N]) -> Mode {
    if modes.contains(&Mode::Disabled) {
        Mode::Disabled
    } else if modes.contains(&Mode::Enabled) {
        Mode::Enabled
    } else {
        Mode::Unspecified
    }
}

/// What the pod was injected as: it says so, and has the container to show for it.
fn injected(pod: &Value, namespace: &str) -> Option<ProxyId> {
    let id: ProxyId = edit::annotation(pod, PROXY)?.parse().ok()?;
    let ours = edit::items(pod, "initContainers")
        .chain(edit::items(pod, "containers"))
        .any(|container| {
            edit::name(container) == ENVOY
                && container
                    .get("volumeMounts")
                    .and_then(Value::as_array)
                    .is_some_and(|mounts| mounts.iter().any(|m| edit::name(m) == SHARED_VOLUME))
        });
    (ours && &*id.namespace == namespace).then_some(id)
}

fn labels(pod: &Value) -> Labels {
    pod.get("metadata")
        .and_then(|metadata| metadata.get("labels"))
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into())))
        .collect()
}

fn full_name(id: &ProxyId) -> String {
    format!("{}/{}", id.namespace, id.name)
}

/// A pod that a controller makes has no name yet, only the beginning of one.
fn pod_name(namespace: &str, pod: &Value) -> String {
    let field = |key: &str| {
        pod.get("metadata")
            .and_then(|metadata| metadata.get(key))
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty())
    };
    let name = field("name").or_else(|| field("generateName"));
    format!("{namespace}/{}", name.unwrap_or_default())
}
