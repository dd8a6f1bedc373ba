//! S10: a service is rolled while real Envoys send requests to it.
//!
//! Each sidecar runs beside an application in a network namespace, where requests to the service's address are led to it and
//! where every pod of the service has a server. Pods end as a kubelet ends them: an endpoint is written to be about to end, its
//! server goes on for the grace that it has, and is killed. Proxies have no certificates here, so that Envoys speak with pods
//! in plain HTTP, as they do with pods that have no sidecar.

mod load;
mod pods;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::bed::Bed;
use super::figure;
use super::roll::noise;
use super::tools::Tools;
use super::up::Up;
use crate::clock::{Nanos, between};
use crate::data::{self, NAMESPACE, PORT};
use crate::event::{self, Change};
use crate::record::{Quantiles, Run, Unit};
use crate::stack::{Envoy, EnvoyOptions, Space};
use load::Load;
use pods::{Pod, Pods};

/// Sidecars.
const SIDECARS: usize = 2;
/// Requests of each application in a second.
const RATE: u32 = 500;
/// Pods of the service, and how long it takes to replace one by another.
const PODS: usize = 30;
const PACE: Duration = Duration::from_millis(300);
/// The service: the first workload calls it, and noise does not touch it.
const SERVICE: usize = 1;
/// All addresses of a mesh, and those of its Services.
const HOME: &str = "10.0.0.0/8";
const SERVICES: &str = "10.0.0.0/16";
/// The first of its addresses.
const FIRST: usize = 80_000;
/// Before and after the roll there are requests for so long.
const REST: Duration = Duration::from_secs(1);

/// Rolls it with this grace.
pub(super) async fn record(
    up: &mut Up,
    tools: &Tools,
    bed: &mut Bed,
    grace: Duration,
    run: &mut Run,
) -> anyhow::Result<()> {
    let service = data::service(SERVICE);
    let path = format!("/api/v1/namespaces/{NAMESPACE}/services/{service}");
    let object = bed.server.api().get(&path).await?;
    let address = object["spec"]["clusterIP"].as_str();
    let address: Ipv4Addr = address.context("a Service without an address")?.parse()?;
    let target = SocketAddr::from((address, PORT));
    let host = format!("{service}.{NAMESPACE}.svc.cluster.local");
    let spaces = (0..SIDECARS)
        .map(|_| Ok(Arc::new(Space::new(HOME, SERVICES, PORT)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;

    let events = up.events.as_mut().context("a floor reads nothing")?;
    let mut roll = Roll::start(spaces.clone(), events).await?;
    let mut sidecars = Vec::new();
    for (number, space) in spaces.iter().enumerate() {
        let (inside, door) = space.door(up.server.address())?;
        let tls = up.server.tls();
        let options = EnvoyOptions {
            program: tools.envoy.clone().context("no Envoy: --envoy")?,
            target: inside,
            tls: tls.map(|tls| (tls.ca.clone(), tls.name.clone())),
            proxy: bed.proxy(number)?,
            deferred: true,
            space: Some(space.clone()),
        };
        let envoy = Envoy::start(&options, &bed.next_folder("envoy")).await?;
        load::once(space, target, &host).await?;
        sidecars.push((envoy, door));
    }

    let load = Load::start(&spaces, target, &host, RATE);
    tokio::time::sleep(REST).await;
    events.noise(Some(noise(&bed.shape))).await?;
    roll.all(events, grace).await?;
    events.noise(None).await?;
    tokio::time::sleep(REST).await;
    let tally = load.stop().await?;
    drop(sidecars);
    let addresses = bed.shape.addresses(&service);
    let restored = Change::Endpoints { service, addresses };
    events.change(&restored).await?;

    let failures = tally.failures();
    run.put(figure::FAILED, Unit::Count, failures as f64);
    let sent = tally.answers.len() as u64 + failures;
    run.put(figure::REQUESTS, Unit::Count, sent as f64);
    let of = Quantiles::of(&tally.answers).unwrap_or_default();
    run.put(figure::ANSWER, Unit::Seconds, of.p50);
    run.put(figure::ANSWER_P99, Unit::Seconds, of.p99);
    let last = Quantiles::of(&roll.stale).unwrap_or_default().max;
    run.put(figure::STALE, Unit::Seconds, last);
    for (cause, count) in tally.failed {
        run.notes.push(format!("{count} requests: {cause}"));
    }
    Ok(())
}

/// The service while it is rolled.
struct Roll {
    spaces: Vec<Arc<Space>>,
    running: Pods,
    /// Pods that were told to end; each gives back its address, and how long requests still came to it.
    leaving: JoinSet<(Ipv4Addr, f64)>,
    left: Vec<Ipv4Addr>,
    /// From the removal of each to the last request that came to it, seconds.
    stale: Vec<f64>,
}

impl Roll {
    /// All pods of the first generation run, and are written.
    async fn start(spaces: Vec<Arc<Space>>, events: &mut event::Driver) -> anyhow::Result<Self> {
        let mut roll = Self {
            spaces,
            running: Pods::new(),
            leaving: JoinSet::new(),
            left: Vec::new(),
            stale: Vec::new(),
        };
        for number in 0..PODS {
            roll.add(number)?;
        }
        roll.write(events).await?;
        Ok(roll)
    }

    fn add(&mut self, number: usize) -> anyhow::Result<()> {
        let address = data::noise_address(FIRST + number);
        let pod = Pod::start(address, &self.spaces)?;
        self.running.insert(address, pod);
        Ok(())
    }

    /// Replaces every pod.
    async fn all(&mut self, events: &mut event::Driver, grace: Duration) -> anyhow::Result<()> {
        let mut next = Instant::now();
        let first: Vec<Ipv4Addr> = self.running.keys().copied().collect();
        for (number, address) in first.into_iter().enumerate() {
            sleep_until(next).await;
            self.add(PODS + number)?;
            self.write(events).await?;
            sleep_until(next + PACE / 2).await;
            let pod = self.running.remove(&address).context("a pod that runs")?;
            self.left.push(address);
            let removed = self.write(events).await?;
            let end = Instant::now() + grace;
            self.leaving.spawn(async move {
                sleep_until(end).await;
                let asked = pod.asked().max(removed);
                (address, between(removed, asked).as_secs_f64())
            });
            next += PACE;
        }
        while !self.left.is_empty() {
            let ended = self.leaving.join_next().await;
            self.ended(ended.context("a pod that ends")??);
            self.write(events).await?;
        }
        Ok(())
    }

    fn ended(&mut self, (address, stale): (Ipv4Addr, f64)) {
        self.left.retain(|left| *left != address);
        self.stale.push(stale);
    }

    /// Writes which pods are ready and which are about to end. When the API server said so.
    async fn write(&mut self, events: &mut event::Driver) -> anyhow::Result<Nanos> {
        while let Some(ended) = self.leaving.try_join_next() {
            self.ended(ended?);
        }
        let change = Change::Roll {
            service: data::service(SERVICE),
            ready: self.running.keys().copied().collect(),
            leaving: self.left.clone(),
        };
        Ok(events.change(&change).await?.acknowledged)
    }
}
