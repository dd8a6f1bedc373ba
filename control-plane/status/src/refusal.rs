//! A resource that a real proxy did not accept.

use std::time::SystemTime;

use serde::Serialize;
use tulle_model::{ObjectId, Str};

/// Which resource of which proxies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RefusalKey {
    /// The proxies' group, such as `virtualnode/shop/front`.
    pub scope: Str,
    /// Type URL of the resource.
    pub type_url: Str,
    /// Name of the resource.
    pub name: Str,
}

/// What the proxy said, and whom it concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Envoy's own words.
    pub message: Str,
    /// Objects from which the resource was made.
    pub objects: Vec<ObjectId>,
    /// When it was first refused.
    #[serde(serialize_with = "seconds")]
    pub since: SystemTime,
}

fn seconds<S: serde::Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since_epoch = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    serializer.serialize_f64(since_epoch.as_millis() as f64 / 1000.0)
}
