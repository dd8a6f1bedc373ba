//! The transport: TLS 1.3, HTTP/2, gRPC framing, and one session a stream.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::server::ResolvesServerCert;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::auth::Authenticator;
use crate::feed::StreamId;
use crate::quarantine::Quarantine;
use crate::scope::Scope;
use crate::session::SessionSettings;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::type_url::TypeUrl;

mod body;
mod connection;
mod counters;
mod left_open;
mod limits;
mod listen;
mod peer;
mod registry;
mod route;
mod settings;
mod status;
mod stream;
mod tls;

pub use counters::Counters;
pub use listen::listen;
pub use peer::PeerCalls;
pub use route::REPORT as PEER_REPORT;
pub use settings::ServerSettings;

use counters::{Counting, add};
use left_open::LeftOpen;
use limits::{Admission, Limits};
use registry::Registry;

/// An xDS server. Clones are the same server.
#[derive(Clone)]
pub struct Server(Arc<Shared>);

struct Shared {
    store: Arc<Store>,
    authenticator: Arc<dyn Authenticator>,
    tls: Arc<rustls::ServerConfig>,
    settings: ServerSettings,
    session_settings: Arc<SessionSettings>,
    quarantine: Arc<Quarantine>,
    registry: Arc<Registry>,
    left_open: Arc<LeftOpen>,
    limits: Arc<Limits>,
    counting: Arc<Counting>,
    draining: watch::Sender<Option<Draining>>,
    peers: OnceLock<Arc<dyn PeerCalls>>,
}

#[derive(Clone, Copy, Debug)]
struct Draining {
    since: tokio::time::Instant,
    over: Duration,
}

/// Most contents that are remembered as rejected.
const MOST_QUARANTINED: usize = 4_096;
/// How often what has become old is looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// How long to wait after a failed accept, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Shared {
    fn sweep(&self, now: std::time::Instant) {
        self.store.sweep(self.settings.scope_grace, now);
        self.left_open.sweep(now);
    }
}

impl Server {
    /// A server of `store` for callers that `authenticator` proves. `certificates` is asked at each handshake, so
    /// renewing its certificate needs no word to the server.
    ///
    /// # Errors
    /// Where the TLS provider cannot be set up.
    pub fn new(
        store: Arc<Store>,
        authenticator: Arc<dyn Authenticator>,
        certificates: Arc<dyn ResolvesServerCert>,
        settings: ServerSettings,
    ) -> Result<Self, rustls::Error> {
        let quarantine = Arc::new(Quarantine::new(settings.quarantine_for, MOST_QUARANTINED));
        store.tell_drops(&quarantine);
        Ok(Self(Arc::new(Shared {
            store,
            authenticator,
            tls: Arc::new(tls::config(certificates)?),
            session_settings: Arc::new(settings.session.clone()),
            quarantine,
            registry: Arc::default(),
            left_open: Arc::default(),
            limits: Limits::new(settings.max_connections, settings.max_unauthenticated),
            counting: Arc::default(),
            draining: watch::Sender::new(None),
            peers: OnceLock::new(),
            settings,
        })))
    }

    /// From now on reports of peers ([`crate::Role::Peer`]) are given to `calls`. The first call counts.
    pub fn hear_peers(&self, calls: Arc<dyn PeerCalls>) {
        let _ = self.0.peers.set(calls);
    }

    /// Accepts connections until [`Server::drain`], then returns once the last has ended. Dropping the future closes
    /// them all.
    pub async fn serve(&self, listener: TcpListener) {
        let shared = &self.0;
        let mut connections = JoinSet::new();
        let mut draining = shared.draining.subscribe();
        let mut sweep = tokio::time::interval(
            SWEEP.min(shared.settings.scope_grace.max(Duration::from_millis(10))),
        );
        loop {
            tokio::select! {
                () = async { let _ = draining.wait_for(Option::is_some).await; } => break,
                _ = sweep.tick() => shared.sweep(std::time::Instant::now()),
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept() => match accepted {
                    Ok((tcp, peer)) => match shared.limits.admit(peer) {
                        Admission::Admitted { admitted, evicted } => {
                            add(&shared.counting.connections, 1);
                            add(&shared.counting.connections_evicted, usize::from(evicted));
                            connections.spawn(connection::serve(shared.clone(), tcp, admitted));
                        }
                        Admission::Refused => {
                            add(&shared.counting.connections_refused, 1);
                            tracing::warn!(%peer, "too many connections");
                        }
                    },
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        // clients go elsewhere, or come back to whoever listens next
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    /// Takes leave of all clients, evenly over the period `over`: streams end with `UNAVAILABLE`, connections with a
    /// GOAWAY. No new connections are accepted.
    pub fn drain(&self, over: Duration) {
        self.0.draining.send_if_modified(|draining| {
            let first = draining.is_none();
            if first {
                *draining = Some(Draining {
                    since: tokio::time::Instant::now(),
                    over,
                });
            }
            first
        });
    }

    /// Ends all streams of a caller, by its name, reports included: its proof no longer holds. How many there were. A stream
    /// that is just beginning is ended by [`Authenticator::still`], which has to know of the same before this is called.
    pub fn disconnect(&self, caller: &str) -> usize {
        self.0.registry.end(caller)
    }

    /// Lets a caller see nothing more of these types, on the streams it has and those it will have: it is told that they
    /// are gone. An empty list ends that. Whether anything is different by it.
    pub fn withdraw(&self, caller: &str, types: &[TypeUrl]) -> bool {
        let table = self.0.store.table();
        let mask = types
            .iter()
            .filter_map(|url| table.index_of(*url))
            .fold(0, |mask, of| mask | 1 << of.slot());
        self.0.registry.withdraw(caller, mask)
    }

    /// The state of all streams, for people. Costs a short lock on each.
    pub fn snapshot(&self) -> Snapshot {
        let now = std::time::Instant::now();
        Snapshot {
            streams: self
                .0
                .registry
                .streams()
                .iter()
                .map(|stream| stream.view(now))
                .collect(),
            counters: self.counters(),
            quarantined: self.0.quarantine.len(),
        }
    }

    /// For each stream, the version of a resource that its client has accepted: how one knows that all have, say, a new
    /// trust bundle.
    pub fn accepted(
        &self,
        type_url: TypeUrl,
        name: &str,
    ) -> Vec<(StreamId, Scope, Option<Arc<str>>)> {
        let Some(of) = self.0.store.table().index_of(type_url) else {
            return Vec::new();
        };
        let streams = self.0.registry.streams();
        streams
            .iter()
            .map(|stream| {
                (
                    stream.id,
                    stream.caller.scope.clone(),
                    stream.session.lock().accepted(of, name),
                )
            })
            .collect()
    }

    /// Totals, for metrics.
    pub fn counters(&self) -> Counters {
        self.0.counting.read()
    }

    /// Live streams.
    pub fn streams(&self) -> usize {
        self.0.registry.len()
    }

    /// Live connections, proven or not.
    pub fn connections(&self) -> usize {
        self.0.limits.connections()
    }
}
