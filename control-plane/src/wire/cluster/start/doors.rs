//! The ports by which a replica is reached, opened last: nobody is served before everything is known.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tulle_index::ServedNames;
use tulle_injector::webhook::Server as WebhookServer;
use tulle_runtime::drain::DrainWatcher;
use tulle_xds::Server;

use super::ClusterOptions;
use super::tasks::Tasks;
use crate::config::MeshConfig;
use crate::wire::cluster::admission::Webhooks;
use crate::wire::dns::Dns;
use crate::wire::late::Late;

/// Proxies leave spread over this time.
const LEAVE_OVER: Duration = Duration::from_secs(10);
/// The Service goes on sending webhook calls to a pod for a while after it began to end.
const LINGER: Duration = Duration::from_secs(5);

/// What is behind them.
pub(super) struct Doors {
    pub(super) xds: Server,
    pub(super) webhooks: WebhookServer<Webhooks>,
    /// What the DNS server answers.
    pub(super) names: watch::Receiver<Arc<ServedNames>>,
    /// Where the DNS server tells what it did.
    pub(super) late: Late,
}

/// Opens every port, and serves until the drain is over.
pub(super) async fn open(
    doors: Doors,
    options: &ClusterOptions,
    config: &MeshConfig,
    address: IpAddr,
    watcher: DrainWatcher,
    tasks: &mut Tasks,
) -> anyhow::Result<()> {
    let Doors {
        xds: server,
        webhooks,
        names,
        late,
    } = doors;
    let xds_address = SocketAddr::new(address, config.listen.xds);
    let xds = tulle_xds::listen(xds_address)
        .with_context(|| format!("xDS port: cannot listen on {xds_address}"))?;
    let webhook_address = SocketAddr::new(address, config.listen.webhook);
    let webhook = TcpListener::bind(webhook_address)
        .await
        .with_context(|| format!("webhook port: cannot listen on {webhook_address}"))?;
    if config.dns.serves(true) {
        let dns_address = SocketAddr::new(address, config.listen.dns);
        let nameserver = format!(
            "{}-dns.{}.svc.{}",
            options.service, options.namespace, config.cluster_domain
        );
        let dns = Dns::bind(dns_address, &nameserver, names).await?;
        late.set_dns(dns.told());
        tasks.spawn("the DNS server", dns.serve());
    }
    tracing::info!(xds = %xds_address, webhook = %webhook_address, "serving");
    let leave = tasks.leave.clone();
    let watching_end = watcher.clone();
    tasks.spawn("the webhooks", async move {
        let lingered = async {
            watching_end.requested().await;
            tokio::time::sleep(LINGER).await;
        };
        webhooks.serve(webhook, lingered).await;
        drop(watching_end);
    });
    tasks.spawn("the xDS server", async move {
        let leaving = async {
            watcher.requested().await;
            // Another may lead at once.
            leave.cancel();
            server.drain(LEAVE_OVER);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = server.serve(xds) => {}
            () = leaving => {}
            () = watcher.forced() => {}
        }
        // The last proxy has left: the drain need not wait any longer.
        drop(watcher);
    });
    Ok(())
}
