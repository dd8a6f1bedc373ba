//! S6: every proxy asks for its certificate, which is made for it and served to it on its stream.

use super::bed::Bed;
use super::figure;
use super::server::Server;
use super::tools::Tools;
use super::up::Up;
use crate::client::Kind;
use crate::record::{Run, Unit};

/// All proxies come at once to a control plane that gives certificates. What that costs more than the storm without them, which
/// took `plain` seconds of CPU, is the certificates' doing.
pub(super) async fn record(
    tools: &Tools,
    bed: &mut Bed,
    count: usize,
    plain: f64,
    run: &mut Run,
) -> anyhow::Result<()> {
    let server = Server::with_certificates(tools, bed).await?;
    let up = Up::on(server, tools, bed, count).await?;
    let sent = up
        .storm
        .report
        .kinds
        .get(&Kind::Sds)
        .map_or(0, |sds| sds.resources);
    anyhow::ensure!(
        sent >= count as u64,
        "{sent} secrets were sent to {count} proxies"
    );
    let cpu = (up.storm.cpu() - plain).max(1e-6);
    run.put(figure::CPU_EACH, Unit::Seconds, cpu / count as f64);
    let rate = count as f64 / cpu;
    run.put(figure::CERTIFICATES_CORE, Unit::PerSecond, rate);
    run.put(figure::MEMORY_EACH, Unit::Bytes, up.storm.memory_each());
    let last = up
        .storm
        .completion
        .last_after(up.storm.t0)
        .unwrap_or_default();
    run.put(figure::LAST, Unit::Seconds, last.as_secs_f64());
    up.stop().await
}
