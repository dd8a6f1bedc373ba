//! What comes into being only after the admin port answers.

use std::sync::{Arc, OnceLock};

use tulle_injector::webhook::WebhookStats;
use tulle_status::Counters;
use tulle_xds::Server;

use super::cluster::Clock;
use super::dns::Told;

/// Set once each, read whenever somebody looks. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Late(Arc<Parts>);

#[derive(Default)]
struct Parts {
    server: OnceLock<Server>,
    webhooks: OnceLock<Arc<WebhookStats>>,
    writers: OnceLock<Arc<Counters>>,
    clock: OnceLock<Arc<Clock>>,
    dns: OnceLock<Arc<Told>>,
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

    pub(super) fn set_clock(&self, clock: Arc<Clock>) {
        let _ = self.0.clock.set(clock);
    }

    pub(super) fn set_dns(&self, told: Arc<Told>) {
        let _ = self.0.dns.set(told);
    }

    /// The xDS server, once there is one.
    pub(super) fn server(&self) -> Option<&Server> {
        self.0.server.get()
    }

    /// What is told of the DNS server, where there is one.
    pub(super) fn dns(&self) -> Option<&Arc<Told>> {
        self.0.dns.get()
    }

    /// The counts of the webhooks.
    pub(super) fn webhooks(&self) -> Option<&Arc<WebhookStats>> {
        self.0.webhooks.get()
    }

    /// The counts of what is written to the API server.
    pub(super) fn writers(&self) -> Option<&Arc<Counters>> {
        self.0.writers.get()
    }

    /// This clock beside the API server's.
    pub(super) fn clock(&self) -> Option<&Arc<Clock>> {
        self.0.clock.get()
    }
}

impl std::fmt::Debug for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Late")
    }
}
