//! S2 and S3: an endpoint, or the weight of a route, changes for some of the proxies.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::figure;
use super::up::Up;
use crate::client::{Driver, Kind, Report, Seen, Watch, With};
use crate::clock::Nanos;
use crate::data::{self, Dialect, FIRST_WEIGHT, Shape, called_by};
use crate::event::Change;
use crate::floor;
use crate::record::{Quantiles, Run, Unit};

/// The longest that an acknowledgement may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Changes made so far: what they wrote stays in the API server, from one stack to the next.
static CHANGES: AtomicU32 = AtomicU32::new(0);

/// The weight that each service has had last, in each dialect.
static WEIGHTS: Mutex<BTreeMap<(Dialect, String), u32>> = Mutex::new(BTreeMap::new());

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// An endpoint.
    Endpoint,
    /// The weight of a route.
    Weight,
}

impl What {
    fn kind(self) -> Kind {
        match self {
            Self::Endpoint => Kind::Eds,
            Self::Weight => Kind::Rds,
        }
    }
}

/// How often and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// So many changes.
    pub times: usize,
    /// From one to the next, unless it takes longer.
    pub apart: Duration,
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('x').and_then(|(times, apart)| {
            let times = times.parse().ok().filter(|times| *times > 0)?;
            Some((times, Duration::from_millis(apart.parse().ok()?)))
        });
        let (times, apart) =
            parts.ok_or_else(|| format!("'{text}' is no pace: say TIMESxMILLISECONDS"))?;
        Ok(Self { times, apart })
    }
}

/// Changes that many times what `count` proxies use, and records how they were told.
pub(super) async fn record(
    up: &mut Up,
    shape: &Shape,
    what: What,
    count: usize,
    pace: Pace,
    run: &mut Run,
) -> anyhow::Result<()> {
    let told = shape.told_of(count);
    let process = up.server.process();
    // The first pays for what the others find.
    up.once(shape, what, count, told).await?;
    let before: Report = up.client.report().await?;
    let sample = process.sample()?;
    let (mut first, mut median, mut last) = (Vec::new(), Vec::new(), Vec::new());
    let mut others = 0;
    for _ in 0..pace.times {
        let started = tokio::time::Instant::now();
        let (t0, seen) = up.once(shape, what, count, told).await?;
        let after = seen.after(t0);
        if let Some(of) = Quantiles::of(&after) {
            first.push(of.min);
            median.push(of.p50);
            last.push(of.max);
        }
        others += seen.others.messages;
        tokio::time::sleep_until(started + pace.apart).await;
    }
    let used = process.sample()?.since(&sample);
    let report = up.client.report().await?.since(&before);
    let of = |samples: &[f64]| Quantiles::of(samples).unwrap_or_default();
    run.put(figure::FIRST, Unit::Seconds, of(&first).p50);
    run.put(figure::MEDIAN, Unit::Seconds, of(&median).p50);
    run.put(figure::LAST, Unit::Seconds, of(&last).p50);
    run.put(figure::LAST_P99, Unit::Seconds, of(&last).p99);
    run.put(figure::LAST_MAX, Unit::Seconds, of(&last).max);
    run.put(figure::OTHERS, Unit::Count, others as f64);
    let updates = (pace.times * told).max(1) as f64;
    let cpu = used.cpu().as_secs_f64() / updates;
    run.put(figure::CPU_EACH, Unit::Seconds, cpu);
    let wire = report.wire.read as f64 / updates;
    run.put(figure::WIRE_EACH, Unit::Bytes, wire);
    let messages = report.total().messages as f64 / updates;
    run.put(figure::MESSAGES_EACH, Unit::Count, messages);
    Ok(())
}

impl Up {
    /// One change, to something that was not there before; `told` proxies of the client are waited for.
    pub(super) async fn once(
        &mut self,
        shape: &Shape,
        what: What,
        count: usize,
        told: usize,
    ) -> anyhow::Result<(Nanos, Seen)> {
        let number = CHANGES.fetch_add(1, Ordering::Relaxed);
        let service = called_by(count);
        let watch = Watch {
            exact: true,
            ..Watch::new(
                what.kind(),
                self.server.resource(what.kind(), &service),
                With::Any,
            )
        };
        let watch = self.client.watch(&watch).await?;
        let t0 = match &mut self.events {
            Some(events) => {
                let change = match what {
                    What::Endpoint => Change::Endpoints {
                        addresses: addresses(shape, &service, number),
                        service,
                    },
                    What::Weight => Change::Weights {
                        next: weight(self.server.dialect(), &service, number),
                        service,
                    },
                };
                events.change(&change).await?.acknowledged
            }
            None => {
                let name = self.server.resource(what.kind(), &service);
                let event = floor::Event {
                    kind: what.kind(),
                    name,
                    streams: told,
                };
                let floor = self.server.as_floor();
                let floor = floor.ok_or_else(|| anyhow::anyhow!("nobody to tell of a change"))?;
                floor.event(&event).await?
            }
        };
        let seen = self.client.seen(watch, told, LIMIT).await?;
        if seen.acks.len() < told {
            let waited = format!("{told} acknowledgements of a change of {what:?} after {LIMIT:?}");
            return Err(late(&mut self.client, seen.acks.len(), &waited).await);
        }
        Ok((t0, seen))
    }
}

/// That proxies were waited for in vain, and how they are: those that are not connected can tell nothing.
pub(super) async fn late(client: &mut Driver, seen: usize, waited: &str) -> anyhow::Error {
    match client.report().await {
        Err(error) => anyhow::anyhow!("{seen} of {waited}; and the client fails: {error}"),
        Ok(report) => anyhow::anyhow!(
            "{seen} of {waited}; {} of {} proxies are connected, ended streams and refusals since the first: {:?}",
            report.connected,
            report.proxies,
            report.refused
        ),
    }
}

/// A weight that the service has not, as what stays as it was is no change.
fn weight(dialect: Option<Dialect>, service: &str, number: u32) -> u32 {
    let next = 1 + number % 97;
    let Some(dialect) = dialect else {
        return next;
    };
    let mut weights = WEIGHTS.lock();
    let last = weights
        .entry((dialect, service.to_owned()))
        .or_insert(FIRST_WEIGHT);
    *last = if *last == next { next + 1 } else { next };
    *last
}

/// The endpoints of a service, one of them another each time.
fn addresses(shape: &Shape, service: &str, number: u32) -> Vec<Ipv4Addr> {
    let mut addresses = shape.addresses(service);
    if let Some(last) = addresses.last_mut() {
        *last = data::noise_address(100_000 + number as usize % 100_000);
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_weight_is_the_one_before() {
        let dialect = Some(Dialect::AppMesh);
        let mut last = FIRST_WEIGHT;
        for number in [9, 106, 203, 203, 204] {
            let next = weight(dialect, "some", number);
            assert_ne!(next, last);
            last = next;
        }
        assert_eq!(weight(Some(Dialect::Istio), "some", 204), 11);
    }
}
