//! The application's probes where its ports are captured.
//!
//! The kubelet has no certificate of the mesh, and a connection that Envoy takes tells nothing about the application behind it. So
//! the kubelet asks Envoy on a port of its own, and Envoy asks the application: HTTP and gRPC are passed on by exact path, a TCP
//! probe becomes a question whether connections to the port succeed. Probes of other ports, of other hosts, and programs that
//! are run inside of the container stay as they are.

mod serve;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::annotations::is_dns_label;
use super::names::{ENVOY, GRPC_PROBE_PORTS, PROBE_PORT, PROBES};
use super::{Rejection, edit};

pub(super) use serve::{is_of_probes, parts};

/// Field of a container or of its `lifecycle`, and its name in paths.
const PROBE_FIELDS: [(&str, &str); 3] = [
    ("livenessProbe", "livez"),
    ("readinessProbe", "readyz"),
    ("startupProbe", "startupz"),
];
const HOOK_FIELDS: [(&str, &str); 2] = [("preStop", "prestop"), ("postStart", "poststart")];

/// What the application is asked, by container and probe such as `app/livez`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Plan(BTreeMap<String, Target>);

/// One question to the application.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Target {
    Http {
        port: u16,
        /// As it stands in a request: path and query.
        path: String,
        /// The application speaks TLS there; nobody looks at its certificate, as the kubelet does not.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        tls: bool,
    },
    Tcp {
        port: u16,
    },
    Grpc {
        port: u16,
        /// Where Envoy takes the probe.
        at: u16,
    },
}

impl Plan {
    /// The plan that an injected pod carries.
    pub(super) fn recorded(pod: &Value) -> Result<Self, Rejection> {
        let Some(text) = edit::annotation(pod, PROBES) else {
            return Ok(Self::default());
        };
        let wrong = |reason: String| Rejection::Annotation {
            annotation: PROBES,
            reason: format!("{reason}; leave it to Tulle"),
        };
        let plan: Self = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        for (key, target) in &plan.0 {
            let known_key = key
                .split_once('/')
                .is_some_and(|(container, _)| is_dns_label(container));
            let sound = match target {
                Target::Http { port, path, .. } => *port != 0 && *path == request_target(path),
                Target::Tcp { port } => *port != 0,
                Target::Grpc { port, at } => *port != 0 && GRPC_PROBE_PORTS.contains(at),
            };
            if !known_key || !sound {
                return Err(wrong(format!("{key:?} is nothing that it writes")));
            }
        }
        Ok(plan)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes it into the pod.
    pub(super) fn record(&self, pod: &mut Value) -> Result<(), Rejection> {
        if self.is_empty() {
            return Ok(());
        }
        let text = serde_json::to_string(self)
            .map_err(|error| Rejection::Malformed(format!("probes: {error}")))?;
        edit::annotate(pod, PROBES, text)
    }

    fn grpc_port(&self, port: u16) -> Option<u16> {
        let mut taken = BTreeSet::new();
        for target in self.0.values() {
            if let Target::Grpc { port: known, at } = target {
                if *known == port {
                    return Some(*at);
                }
                taken.insert(*at);
            }
        }
        GRPC_PROBE_PORTS
            .into_iter()
            .find(|candidate| !taken.contains(candidate))
    }
}

/// Leads the probes of captured ports to Envoy, and adds them to the plan.
pub(super) fn rewrite(
    pod: &mut Value,
    captured: &BTreeSet<u16>,
    plan: &mut Plan,
    warnings: &mut Vec<String>,
) -> Result<(), Rejection> {
    if captured.is_empty() {
        return Ok(());
    }
    for container in edit::list(edit::spec(pod)?, "containers")? {
        let name = edit::name(container).to_owned();
        // Other names the API server refuses.
        if name == ENVOY || !is_dns_label(&name) {
            continue;
        }
        let ports = container["ports"].clone();
        let mut handlers: Vec<(&str, bool, &mut Value)> = Vec::new();
        let Some(fields) = container.as_object_mut() else {
            continue;
        };
        for (field, value) in fields {
            if let Some((_, word)) = PROBE_FIELDS.iter().find(|(known, _)| known == field) {
                handlers.push((word, false, value));
            } else if field == "lifecycle" {
                for (hook, value) in value.as_object_mut().into_iter().flatten() {
                    if let Some((_, word)) = HOOK_FIELDS.iter().find(|(known, _)| known == hook) {
                        handlers.push((word, true, value));
                    }
                }
            }
        }
        for (word, is_hook, handler) in handlers {
            let key = format!("{name}/{word}");
            let handled = if handler["httpGet"].is_object() {
                http(&mut handler["httpGet"], &key, &ports, captured)
            } else if handler["tcpSocket"].is_object() && !is_hook {
                tcp(handler, &key, &ports, captured)
            } else if handler["grpc"].is_object() {
                grpc(&mut handler["grpc"], captured, plan, warnings)
            } else {
                None
            };
            if let Some(target) = handled {
                plan.0.insert(key, target);
            }
        }
    }
    Ok(())
}

/// Where Envoy answers an HTTP or TCP probe.
fn path(key: &str) -> String {
    format!("/app-health/{key}")
}

fn http(probe: &mut Value, key: &str, ports: &Value, captured: &BTreeSet<u16>) -> Option<Target> {
    let port = captured_port(probe, ports, captured)?;
    let tls = probe["scheme"].as_str() == Some("HTTPS");
    let target = request_target(probe["path"].as_str().unwrap_or_default());
    probe["path"] = Value::String(path(key));
    probe["port"] = json!(PROBE_PORT);
    probe["scheme"] = json!("HTTP");
    Some(Target::Http {
        port,
        path: target,
        tls,
    })
}

fn tcp(handler: &mut Value, key: &str, ports: &Value, captured: &BTreeSet<u16>) -> Option<Target> {
    let port = captured_port(&handler["tcpSocket"], ports, captured)?;
    let fields = handler.as_object_mut()?;
    fields.remove("tcpSocket");
    fields.insert(
        "httpGet".to_owned(),
        json!({ "path": path(key), "port": PROBE_PORT, "scheme": "HTTP" }),
    );
    Some(Target::Tcp { port })
}

fn grpc(
    probe: &mut Value,
    captured: &BTreeSet<u16>,
    plan: &Plan,
    warnings: &mut Vec<String>,
) -> Option<Target> {
    let port = captured_port(probe, &Value::Null, captured)?;
    let Some(at) = plan.grpc_port(port) else {
        warnings.push(format!(
            "the gRPC probe of port {port} goes through the mesh: {} ports are probed by gRPC already",
            GRPC_PROBE_PORTS.count()
        ));
        return None;
    };
    probe["port"] = json!(at);
    Some(Target::Grpc { port, at })
}

/// The port that is probed, by the kubelet's rules, if it is the pod's own and captured.
fn captured_port(probe: &Value, ports: &Value, captured: &BTreeSet<u16>) -> Option<u16> {
    if probe["host"].as_str().is_some_and(|host| !host.is_empty()) {
        return None;
    }
    let number = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
    let port = match &probe["port"] {
        Value::String(text) => ports
            .as_array()
            .into_iter()
            .flatten()
            .find(|port| edit::name(port) == text)
            .and_then(|port| number(&port["containerPort"]))
            .or_else(|| text.parse().ok()),
        port => number(port),
    };
    port.filter(|port| captured.contains(port))
}

/// The path as the kubelet would put it into a request: absolute, without fragment, no byte that a request cannot carry.
fn request_target(path: &str) -> String {
    let path = path.split('#').next().unwrap_or_default();
    let mut target = String::with_capacity(path.len() + 1);
    if !path.starts_with('/') {
        target.push('/');
    }
    for byte in path.bytes() {
        if byte.is_ascii_graphic() {
            target.push(char::from(byte));
        } else {
            target.push_str(&format!("%{byte:02X}"));
        }
    }
    target
}
