//! The container that runs Envoy, and the volumes it starts from.

use serde_json::{Map, Value, json};

use super::names::{AUDIENCE, ENVOY_USER, SHARED_VOLUME, STATS, TMP_VOLUME, TOKEN_VOLUME};
use super::tuning::Tuning;
use super::{Candidate, InjectConfig, Rejection, ResourceList, Resources, edit, merge, quantity};
use crate::bootstrap::{
    READINESS_PATH, READINESS_PORT, SHARED_DIRECTORY, STATS_PORT, TOKEN_DIRECTORY, TOKEN_FILE,
};

/// How long a token is valid; the kubelet renews it long before, and Envoy takes up the new one.
const TOKEN_SECONDS: u32 = 3600;
/// What an Envoy without a CPU limit gets beside an application: one alone would stall whenever it is busy.
const WORKERS: u32 = 2;

/// The option that carries what one pod's Envoy has beyond the shared bootstrap.
pub(super) const OVERLAY: &str = "--config-yaml";

/// Envoy's arguments.
pub(super) fn arguments(
    candidate: &Candidate,
    tuning: &Tuning,
    drain_seconds: u32,
    workers: Option<u32>,
    overlay: Option<String>,
) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut option = |name: &str, value: String| {
        arguments.push(name.to_owned());
        arguments.push(value);
    };
    option("--config-path", merge::config_path(&tuning.files));
    if let Some(overlay) = overlay {
        option(OVERLAY, overlay);
    }
    option("--service-node", "$(POD_NAME).$(POD_NAMESPACE)".to_owned());
    option("--service-cluster", literal(&candidate.resource()));
    option("--drain-time-s", drain_seconds.max(1).to_string());
    if let Some(workers) = tuning.concurrency.or(workers) {
        option("--concurrency", workers.to_string());
    }
    option("--log-level", tuning.log_level.as_str().to_owned());
    // Envoys of one pod would share the memory that it is done through.
    arguments.push("--disable-hot-restart".to_owned());
    if tuning.quiet {
        arguments.push("--skip-deprecated-logs".to_owned());
    }
    arguments
}

/// A text in which the kubelet finds no `$(VARIABLE)` to replace.
pub(super) fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// The worker threads of a sidecar.
pub(super) fn workers(resources: &Resources) -> u32 {
    resources
        .limits
        .get("cpu")
        .and_then(|limit| quantity::cpus(limit))
        .unwrap_or(WORKERS)
}

/// The variables that the arguments name.
pub(super) fn identity() -> [(&'static str, Value); 2] {
    let field = |path: &str| json!({ "fieldRef": { "apiVersion": "v1", "fieldPath": path } });
    [
        ("POD_NAME", field("metadata.name")),
        ("POD_NAMESPACE", field("metadata.namespace")),
    ]
}

/// Where Envoy may write: its root is read-only.
const TMP: &str = "/tmp";

/// The mounts of [`volumes`].
pub(super) fn mounts() -> [Value; 3] {
    [
        json!({ "name": SHARED_VOLUME, "mountPath": SHARED_DIRECTORY, "readOnly": true }),
        json!({ "name": TOKEN_VOLUME, "mountPath": TOKEN_DIRECTORY, "readOnly": true }),
        json!({ "name": TMP_VOLUME, "mountPath": TMP }),
    ]
}

/// Adds the volumes.
///
/// The token's file needs no `fsGroup`: the kubelet makes it readable for everybody (0644) unless the pod has an `fsGroup`, when
/// it belongs to that group (0640), in which every container is; or all containers run as one user, when it is that user's (0600).
/// Everybody is Envoy alone, as only its container has the mount.
pub(super) fn volumes(pod: &mut Value) -> Result<(), Rejection> {
    let volumes = edit::list(edit::spec(pod)?, "volumes")?;
    edit::add(
        volumes,
        json!({ "name": SHARED_VOLUME, "configMap": { "name": SHARED_VOLUME, "defaultMode": 0o644 } }),
        "volume",
        |known| known["configMap"]["name"] == SHARED_VOLUME,
    )?;
    edit::add(
        volumes,
        json!({ "name": TMP_VOLUME, "emptyDir": {} }),
        "volume",
        |known| known["emptyDir"].is_object(),
    )?;
    let token = json!({
        "audience": AUDIENCE,
        "expirationSeconds": TOKEN_SECONDS,
        "path": TOKEN_FILE,
    });
    edit::add(
        volumes,
        json!({
            "name": TOKEN_VOLUME,
            "projected": { "defaultMode": 0o644, "sources": [{ "serviceAccountToken": token }] },
        }),
        "volume",
        |known| known["projected"]["sources"][0]["serviceAccountToken"]["audience"] == AUDIENCE,
    )
}

/// A container's security settings, those of the Pod Security Standard `restricted` and more.
pub(super) fn security() -> Map<String, Value> {
    let Value::Object(security) = json!({
        "runAsUser": ENVOY_USER,
        "runAsGroup": ENVOY_USER,
        "runAsNonRoot": true,
        "privileged": false,
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
        "seccompProfile": { "type": "RuntimeDefault" },
    }) else {
        return Map::new();
    };
    security
}

/// Asks whether Envoy has its configuration.
pub(super) fn readiness(period: u32, failures: u32) -> Value {
    json!({
        "httpGet": { "path": READINESS_PATH, "port": READINESS_PORT, "scheme": "HTTP" },
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "successThreshold": 1,
        "failureThreshold": failures,
    })
}

/// The port with Envoy's figures. Where a container already has a port of the usual name, a Service or monitor that means that
/// one must go on finding it.
pub(super) fn stats_port(pod: &Value) -> Value {
    let taken = edit::items(pod, "containers")
        .chain(edit::items(pod, "initContainers"))
        .filter_map(|container| container.get("ports").and_then(Value::as_array))
        .flatten()
        .any(|port| edit::name(port) == STATS[0]);
    json!({ "name": STATS[usize::from(taken)], "containerPort": STATS_PORT, "protocol": "TCP" })
}

/// `lifecycle` that keeps Envoy going after its pod has been told to end.
pub(super) fn stop_after(seconds: u32) -> Value {
    json!({ "preStop": { "sleep": { "seconds": seconds } } })
}

/// A container's `resources`.
pub(super) fn resources(resources: &Resources) -> Value {
    let list = |list: &ResourceList| -> Map<String, Value> {
        list.iter()
            .map(|(name, quantity)| (name.clone(), Value::String(quantity.clone())))
            .collect()
    };
    let mut value = Map::new();
    for (name, quantities) in [
        ("requests", list(&resources.requests)),
        ("limits", list(&resources.limits)),
    ] {
        if !quantities.is_empty() {
            value.insert(name.to_owned(), Value::Object(quantities));
        }
    }
    Value::Object(value)
}

/// Sets a container's `imagePullPolicy` where the settings name one.
pub(super) fn set_pull_policy(container: &mut Value, config: &InjectConfig) {
    if let Some(policy) = config.image_pull_policy {
        container["imagePullPolicy"] = json!(policy);
    }
}

/// Adds the secrets that images are pulled with.
pub(super) fn pull_secrets(pod: &mut Value, config: &InjectConfig) -> Result<(), Rejection> {
    if config.image_pull_secrets.is_empty() {
        return Ok(());
    }
    let secrets = edit::list(edit::spec(pod)?, "imagePullSecrets")?;
    for name in &config.image_pull_secrets {
        if !secrets.iter().any(|known| edit::name(known) == name) {
            secrets.push(json!({ "name": name }));
        }
    }
    Ok(())
}
