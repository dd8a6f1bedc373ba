//! Where Envoy writes the access log that its VirtualNode or VirtualGateway asks for. Its root is read-only, and a file that it
//! cannot open would have it refuse its listeners.

use serde_json::{Value, json};

use super::names::LOG_VOLUME;
use super::tuning::{Mount, is_writable};
use super::{Candidate, Rejection, edit};

/// Folders of the image that a volume must not hide.
const IMAGES: [&str; 12] = [
    "bin", "boot", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "usr",
];

/// Adds a volume for the file's folder to the pod, and a mount to those of Envoy's container, where none is there that can be
/// written.
pub(super) fn apply(
    pod: &mut Value,
    candidate: &Candidate,
    mounts: &mut Vec<Value>,
    warnings: &mut Vec<String>,
) -> Result<(), Rejection> {
    let Some(file) = candidate.access_log.as_deref() else {
        return Ok(());
    };
    let known = Mount::of(mounts);
    if is_writable(&known, file) {
        return Ok(());
    }
    let folder = folder(file).filter(|folder| known.iter().all(|mount| mount.path != *folder));
    let Some(folder) = folder else {
        warnings.push(format!(
            "Envoy cannot write {file}, the access log of {}; take a file under /tmp, or /dev/stdout",
            candidate.id
        ));
        return Ok(());
    };
    mounts.push(json!({ "name": LOG_VOLUME, "mountPath": folder }));
    edit::add(
        edit::list(edit::spec(pod)?, "volumes")?,
        json!({ "name": LOG_VOLUME, "emptyDir": {} }),
        "volume",
        |known| known["emptyDir"].is_object(),
    )
}

/// The folder of a file, if a volume can be mounted there.
fn folder(file: &str) -> Option<&str> {
    let (folder, name) = file.rsplit_once('/')?;
    let mut parts = folder.strip_prefix('/')?.split('/');
    let plain = folder
        .split('/')
        .skip(1)
        .all(|part| !["", ".", ".."].contains(&part))
        && !folder.contains(':')
        && !folder.chars().any(char::is_control);
    let first = parts.next()?;
    let image = IMAGES.contains(&first) || ["/var", "/var/run", "/home"].contains(&folder);
    (plain && !name.is_empty() && !image && !folder.starts_with("/var/run/")).then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_a_volume_may_hide() {
        assert_eq!(folder("/var/log/envoy/access.log"), Some("/var/log/envoy"));
        assert_eq!(folder("/logs/a"), Some("/logs"));
        for bad in [
            "a",
            "/a",
            "/etc/a",
            "/etc/x/a",
            "/var/a",
            "/dev/stdout",
            "/logs/../etc/a",
            "/logs//a",
            "/logs/",
            "/var/run/secrets/a",
            "/lo:gs/a",
        ] {
            assert_eq!(folder(bad), None, "{bad}");
        }
    }
}
