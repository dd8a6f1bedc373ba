//! A resource that a real proxy did not accept.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tulle_model::{ObjectId, Str};

/// Which resource of which proxies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RefusalKey {
    /// The proxies' group, such as `virtualnode/shop/front`.
    pub scope: Str,
    /// Type URL of the resource.
    pub type_url: Str,
    /// Name of the resource.
    pub name: Str,
}

impl RefusalKey {
    /// The namespace of the proxies; `None` for a scope that is not one of proxies.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.scope.split('/').nth(1)
    }
}

/// What the proxy said, and whom it concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Envoy's own words.
    pub message: Str,
    /// Objects from which the resource was made.
    pub objects: Vec<ObjectId>,
    /// When it was first refused.
    #[serde(with = "crate::time")]
    pub since: SystemTime,
}

/// A refusal as one of its objects sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// Which resource of which proxies.
    pub key: RefusalKey,
    /// Envoy's own words.
    pub message: Str,
}
