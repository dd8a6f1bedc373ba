//! Takes out of an object what no room reads, so that changes of it are no changes.

use serde_json::Value;
use tulle_crds::Kind;

/// The annotation in which kubectl keeps the last applied manifest.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Prunes an object that has not been decoded yet, so that nothing wrong with the pruned parts
/// stands in its way either.
pub(crate) fn prune(kind: Kind, value: &mut Value) {
    let Value::Object(root) = value else { return };
    // A pod's addresses and readiness are in its status.
    if kind != Kind::Pod {
        root.remove("status");
    }
    let Some(Value::Object(metadata)) = root.get_mut("metadata") else {
        return;
    };
    for key in ["managedFields", "resourceVersion", "selfLink"] {
        metadata.remove(key);
    }
    if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
        annotations.remove(LAST_APPLIED);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
}
