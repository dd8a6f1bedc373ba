//! What comes into being only after the admin port answers.

use std::sync::{Arc, OnceLock};

use tulle_injector::webhook::WebhookStats;
use tulle_status::Counters;
use tulle_xds::Server;

/// Set once each, read whenever somebody looks. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Late(Arc<Parts>);

#[derive(Default)]
struct Parts {
    server: OnceLock<Server>,
    webhooks: OnceLock<Arc<WebhookStats>>,
    writers: OnceLock<Arc<Counters>>,
}

impl Late {
    pub(super) fn set_server(&self, server: Server) {
        let _ = self.0.server.set(server);
    }

    pub(super) fn set_webhooks(&self, stats: Arc<WebhookStats>) {
        let _ = self.0.webhooks.set(stats);
    }

    pub(super) fn set_writers(&self, counters: Arc<Counters>) {
        let _ = self.0.writers.set(counters);
    }

    /// The xDS server, once there is one.
    pub(super) fn server(&self) -> Option<&Server> {
        self.0.server.get()
    }

    /// The counts of the webhooks.
    pub(super) fn webhooks(&self) -> Option<&Arc<WebhookStats>> {
        self.0.webhooks.get()
    }

    /// The counts of what is written to the API server.
    pub(super) fn writers(&self) -> Option<&Arc<Counters>> {
        self.0.writers.get()
    }
}

impl std::fmt::Debug for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Late")
    }
}
