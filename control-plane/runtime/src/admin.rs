//! The admin port: `/metrics`, `/healthz`, `/readyz`, and the `/debug` pages of the other rooms.
//!
//! The first three answer to everybody. `/debug` shows configuration, so it answers only to callers on this machine, and only
//! under a name of this machine: a web page that had its own host name resolve to 127.0.0.1 would otherwise read it through the
//! browser (DNS rebinding). There is no CORS header anywhere.

mod loopback;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use http::{StatusCode, header};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::drain::DrainSignal;
use crate::metrics::{self, Metrics};
use crate::readiness::Readiness;
pub use loopback::PeerAddress;

/// Connections served at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 128;
/// How long a caller may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after the kernel could not hand over a connection (descriptors exhausted).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The admin server does not come up.
#[derive(Debug, thiserror::Error)]
#[error("admin port: cannot listen on {address}")]
pub struct AdminError {
    /// The address asked for.
    pub address: SocketAddr,
    /// What the operating system says.
    pub source: io::Error,
}

/// A server that has its port and does not answer yet.
#[derive(Debug)]
pub struct AdminServer {
    listener: TcpListener,
    address: SocketAddr,
}

/// What the port shows.
#[derive(Debug, Clone)]
pub struct AdminPages {
    /// Told under `/metrics`.
    pub metrics: Metrics,
    /// Told under `/readyz`.
    pub readiness: Readiness,
    /// Routes below `/debug`, without that prefix.
    pub debug: Router,
}

impl AdminServer {
    /// Takes the port. Port 0 takes any free one, see [`Self::address`].
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn bind(address: SocketAddr) -> Result<Self, AdminError> {
        let error = |source| AdminError { address, source };
        let listener = TcpListener::bind(address).await.map_err(error)?;
        let address = listener.local_addr().map_err(error)?;
        Ok(Self { listener, address })
    }

    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the drain is over; from its request on `/readyz` says no.
    pub async fn serve(self, pages: AdminPages, drain: DrainSignal) {
        let router = router(pages, drain.clone());
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = drain.ended() => break,
                accepted = accept(&self.listener, &slots) => accepted,
            };
            while connections.try_join_next().is_some() {}
            let (stream, peer, slot) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::debug!(%error, "admin port: cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (router, drain) = (router.clone(), drain.clone());
            connections.spawn(async move {
                converse(stream, peer, router, drain).await;
                drop(slot);
            });
        }
        drop(self.listener);
        // Answers under way are finished, but nobody is waited for who only sits there.
        let _ = tokio::time::timeout(Duration::from_secs(1), async {
            while connections.join_next().await.is_some() {}
        })
        .await;
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, slot))
}

async fn converse(stream: TcpStream, peer: SocketAddr, router: Router, drain: DrainSignal) {
    let router = router.layer(axum::Extension(PeerAddress(peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = drain.ended() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "admin port: connection ended");
    }
}

fn router(pages: AdminPages, drain: DrainSignal) -> Router {
    let debug = pages.debug.layer(axum::middleware::from_fn(loopback::only));
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .with_state((pages.readiness, drain))
        .route("/metrics", get(show_metrics))
        .with_state(pages.metrics)
        .nest("/debug", debug)
        // Typed as a folder: the pages themselves say who may read them.
        .route("/debug/", get(async || Redirect::permanent("/debug")))
}

async fn readyz(
    State((readiness, drain)): State<(Readiness, DrainSignal)>,
) -> (StatusCode, String) {
    let pending = readiness.pending();
    let (status, mut text) = if drain.is_requested() {
        (StatusCode::SERVICE_UNAVAILABLE, "ending\n".to_owned())
    } else if pending.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("waiting for: {}\n", pending.join(", ")),
        )
    };
    for remark in readiness.remarks() {
        text.push_str(&remark);
        text.push('\n');
    }
    (status, text)
}

async fn show_metrics(State(metrics): State<Metrics>) -> impl IntoResponse {
    match metrics.encode() {
        Ok(text) => Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text)),
        Err(_) => Err((StatusCode::INTERNAL_SERVER_ERROR, "a collector failed\n")),
    }
}

#[cfg(test)]
mod tests;
