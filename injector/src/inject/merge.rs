//! The init container that puts files of the pod's into what its Envoy starts from, as App Mesh's agent did.

use serde_json::{Value, json};

use super::names::{MERGE, MERGED_VOLUME, SHARED_VOLUME};
use super::tuning::Mount;
use super::{InjectConfig, Rejection, edit, envoy};
use crate::bootstrap::{BOOTSTRAP_FILE, SHARED_DIRECTORY};

/// Where the result lies.
const DIRECTORY: &str = "/etc/tulle-merged";
const FILE: &str = "envoy.json";

/// What Envoy starts from.
pub(super) fn config_path(files: &[String]) -> String {
    if files.is_empty() {
        format!("{SHARED_DIRECTORY}/{BOOTSTRAP_FILE}")
    } else {
        format!("{DIRECTORY}/{FILE}")
    }
}

/// What Envoy's container mounts for it.
pub(super) fn mount() -> Value {
    json!({ "name": MERGED_VOLUME, "mountPath": DIRECTORY, "readOnly": true })
}

/// Adds the container and its volume, if there are files. `mounts`: those of Envoy's container.
pub(super) fn apply(
    pod: &mut Value,
    files: &[String],
    mounts: &[Value],
    config: &InjectConfig,
) -> Result<(), Rejection> {
    if files.is_empty() {
        return Ok(());
    }
    let spec = edit::spec(pod)?;
    edit::add(
        edit::list(spec, "volumes")?,
        json!({ "name": MERGED_VOLUME, "emptyDir": {} }),
        "volume",
        |known| known["emptyDir"].is_object(),
    )?;
    let needed = |mount: &&Value| {
        edit::name(mount) == SHARED_VOLUME
            || Mount::of(std::slice::from_ref(mount))
                .iter()
                .any(|mount| files.iter().any(|file| mount.holds(file)))
    };
    let mut own: Vec<Value> = mounts.iter().filter(needed).cloned().collect();
    own.push(json!({ "name": MERGED_VOLUME, "mountPath": DIRECTORY }));
    let mut arguments = vec![
        "merge-bootstrap".to_owned(),
        "--base".to_owned(),
        format!("{SHARED_DIRECTORY}/{BOOTSTRAP_FILE}"),
        "--out".to_owned(),
        format!("{DIRECTORY}/{FILE}"),
    ];
    arguments.extend(files.iter().map(|file| envoy::literal(file)));
    let mut container = json!({
        "name": MERGE,
        "image": config.image,
        "command": ["tulle"],
        "args": arguments,
        "resources": envoy::resources(&config.resources),
        "volumeMounts": own,
        "securityContext": envoy::security(),
    });
    envoy::set_pull_policy(&mut container, config);
    let containers = edit::list(spec, "initContainers")?;
    edit::add(containers, container, "container", |_| false)
}
