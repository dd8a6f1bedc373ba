//! S4: every endpoint of a large service is replaced, one after the other, while other services change too. S9: for long.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::change::late;
use super::figure;
use super::up::Up;
use crate::client::{Driver, Kind, Watch, WatchId, With};
use crate::clock::Nanos;
use crate::data::{self, Shape, called_by};
use crate::event::{Change, Noise};
use crate::record::{Quantiles, Run, Sample, Unit};

/// Endpoints that are replaced.
const PODS: usize = 100;
/// Changes elsewhere in a second, and of how many services.
const NOISE: u32 = 5;
const NOISY: usize = 20;
/// The longest that an acknowledgement may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Rolls before memory is looked at: the allocator grows to what a roll needs at its worst, and keeps it.
const WARM_UP: usize = 5;
/// How long what a roll has set off may go on.
const REST: Duration = Duration::from_secs(1);
/// Removals whose acknowledgements are waited for at the same time.
const OPEN: usize = 4;

/// A removal that proxies have still to be told of.
struct Open {
    watch: WatchId,
    t0: Nanos,
}

/// From a removal to the first and to the last acknowledgement of it, seconds.
struct Stale {
    first: f64,
    last: f64,
}

/// One roll over this time, and how long removed endpoints stayed in use.
pub(super) async fn record(
    up: &mut Up,
    shape: &Shape,
    over: Duration,
    run: &mut Run,
) -> anyhow::Result<()> {
    let count = shape.proxies;
    let service = called_by(count);
    prepare(up, &service).await?;
    let process = up.server.process();
    let (sample, before) = (process.sample()?, up.client.report().await?);
    let stale = roll(up, shape, &service, over, 0).await?;
    let used = process.sample()?.since(&sample);
    let report = up.client.report().await?.since(&before);
    let firsts: Vec<f64> = stale.iter().map(|stale| stale.first).collect();
    let of = Quantiles::of(&firsts).unwrap_or_default();
    run.put(figure::FIRST, Unit::Seconds, of.p50);
    run.put(figure::FIRST_MAX, Unit::Seconds, of.max);
    let of = lasts(&stale);
    run.put(figure::LAST, Unit::Seconds, of.p50);
    run.put(figure::LAST_P99, Unit::Seconds, of.p99);
    run.put(figure::LAST_MAX, Unit::Seconds, of.max);
    let each = |total: u64| total as f64 / count.max(1) as f64;
    run.put(figure::CPU, Unit::Seconds, used.cpu().as_secs_f64());
    run.put(figure::WIRE_EACH, Unit::Bytes, each(report.wire.read));
    let messages = each(report.total().messages);
    run.put(figure::MESSAGES_EACH, Unit::Count, messages);
    Ok(())
}

/// Rolls for so long, and how memory and files grew. `told` hears of it now and then.
pub(super) async fn soak(
    up: &mut Up,
    shape: &Shape,
    long: Duration,
    told: impl Fn(&Sample),
    run: &mut Run,
) -> anyhow::Result<()> {
    let over = Duration::from_secs(30);
    let service = called_by(shape.proxies);
    prepare(up, &service).await?;
    let process = up.server.process();
    for turn in 0..WARM_UP {
        roll(up, shape, &service, over, turn).await?;
    }
    let first = process.sample()?;
    let tasks = tasks(up).await?;
    let mut samples = vec![(0.0, first.rss as f64)];
    let mut stale = Vec::new();
    let started = Instant::now();
    let mut turn = WARM_UP;
    while started.elapsed() < long {
        stale.extend(roll(up, shape, &service, over, turn).await?);
        let now = process.sample()?;
        told(&now);
        samples.push((started.elapsed().as_secs_f64() / 3600.0, now.rss as f64));
        turn += 1;
    }
    let last = process.sample()?;
    let used = last.since(&first);
    let of = lasts(&stale);
    run.put(figure::LAST_P99, Unit::Seconds, of.p99);
    run.put(figure::LAST_MAX, Unit::Seconds, of.max);
    let slope = slope(&samples);
    run.put(figure::SLOPE, Unit::Bytes, slope);
    let share = slope / last.rss.max(1) as f64;
    run.put(figure::SLOPE_SHARE, Unit::Count, share);
    run.put(figure::MEMORY, Unit::Bytes, last.rss as f64);
    let gained = last.fds as f64 - first.fds as f64;
    run.put(figure::FILES, Unit::Count, gained);
    let gained = last.threads.len() as f64 - first.threads.len() as f64;
    run.put(figure::THREADS, Unit::Count, gained);
    if let (Some(before), Some(after)) = (tasks, self::tasks(up).await?) {
        run.put(figure::TASKS, Unit::Count, after - before);
    }
    run.put(figure::CPU, Unit::Seconds, used.cpu().as_secs_f64());
    Ok(())
}

/// Tasks of a control plane that tells of them, when nothing goes on.
async fn tasks(up: &Up) -> anyhow::Result<Option<f64>> {
    sleep(REST).await;
    match up.server.as_tulle() {
        Some(tulle) => Ok(Some(tulle.tasks().await?)),
        None => Ok(None),
    }
}

fn lasts(stale: &[Stale]) -> Quantiles {
    let lasts: Vec<f64> = stale.iter().map(|stale| stale.last).collect();
    Quantiles::of(&lasts).unwrap_or_default()
}

/// The slope of the line through the points that has the least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let (mut over, mut under) = (0.0, 0.0);
    for point in points {
        over += (point.0 - x) * (point.1 - y);
        under += (point.0 - x) * (point.0 - x);
    }
    if under == 0.0 { 0.0 } else { over / under }
}

/// The endpoints of one generation.
fn generation(number: usize) -> Vec<Ipv4Addr> {
    let first = 60_000 + number % 100 * PODS;
    (first..first + PODS).map(data::noise_address).collect()
}

/// The service has its endpoints, and everybody knows them.
async fn prepare(up: &mut Up, service: &str) -> anyhow::Result<()> {
    let Some(events) = &mut up.events else {
        anyhow::bail!("a floor has no endpoints to roll");
    };
    let addresses = generation(0);
    let service = service.to_owned();
    let change = Change::Endpoints { service, addresses };
    events.change(&change).await?;
    sleep(REST).await;
    Ok(())
}

/// What goes on elsewhere meanwhile.
pub(super) fn noise(shape: &Shape) -> Noise {
    Noise {
        per_second: NOISE,
        services: (0..NOISY.min(shape.plain_services()))
            .map(|number| data::service(number * 7 % shape.plain_services()))
            .collect(),
    }
}

/// How long each removed endpoint stayed in use.
async fn roll(
    up: &mut Up,
    shape: &Shape,
    service: &str,
    over: Duration,
    turn: usize,
) -> anyhow::Result<Vec<Stale>> {
    let count = shape.proxies;
    let (old, new) = (generation(turn), generation(turn + 1));
    let resource = up.server.resource(Kind::Eds, service);
    let Some(events) = &mut up.events else {
        anyhow::bail!("a floor has no endpoints to roll");
    };
    events.noise(Some(noise(shape))).await?;
    let pace = over / u32::try_from(2 * PODS)?;
    let mut next = Instant::now();
    let mut addresses = old.clone();
    let mut open = VecDeque::new();
    let mut stale = Vec::new();
    for (old, new) in old.iter().zip(&new) {
        addresses.push(*new);
        sleep_until(next).await;
        events.change(&endpoints(service, &addresses)).await?;
        next += pace;

        addresses.retain(|address| address != old);
        let watch = Watch {
            exact: true,
            ..Watch::new(Kind::Eds, &*resource, With::NoAddress(old.to_string()))
        };
        sleep_until(next).await;
        let watch = up.client.watch(&watch).await?;
        let written = events.change(&endpoints(service, &addresses)).await?;
        open.push_back(Open {
            watch,
            t0: written.acknowledged,
        });
        next += pace;
        while open.len() > OPEN
            && let Some(one) = open.pop_front()
        {
            stale.push(settled(&mut up.client, &one, count).await?);
        }
    }
    for one in open {
        stale.push(settled(&mut up.client, &one, count).await?);
    }
    events.noise(None).await?;
    Ok(stale)
}

fn endpoints(service: &str, addresses: &[Ipv4Addr]) -> Change {
    Change::Endpoints {
        service: service.to_owned(),
        addresses: addresses.to_vec(),
    }
}

async fn settled(client: &mut Driver, one: &Open, count: usize) -> anyhow::Result<Stale> {
    let seen = client.seen(one.watch, count, LIMIT).await?;
    if seen.acks.len() < count {
        let waited = format!("{count} proxies that know of a removed endpoint after {LIMIT:?}");
        return Err(late(client, seen.acks.len(), &waited).await);
    }
    let after = seen.after(one.t0);
    let of = |moment: Option<&f64>| moment.copied().unwrap_or_default();
    Ok(Stale {
        first: of(after.first()),
        last: of(after.last()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_of_a_line() {
        let points: Vec<(f64, f64)> = (0..9)
            .map(|x| (f64::from(x), 7.0 + 3.0 * f64::from(x)))
            .collect();
        assert!((slope(&points) - 3.0).abs() < 1e-9);
        assert_eq!(slope(&[(1.0, 1.0)]), 0.0);
    }
}
