//! S8: the control plane crashes and comes back; its proxies tell it what they hold.

use std::time::Duration;

use super::bed::Bed;
use super::figure;
use super::tools::Tools;
use super::up::Up;
use crate::clock::between;
use crate::data::{self, Dialect, service};
use crate::event::Change;
use crate::record::{Run, Unit};

const LIMIT: Duration = Duration::from_secs(120);

/// `changes` services get another endpoint while the control plane is away.
pub(super) async fn record(
    mut up: Up,
    tools: &Tools,
    bed: &mut Bed,
    changes: usize,
    run: &mut Run,
) -> anyhow::Result<Up> {
    let count = up.storm.completion.proxies;
    up.client.disconnect().await?;
    let before = up.client.report().await?;
    let mut source = bed.events(Dialect::AppMesh).await?;
    up.server = up
        .server
        .crash_and_start(tools, bed, async || {
            for number in 0..changes {
                let change = Change::Endpoints {
                    service: service(number),
                    addresses: vec![data::noise_address(50_000 + number)],
                };
                source.change(&change).await?;
            }
            Ok(())
        })
        .await?;
    source.stop().await?;
    if let Some(tulle) = up.server.as_tulle() {
        let ready = tulle.ready_after.as_secs_f64();
        run.put(figure::READY, Unit::Seconds, ready);
    }
    let process = up.server.process();
    let sample = process.sample()?;
    let t0 = up.client.reconnect(true).await?;
    let completion = up.client.complete(count, LIMIT).await?;
    let used = process.sample()?.since(&sample);
    anyhow::ensure!(
        completion.complete.len() >= count,
        "{} of {count} proxies are back after {LIMIT:?}",
        completion.complete.len()
    );
    // What is sent after a proxy counts as complete.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let report = up.client.report().await?.since(&before);
    let last = completion.last_after(t0).unwrap_or_default();
    run.put(figure::LAST, Unit::Seconds, last.as_secs_f64());
    if let Some(connected) = completion.connected.last() {
        let connected = between(t0, *connected).as_secs_f64();
        run.put(figure::CONNECTED, Unit::Seconds, connected);
    }
    let each = |total: u64| total as f64 / count.max(1) as f64;
    let total = report.total();
    run.put(figure::RESOURCES_EACH, Unit::Count, each(total.resources));
    run.put(figure::BYTES_EACH, Unit::Bytes, each(total.resource_bytes));
    run.put(figure::WIRE_EACH, Unit::Bytes, each(report.wire.read));
    run.put(figure::CPU, Unit::Seconds, used.cpu().as_secs_f64());
    for (kind, sent) in &report.kinds {
        if sent.resources + sent.removed > 0 {
            let note = format!(
                "{kind:?}: {} sent, {} removed",
                sent.resources, sent.removed
            );
            run.notes.push(note);
        }
    }
    Ok(up)
}
