//! The admission webhooks' HTTPS server: TLS, bounds, `AdmissionReview` in and out. What is decided is the business of an
//! [`Admission`].
//!
//! - Whoever reaches the port may speak, since the API server need not prove itself: every connection, body, wait and queue
//!   has a bound, and who only sits there makes room for who comes.
//! - What cannot be answered (busy, too late, a defect) is an HTTP error and never a denial, so that the webhook
//!   configuration's `failurePolicy` decides. A request that panics costs that request alone.
//! - No object, token or user is ever logged.

use std::future::Future;
use std::sync::Arc;

use rustls::server::ResolvesServerCert;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

mod body;
pub mod bundle;
mod connection;
mod exchange;
mod guests;
mod review;
mod settings;
mod stats;
mod tls;

pub use review::{
    AdmissionRequest, AdmissionResponse, GroupVersionKind, GroupVersionResource, Operation,
};
pub use settings::WebhookSettings;
pub use stats::{Connections, LATENCY_BOUNDS, Outcome, Route, Series, StatsSnapshot, WebhookStats};

use guests::Guests;

/// Who decides. A dry run ([`AdmissionRequest::dry_run`]) is asked like any other request: an implementation has no side
/// effects. It may be dropped at any await point, when the time is up or the caller has gone.
pub trait Admission: Send + Sync + 'static {
    /// A pod is made (`/inject`).
    fn inject(
        &self,
        request: AdmissionRequest,
    ) -> impl Future<Output = Result<AdmissionResponse, Unavailable>> + Send;

    /// An App Mesh object is made or changed; what is missing is written (`/mutate`).
    fn mutate(
        &self,
        request: AdmissionRequest,
    ) -> impl Future<Output = Result<AdmissionResponse, Unavailable>> + Send;

    /// An App Mesh object is made or changed; it is held against the rules (`/validate`).
    fn validate(
        &self,
        request: AdmissionRequest,
    ) -> impl Future<Output = Result<AdmissionResponse, Unavailable>> + Send;
}

/// There is no answer at present, say because nothing has been read from the API server yet: 503, with the reason.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// The server. Clones are the same one.
#[derive(Debug)]
pub struct Server<A>(Arc<Shared<A>>);

impl<A> Clone for Server<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Shared<A> {
    admission: A,
    tls: Arc<rustls::ServerConfig>,
    settings: WebhookSettings,
    guests: Arc<Guests>,
    stats: Arc<WebhookStats>,
    /// Reviews under way.
    slots: Semaphore,
    /// KiB of bodies held.
    memory: Arc<Semaphore>,
}

impl<A: Admission> Server<A> {
    /// A server of `admission`. `certificates` is asked at each handshake, so renewing its certificate needs no word to the
    /// server.
    ///
    /// # Errors
    /// Where the TLS provider cannot be set up.
    pub fn new(
        admission: A,
        certificates: Arc<dyn ResolvesServerCert>,
        settings: WebhookSettings,
    ) -> Result<Self, rustls::Error> {
        Ok(Self(Arc::new(Shared {
            admission,
            tls: Arc::new(tls::config(certificates)?),
            guests: Guests::new(settings.max_connections),
            stats: Arc::default(),
            slots: Semaphore::new(settings.max_reviews.max(1)),
            memory: Arc::new(Semaphore::new(
                // one body of the largest size has to fit
                settings.max_bodies.max(settings.max_body).div_ceil(1024),
            )),
            settings,
        })))
    }

    /// What was counted, for metrics.
    pub fn stats(&self) -> Arc<WebhookStats> {
        Arc::clone(&self.0.stats)
    }

    /// Accepts connections until `drain` is over, then finishes what is under way, for
    /// [`WebhookSettings::drain_grace`] at most. Dropping the future closes everything.
    ///
    /// A Service goes on sending to a pod for a while after it began to terminate: let `drain` come only then.
    pub async fn serve(&self, listener: TcpListener, drain: impl Future<Output = ()> + Send) {
        let shared = &self.0;
        let mut connections = JoinSet::new();
        let (leave, leaving) = watch::channel(false);
        let mut drain = std::pin::pin!(drain);
        loop {
            let accepted = tokio::select! {
                () = drain.as_mut() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((tcp, peer)) => match shared.guests.admit() {
                    Some((guest, evicted)) => {
                        shared.stats.accepted(evicted);
                        let leaving = leaving.clone();
                        connections.spawn(connection::serve(shared.clone(), tcp, guest, leaving));
                    }
                    None => {
                        shared.stats.refused();
                        tracing::debug!(%peer, "webhook: too many connections");
                    }
                },
                Err(error) => {
                    tracing::warn!(%error, "webhook: cannot accept a connection");
                    tokio::time::sleep(settings::ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        leave.send_replace(true);
        let _ = tokio::time::timeout(shared.settings.drain_grace, async {
            while connections.join_next().await.is_some() {}
        })
        .await;
    }
}

#[cfg(test)]
mod tests;
