//! A replica's life in a cluster, from the first moment to the end.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;
use tulle_runtime::admin::{AdminPages, AdminServer};
use tulle_runtime::drain::{Drained, drain};
use tulle_runtime::readiness::{Readiness, ReadinessGuard};

mod doors;
mod parts;
mod tasks;

use crate::config::MeshConfig;
use crate::wire::debug::{self, Question};
use crate::wire::late::Late;
use crate::wire::metrics::{self, Metrics};
use parts::bring_up;
use tasks::Tasks;

/// Who this replica is in its cluster.
#[derive(Debug)]
pub struct ClusterOptions {
    /// Its pod.
    pub pod_name: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its address.
    pub pod_ip: IpAddr,
    /// Its service account.
    pub service_account: Arc<str>,
    /// The Service in front of all replicas, and the ConfigMap with the settings.
    pub service: String,
    /// The ClusterRole that owns what the control plane makes.
    pub owner: String,
    /// Its own token of audience `tulle`.
    pub token: PathBuf,
}

/// How long the end may take; the chart gives the pod more.
const GRACE: Duration = Duration::from_secs(25);

/// Serves until a signal ends it.
pub(in crate::wire) async fn serve(
    options: ClusterOptions,
    config: MeshConfig,
) -> anyhow::Result<()> {
    let (trigger, watcher) = drain();
    // From the first moment: as the first process of its container it would not be ended by a signal otherwise.
    let mut drained = tokio::spawn(trigger.drain_on_signal(GRACE));
    let asked_to_end = watcher.signal();
    let address = listen_address(&config, options.pod_ip);
    let admin = AdminServer::bind(SocketAddr::new(address, config.listen.admin)).await?;
    let readiness = Readiness::new();
    let waits = Waits {
        objects: readiness.register("objects of the cluster"),
        authority: readiness.register("certificate authority"),
    };
    let late = Late::default();
    let (metrics, registry) = metrics::metrics(late.clone());
    let (ask, questions) = debug::door();
    let pages = AdminPages {
        metrics: registry,
        readiness: readiness.clone(),
        debug: debug::router(ask, late.clone()),
    };
    let admin = tokio::spawn(admin.serve(pages, watcher.signal()));

    let mut tasks = Tasks::default();
    let inputs = Inputs {
        options,
        config,
        address,
        metrics,
        questions,
        late,
        readiness,
    };
    let running = tokio::select! {
        running = bring_up(inputs, waits, watcher, &mut tasks) => running,
        () = asked_to_end.requested() => Ok(()),
    };
    let ended = match running {
        Err(error) => Err(error),
        Ok(()) => tokio::select! {
            biased;
            drained = &mut drained => drained?.context("signals"),
            why = tasks.unexpected(|| asked_to_end.is_requested()) => Err(why),
        },
    };
    // Another may lead at once.
    tasks.leave.cancel();
    if let Some(lease) = tasks.lease.take() {
        let _ = lease.await;
    }
    tasks.others.abort_all();
    if let Drained::Forced { left } = ended? {
        tracing::warn!(left, "ended without waiting any longer");
    }
    let _ = admin.await;
    Ok(())
}

/// What is waited for before this replica is ready.
struct Waits {
    objects: ReadinessGuard,
    authority: ReadinessGuard,
}

struct Inputs {
    options: ClusterOptions,
    config: MeshConfig,
    address: IpAddr,
    metrics: Metrics,
    questions: mpsc::Receiver<Question>,
    late: Late,
    readiness: Readiness,
}

/// Every address of the family that pods have, unless the settings name another.
fn listen_address(config: &MeshConfig, pod_ip: IpAddr) -> IpAddr {
    match config.listen.address {
        IpAddr::V4(any) if any.is_unspecified() && pod_ip.is_ipv6() => Ipv6Addr::UNSPECIFIED.into(),
        address => address,
    }
}
