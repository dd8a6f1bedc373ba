//! S2 and S3: an endpoint, or the weight of a route, changes for some of the proxies.

use std::net::Ipv4Addr;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::figure;
use super::up::Up;
use crate::client::{Kind, Report, Seen, Watch, With};
use crate::clock::Nanos;
use crate::data::{self, Shape, called_by};
use crate::event::Change;
use crate::floor;
use crate::record::{Quantiles, Run, Unit};

/// The longest that an acknowledgement may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Changes made so far: what they wrote stays in the API server, from one stack to the next.
static CHANGES: AtomicU32 = AtomicU32::new(0);

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
                        service,
                        next: 1 + number % 97,
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
        anyhow::ensure!(
            seen.acks.len() >= told,
            "{} of {told} proxies have acknowledged a change of {what:?} after {LIMIT:?}",
            seen.acks.len()
        );
        Ok((t0, seen))
    }
}

/// The endpoints of a service, one of them another each time.
fn addresses(shape: &Shape, service: &str, number: u32) -> Vec<Ipv4Addr> {
    let mut addresses = shape.addresses(service);
    if let Some(last) = addresses.last_mut() {
        *last = data::noise_address(100_000 + number as usize % 100_000);
    }
    addresses
}
