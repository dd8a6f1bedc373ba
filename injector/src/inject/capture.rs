//! Redirection of the pod's traffic: by an init container, or by App Mesh's CNI plugin.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::annotations::Wishes;
use super::names::{
    APPMESH_CAPTURE, CAPTURE, CNI_EGRESS_PORT, CNI_IGNORED_UID, CNI_INGRESS_PORT, ENVOY_USER,
    IGNORED_IPS, IGNORED_PORTS, INBOUND, OUTBOUND, PORTS, WEBHOOK,
};
use super::{InjectConfig, Rejection, edit, list};
use crate::capture::ALWAYS_IGNORED_PORT;

/// Adds what redirects traffic, unless the pod has it already.
pub(super) fn apply(
    pod: &mut Value,
    wishes: &Wishes,
    ports: &BTreeSet<u16>,
    config: &InjectConfig,
) -> Result<(), Rejection> {
    if wishes.cni {
        return annotations(pod, wishes, ports);
    }
    let containers = edit::list(edit::spec(pod)?, "initContainers")?;
    let there = |name| containers.iter().any(|known| edit::name(known) == name);
    if !there(CAPTURE) && !there(APPMESH_CAPTURE) {
        containers.push(container(wishes, ports, config));
    }
    Ok(())
}

fn container(wishes: &Wishes, ports: &BTreeSet<u16>, config: &InjectConfig) -> Value {
    let mut arguments = vec!["capture".to_owned()];
    let mut option = |name: &str, value: String| {
        arguments.push(name.to_owned());
        arguments.push(value);
    };
    if !ports.is_empty() {
        option("--app-ports", list::join(ports));
    }
    option("--ignore-uid", ENVOY_USER.to_string());
    option("--ignore-ports", list::join(ignored_ports(wishes)));
    option(
        "--ignore-cidrs",
        if wishes.ignored_ips.is_empty() {
            // The option has a default, and what is local is never redirected anyway.
            "127.0.0.0/8".to_owned()
        } else {
            list::join(&wishes.ignored_ips)
        },
    );
    if wishes.ipv6 {
        arguments.push("--ipv6".to_owned());
    }
    let mut container = json!({
        "name": CAPTURE,
        "image": config.image,
        "command": ["tulle"],
        "args": arguments,
        "resources": super::envoy::resources(&config.resources),
        "securityContext": {
            "runAsUser": 0,
            "runAsGroup": 0,
            // The pod may forbid root for its other containers.
            "runAsNonRoot": false,
            "privileged": false,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"], "add": ["NET_ADMIN"] },
            "seccompProfile": { "type": "RuntimeDefault" },
        },
    });
    super::envoy::set_pull_policy(&mut container, config);
    container
}

fn ignored_ports(wishes: &Wishes) -> BTreeSet<u16> {
    let mut ports = wishes.ignored_ports.clone();
    ports.insert(ALWAYS_IGNORED_PORT);
    ports
}

/// What the plugin reads.
fn annotations(pod: &mut Value, wishes: &Wishes, ports: &BTreeSet<u16>) -> Result<(), Rejection> {
    for (key, value) in [
        (PORTS, list::join(ports)),
        (IGNORED_IPS, list::join(&wishes.ignored_ips)),
        (IGNORED_PORTS, list::join(ignored_ports(wishes))),
        (CNI_EGRESS_PORT, OUTBOUND.to_string()),
        (CNI_INGRESS_PORT, INBOUND.to_string()),
        (CNI_IGNORED_UID, ENVOY_USER.to_string()),
        (WEBHOOK, "enabled".to_owned()),
    ] {
        edit::annotate(pod, key, value)?;
    }
    Ok(())
}
