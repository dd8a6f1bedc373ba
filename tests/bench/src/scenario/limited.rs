//! S12: all proxies dial at once, and the control plane may use so much memory and no more.

use std::time::Duration;

use super::bed::Bed;
use super::figure;
use super::server::Server;
use super::storm;
use super::tools::Tools;
use super::up::Up;
use crate::record::{Run, Unit};
use crate::stack::MemoryLimit;

/// What it may use, bytes.
pub(super) const MEMORY: u64 = 512 << 20;

/// Runs the storm of [`storm`] under the limit. It fails where the kernel has no such limit to give.
pub(super) async fn record(
    tools: &Tools,
    bed: &mut Bed,
    count: usize,
    run: &mut Run,
) -> anyhow::Result<()> {
    let limit = MemoryLimit::new(MEMORY)?;
    let server = Server::limited(tools, bed, &limit).await?;
    let up = Up::on(server, tools, bed, count).await?;
    storm::record(&up.storm, run);
    let most = limit.peak()?;
    run.put(figure::GROUP_PEAK, Unit::Bytes, most as f64);
    up.stop().await?;
    // Its group can be removed once it has ended.
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(())
}
