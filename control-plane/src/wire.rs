//! The running control plane: the rooms as tasks, and the doors between them.

mod authenticate;
mod convergence;
mod debug;
mod mesh;
mod metrics;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tulle_identity::{Identity, ServingCertificate, ServingNames, TrustDomain};
use tulle_runtime::admin::{AdminPages, AdminServer};
use tulle_runtime::drain::{Drained, drain};
use tulle_runtime::readiness::Readiness;
use tulle_source::FileSource;
use tulle_xds::{Server, ServerSettings, Store, TypeTable};

use crate::config::MeshConfig;
use mesh::Mesh;

/// How long proxies are given to leave when the control plane ends.
const GRACE: Duration = Duration::from_secs(5);

/// What to serve.
#[derive(Debug)]
pub struct Options {
    /// Files and folders with manifests.
    pub manifests: Vec<PathBuf>,
    /// Where the CA and the token keys are kept; none: in memory.
    pub state: Option<PathBuf>,
    /// Settings.
    pub config: MeshConfig,
}

/// Serves until a signal ends it.
pub async fn serve(options: Options) -> anyhow::Result<()> {
    let Options {
        manifests,
        state,
        config,
    } = options;
    let trust_domain: TrustDomain = config.trust_domain.parse()?;
    let identity = Identity::open(state.as_deref(), &trust_domain)?;
    let readiness = Readiness::new();
    let files_read = readiness.register("manifests");

    let (store, feed) = Store::new(TypeTable::envoy());
    let address = SocketAddr::new(config.listen.address, config.listen.xds);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("xDS port: cannot listen on {address}"))?;
    let address = listener.local_addr()?;
    let server = xds_server(&config, &identity, store.clone())?;
    let admin =
        AdminServer::bind(SocketAddr::new(config.listen.address, config.listen.admin)).await?;
    tracing::info!(xds = %address, admin = %admin.address(), "listening");

    let (trigger, watcher) = drain();
    let (initial, files) = FileSource::start(&manifests)?;
    let (metrics, registry) = metrics::metrics(server.clone());
    let (mesh, ask) = Mesh::new(config.settings(), store, feed, files, metrics);
    let pages = AdminPages {
        metrics: registry,
        readiness,
        debug: debug::router(ask, server.clone()),
    };
    let leaving = watcher.signal();
    let admin = tokio::spawn(admin.serve(pages, watcher.signal()));
    let mesh = tokio::spawn(mesh.run(initial, files_read, watcher.signal()));
    let xds = tokio::spawn({
        let (server, signal) = (server.clone(), watcher.signal());
        async move {
            tokio::select! {
                () = server.serve(listener) => {}
                () = signal.ended() => {}
            }
            // The last proxy has left: the drain need not wait any longer.
            drop(watcher);
        }
    });
    tokio::spawn({
        async move {
            leaving.requested().await;
            server.drain(GRACE / 2);
        }
    });
    let drained = trigger.drain_on_signal(GRACE).await.context("signals")?;
    let _ = tokio::join!(admin, mesh, xds);
    if let Drained::Forced { left } = drained {
        tracing::warn!(left, "ended without waiting any longer");
    }
    Ok(())
}

fn xds_server(
    config: &MeshConfig,
    identity: &Identity,
    store: Arc<Store>,
) -> anyhow::Result<Server> {
    let names = ServingNames {
        dns_names: vec!["localhost".to_owned(), "tulle.tulle-system.svc".to_owned()],
        addresses: vec![config.local_xds().ip()],
    };
    let certificate = ServingCertificate::new(identity.authority.clone(), names)?;
    let authenticator = Arc::new(authenticate::Tokens::new(identity.tokens.clone()));
    let settings = ServerSettings {
        identifier: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        // Every Envoy of a workload bears the same name here, and there may be many.
        max_streams_per_caller: 10_000,
        ..ServerSettings::default()
    };
    Ok(Server::new(store, authenticator, certificate, settings)?)
}
