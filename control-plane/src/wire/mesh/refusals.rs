//! What proxies refuse, kept in the ledger until it is taken, is another, or is gone.

use std::sync::Arc;
use std::time::SystemTime;

use tulle_status::{Refusal, RefusalKey};
use tulle_xds::{Change, Scope, TypeUrl};

use super::Mesh;

impl Mesh {
    /// A proxy keeps what it had, and says why.
    pub(super) fn refused(
        &mut self,
        scope: &Scope,
        type_url: TypeUrl,
        names: &[Arc<str>],
        message: &str,
    ) {
        for name in names {
            let objects = self.engine.origins(scope, type_url, name);
            let refusal = Refusal {
                message: message.into(),
                objects: objects.clone(),
                since: SystemTime::now(),
            };
            if self
                .ledger
                .refuse(refusal_key(scope, type_url, name), refusal)
            {
                let objects: Vec<String> = objects.iter().map(ToString::to_string).collect();
                tracing::error!(
                    %scope, %type_url, %name, objects = objects.join(", "),
                    "an Envoy refuses what these objects say, and keeps what it had: {message}"
                );
            }
        }
    }

    /// Whether any proxy refuses anything.
    pub(super) fn is_anything_refused(&self) -> bool {
        !self.ledger.refusals().is_empty() || !self.at_home.is_empty()
    }

    /// A proxy took something. One that went back to an earlier version has not taken what others refuse.
    pub(super) fn taken(
        &mut self,
        scope: &Scope,
        type_url: TypeUrl,
        name: &Arc<str>,
        version: Option<Arc<str>>,
    ) {
        let newest = self.store.get(scope, type_url, name);
        if newest.map(|newest| newest.version().clone()) == version {
            self.ledger.clear(&refusal_key(scope, type_url, name));
        }
    }

    /// What a proxy said of a resource does not hold for its next version, nor for one that is gone.
    pub(super) fn forget_refusal(&mut self, scope: &Scope, change: &Change) {
        let key = match change {
            Change::Put(resource) => refusal_key(scope, resource.type_url(), resource.name()),
            Change::Remove(type_url, name) => refusal_key(scope, *type_url, name),
        };
        self.at_home.forget(&key);
        if let Some(refusal) = self.ledger.clear(&key) {
            tracing::info!(%scope, name = %key.name, "no longer refused: {}", refusal.message);
        }
    }
}

/// What a refusal is kept under.
pub(super) fn refusal_key(scope: &Scope, type_url: TypeUrl, name: &Arc<str>) -> RefusalKey {
    RefusalKey {
        scope: scope.as_str().into(),
        type_url: type_url.as_str().into(),
        name: name.clone(),
    }
}
