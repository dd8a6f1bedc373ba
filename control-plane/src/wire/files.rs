//! Bringing the control plane up from files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::oneshot;
use tulle_identity::{Identity, ServingCertificate, ServingNames, TrustDomain};
use tulle_runtime::admin::{AdminPages, AdminServer};
use tulle_runtime::drain::{Drained, drain};
use tulle_runtime::readiness::Readiness;
use tulle_source::FileSource;
use tulle_xds::{Server, ServerSettings, Store, TypeTable};

use super::dns::Dns;
use super::late::Late;
use super::mesh::{Mesh, Updates};
use super::{GRACE, authenticate, debug, metrics};
use crate::config::MeshConfig;

/// Serves until a signal ends it.
pub(super) async fn serve(
    manifests: &[PathBuf],
    state: Option<&Path>,
    config: MeshConfig,
) -> anyhow::Result<()> {
    let trust_domain: TrustDomain = config.trust_domain.parse()?;
    let identity = Identity::open(state, &trust_domain)?;
    let readiness = Readiness::new();
    let files_read = readiness.register("manifests");

    let (store, feed) = Store::new(TypeTable::envoy());
    let address = SocketAddr::new(config.listen.address, config.listen.xds);
    let listener = tulle_xds::listen(address)
        .with_context(|| format!("xDS port: cannot listen on {address}"))?;
    let address = listener.local_addr()?;
    let server = xds_server(&config, &identity, store.clone())?;
    let admin =
        AdminServer::bind(SocketAddr::new(config.listen.address, config.listen.admin)).await?;
    tracing::info!(xds = %address, admin = %admin.address(), "listening");

    let (trigger, watcher) = drain();
    let (initial, files) = FileSource::start(manifests)?;
    let late = Late::default();
    late.set_server(server.clone());
    let (metrics, registry) = metrics::metrics(late.clone());
    let (ask, questions) = debug::door();
    let mesh = Mesh::new(
        config.settings(),
        (store, feed),
        Updates::Files(files),
        None,
        questions,
        late.clone(),
        metrics,
    );
    let dns = match config.dns.serves(false) {
        true => {
            let address = SocketAddr::new(config.listen.address, config.listen.dns);
            let dns = Dns::bind(address, "localhost", mesh.names()).await?;
            late.set_dns(dns.told());
            Some(dns)
        }
        false => None,
    };
    let (linked, is_linked) = oneshot::channel();
    let pages = AdminPages {
        metrics: registry,
        readiness,
        debug: debug::router(ask, late),
    };
    let leaving = watcher.signal();
    let admin = tokio::spawn(admin.serve(pages, watcher.signal()));
    let ready = move || {
        drop(files_read);
        let _ = linked.send(());
    };
    let mut mesh = tokio::spawn(mesh.run(Some(initial), ready, watcher.signal()));
    let dns = tokio::spawn(async move {
        if let (Some(dns), Ok(())) = (dns, is_linked.await) {
            dns.serve().await;
        }
    });
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
    let drained = tokio::select! {
        biased;
        drained = trigger.drain_on_signal(GRACE) => drained.context("signals")?,
        // Nobody would hear of anything any more.
        ended = &mut mesh => {
            ended.context("the task that owns the mesh")?;
            anyhow::bail!("the task that owns the mesh has ended");
        }
    };
    dns.abort();
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
        identifier: super::replica(),
        // Every Envoy of a workload bears the same name here, and there may be many.
        max_streams_per_caller: 10_000,
        ..ServerSettings::default()
    };
    Ok(Server::new(store, authenticator, certificate, settings)?)
}
