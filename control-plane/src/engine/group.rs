//! Proxy groups: who holds the same config.

use std::fmt;

use tulle_model::{Capture, ProxyId};
use tulle_xds::Scope;

/// All proxies of one workload or gateway whose traffic is captured in one way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// Workload or gateway.
    pub proxy: ProxyId,
    /// How its traffic is captured.
    pub capture: Capture,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.proxy, self.capture)
    }
}

impl Group {
    /// The group's name at the xDS server.
    pub fn scope(&self) -> Scope {
        Scope::new(self.to_string())
    }

    /// The group of a scope made by [`Group::scope`].
    pub fn from_scope(scope: &Scope) -> Option<Self> {
        let (proxy, capture) = scope.as_str().split_once(' ')?;
        Some(Self {
            proxy: proxy.parse().ok()?,
            capture: capture.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_again_by_its_scope() {
        for capture in ["transparent", "loopback=127.80.1.0/29"] {
            let group = Group {
                proxy: "virtualnode/shop/front".parse().unwrap(),
                capture: capture.parse().unwrap(),
            };
            assert_eq!(Group::from_scope(&group.scope()), Some(group));
        }
    }
}
