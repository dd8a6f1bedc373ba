//! What a batch changed.

use std::collections::BTreeSet;

use tulle_model::ProxyId;
use tulle_model::endpoint::EndpointSetId;

/// Exactly what differs from before the batch, no more and no less.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// Proxies for which [`Index::view`](crate::Index::view) gives something else: changed, new or gone.
    pub views: BTreeSet<ProxyId>,
    /// Sets for which [`Index::endpoints`](crate::Index::endpoints) gives something else, of those that services lead to which
    /// some view may call. A set that comes to be one of them and that has no endpoints is not named, for it was empty before,
    /// too; nor is one that ceases to be, so that whoever goes on showing it shows its last endpoints.
    pub endpoints: BTreeSet<EndpointSetId>,
    /// Whether the findings changed.
    pub findings: bool,
    /// Whether [`Index::names`](crate::Index::names) gives something else.
    pub names: bool,
}

impl Delta {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.views.is_empty() && self.endpoints.is_empty() && !self.findings && !self.names
    }
}
