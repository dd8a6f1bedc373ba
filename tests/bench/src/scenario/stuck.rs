//! S13: a fifth of the proxies is stuck, and the others must not notice.

use super::bed::Bed;
use super::change::{Pace, What};
use super::figure;
use super::server::Server;
use super::tools::Tools;
use super::up::{Storm, Up};
use crate::client::{Driver, Stuck};
use crate::data::Dialect;
use crate::record::{Quantiles, Run, Stack, Unit};

/// One of so many proxies.
const SHARE: usize = 5;
/// Changes to all, with and without stuck proxies, take turns this often.
const TURNS: usize = 3;
/// The ways to be stuck, and what each is called.
const WAYS: [(Stuck, &str); 3] = [
    (Stuck::Socket, "sockets not read"),
    (Stuck::Window, "streams not read"),
    (Stuck::Ack, "nothing acknowledged"),
];

/// What changes were like for the proxies that are not stuck.
#[derive(Default)]
struct Phase {
    /// From each change to each acknowledgement, seconds.
    acks: Vec<f64>,
    /// Memory of the control plane afterwards, bytes.
    memory: Vec<f64>,
}

/// Runs it on a Tulle of its own, a run for each way to be stuck: `new` makes them.
pub(super) async fn record(
    tools: &Tools,
    bed: &mut Bed,
    pace: Pace,
    new: impl Fn(&str) -> Run,
) -> anyhow::Result<Vec<Run>> {
    let server = Server::start(Stack::Tulle, tools, bed, bed.folder().to_owned().as_path()).await?;
    let total = bed.shape.proxies;
    let stuck = total / SHARE;
    let mut slow = Driver::launch(&tools.client()).await?;
    Storm::of(&server, &mut slow, &server.fleet(bed, stuck)).await?;
    let mut client = Driver::launch(&tools.client()).await?;
    let mut rest = server.fleet(bed, total - stuck);
    rest.first = stuck;
    let storm = Storm::of(&server, &mut client, &rest).await?;
    let mut up = Up {
        server,
        client,
        events: Some(bed.events(Dialect::AppMesh).await?),
        storm,
    };
    let mut runs = Vec::new();
    changes(&mut up, bed, pace, &mut Phase::default()).await?;
    for (how, words) in WAYS {
        let (mut free, mut held) = (Phase::default(), Phase::default());
        for _ in 0..TURNS {
            changes(&mut up, bed, pace, &mut free).await?;
            slow.stick(stuck, how).await?;
            changes(&mut up, bed, pace, &mut held).await?;
            slow.unstick().await?;
            slow.complete(stuck, super::up::LIMIT).await?;
            tokio::time::sleep(super::up::SETTLE).await;
        }
        let mut run = new(words);
        let of = |phase: &Phase| Quantiles::of(&phase.acks).unwrap_or_default();
        let (before, after) = (of(&free), of(&held));
        run.put(figure::OTHERS_ACK, Unit::Seconds, after.p99);
        run.put(figure::OTHERS_P99, Unit::Count, after.p99 / before.p99);
        run.put(figure::OTHERS_MEDIAN, Unit::Count, after.p50 / before.p50);
        let memory = |phase: &Phase| crate::record::median(&phase.memory).unwrap_or_default();
        let grown = memory(&held) / memory(&free);
        run.put(figure::MEMORY_STUCK, Unit::Count, grown);
        runs.push(run);
    }
    slow.stop().await?;
    up.stop().await?;
    Ok(runs)
}

/// Changes to what everybody uses.
async fn changes(up: &mut Up, bed: &Bed, pace: Pace, phase: &mut Phase) -> anyhow::Result<()> {
    let shape = &bed.shape;
    let others = shape.proxies - shape.proxies / SHARE;
    for _ in 0..pace.times.div_ceil(TURNS) {
        let started = tokio::time::Instant::now();
        let (t0, seen) = up
            .once(shape, What::Endpoint, shape.proxies, others)
            .await?;
        phase.acks.extend(seen.after(t0));
        tokio::time::sleep_until(started + pace.apart).await;
    }
    phase.memory.push(up.server.process().sample()?.rss as f64);
    Ok(())
}
