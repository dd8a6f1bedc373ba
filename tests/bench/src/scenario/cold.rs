//! S5: a large mesh, from the start of the control plane to its first proxy.

use std::path::Path;
use std::time::Duration;

use super::bed::Bed;
use super::figure;
use super::server::Server;
use super::tools::Tools;
use crate::client::Driver;
use crate::record::{Run, Stack, Unit};

const LIMIT: Duration = Duration::from_secs(120);

/// Starts the control plane, then one proxy, then so many.
pub(super) async fn record(
    stack: Stack,
    tools: &Tools,
    bed: &mut Bed,
    dump: &Path,
    count: usize,
    run: &mut Run,
) -> anyhow::Result<()> {
    let server = Server::start(stack, tools, bed, dump).await?;
    let process = server.process();
    let ready = process.sample()?;
    run.put(figure::MEMORY_IDLE, Unit::Bytes, ready.rss as f64);
    run.put(
        figure::CPU,
        Unit::Seconds,
        (ready.user + ready.system).as_secs_f64(),
    );
    if let Some(after) = server.ready_after() {
        run.put(figure::READY, Unit::Seconds, after.as_secs_f64());
    }
    let mut client = Driver::launch(&tools.client()).await?;
    let t0 = client.start(&server.fleet(bed, 1)).await?;
    let one = client.complete(1, LIMIT).await?;
    let first = one.last_after(t0);
    let first = first.ok_or_else(|| anyhow::anyhow!("no proxy is complete after {LIMIT:?}"))?;
    run.put(figure::FIRST_COMPLETE, Unit::Seconds, first.as_secs_f64());
    client.clear().await?;
    if count > 1 {
        let t0 = client.start(&server.fleet(bed, count)).await?;
        let all = client.complete(count, LIMIT).await?;
        anyhow::ensure!(all.complete.len() >= count, "not all proxies are complete");
        let last = all.last_after(t0).unwrap_or_default();
        run.put(figure::LAST, Unit::Seconds, last.as_secs_f64());
        run.put(figure::MEMORY, Unit::Bytes, process.sample()?.rss as f64);
    }
    client.stop().await?;
    Ok(())
}
