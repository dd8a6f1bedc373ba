//! S14: what one proxy's configuration costs a real Envoy.

use std::time::Duration;

use anyhow::Context;

use super::bed::Bed;
use super::figure;
use super::server::Server;
use super::tools::Tools;
use crate::record::{Process, Run, Sample, Unit};
use crate::stack::{Envoy, EnvoyOptions};

/// After it is ready its memory settles for so long.
const SETTLE: Duration = Duration::from_secs(1);

/// Starts an Envoy in the place of the first proxy and looks at it once it has everything.
pub(super) async fn record(
    server: &Server,
    tools: &Tools,
    bed: &mut Bed,
    deferred: bool,
    run: &mut Run,
) -> anyhow::Result<()> {
    let program = tools
        .envoy
        .as_ref()
        .context("no Envoy was given: --envoy")?;
    let options = EnvoyOptions {
        program: program.clone(),
        target: server.address(),
        tls: server.tls().map(|tls| (tls.ca.clone(), tls.name.clone())),
        proxy: bed.proxy(0)?,
        deferred,
        space: None,
    };
    let idle = Envoy::idle(program, &bed.next_folder("envoy")).await?;
    let own = used(&idle)?;
    drop(idle);
    let envoy = Envoy::start(&options, &bed.next_folder("envoy")).await?;
    let cpu = used(&envoy)?;
    for refused in [
        "cluster_manager.cds.update_rejected",
        "listener_manager.lds.update_rejected",
    ] {
        let count = envoy.stat(refused).await?;
        anyhow::ensure!(
            count == 0,
            "{refused} is {count}: what it holds says nothing"
        );
    }
    tokio::time::sleep(SETTLE).await;
    let heap = envoy.allocated().await? as f64;
    run.put(figure::ENVOY_HEAP, Unit::Bytes, heap);
    let memory = Process::of(envoy.id()).sample()?.rss as f64;
    run.put(figure::ENVOY_MEMORY, Unit::Bytes, memory);
    let cpu = cpu.saturating_sub(own);
    run.put(figure::ENVOY_CPU, Unit::Seconds, cpu.as_secs_f64());
    let ready = envoy.ready_after.as_secs_f64();
    run.put(figure::ENVOY_READY, Unit::Seconds, ready);
    for (what, stat) in [
        ("clusters", "cluster_manager.active_clusters"),
        ("listeners", "listener_manager.total_listeners_active"),
    ] {
        let count = envoy.stat(stat).await?;
        run.put(format!("Envoy {what}"), Unit::Count, count as f64);
    }
    Ok(())
}

/// CPU since its start.
fn used(envoy: &Envoy) -> anyhow::Result<Duration> {
    let since_start = Process::of(envoy.id()).sample()?;
    Ok(since_start.since(&Sample::default()).cpu())
}
