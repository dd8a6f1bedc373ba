//! A control plane with its proxies connected, and how it came to that.

use std::path::Path;
use std::time::Duration;

use super::bed::Bed;
use super::server::Server;
use super::tools::Tools;
use crate::client::{Completion, Driver, Fleet, Report};
use crate::clock::{Nanos, between};
use crate::event;
use crate::record::{Sample, Stack};

/// The longest storm.
pub(super) const LIMIT: Duration = Duration::from_secs(240);
/// After the last proxy is complete memory settles for so long.
pub(super) const SETTLE: Duration = Duration::from_secs(2);

/// A control plane, its proxies, and what changes what it reads.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) server: Server,
    pub(super) client: Driver,
    /// None where nothing is read: a floor is told of changes.
    pub(super) events: Option<event::Driver>,
    pub(super) storm: Storm,
}

/// How the proxies came up.
#[derive(Debug)]
pub(super) struct Storm {
    /// Before the first proxy.
    pub(super) idle: Sample,
    /// When the last was complete.
    pub(super) done: Sample,
    /// Some time later.
    pub(super) steady: Sample,
    /// The moment before the first dialled.
    pub(super) t0: Nanos,
    pub(super) completion: Completion,
    pub(super) report: Report,
}

impl Up {
    /// Starts the control plane and `count` proxies at once.
    pub(super) async fn start(
        stack: Stack,
        tools: &Tools,
        bed: &mut Bed,
        dump: &Path,
        count: usize,
    ) -> anyhow::Result<Self> {
        let server = Server::start(stack, tools, bed, dump).await?;
        Self::on(server, tools, bed, count).await
    }

    /// Starts `count` proxies at once on a control plane that runs.
    pub(super) async fn on(
        server: Server,
        tools: &Tools,
        bed: &Bed,
        count: usize,
    ) -> anyhow::Result<Self> {
        let events = match server.dialect() {
            Some(dialect) => Some(bed.events(dialect).await?),
            None => None,
        };
        let mut client = Driver::launch(&tools.client()).await?;
        let fleet = server.fleet(bed, count);
        let storm = Storm::of(&server, &mut client, &fleet).await?;
        Ok(Self {
            server,
            client,
            events,
            storm,
        })
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.client.stop().await?;
        if let Some(events) = self.events {
            events.stop().await?;
        }
        Ok(())
    }
}

impl Storm {
    /// Starts these proxies, and waits until all of them are complete.
    pub(super) async fn of(
        server: &Server,
        client: &mut Driver,
        fleet: &Fleet,
    ) -> anyhow::Result<Self> {
        let count = fleet.count;
        let process = server.process();
        let idle = process.sample()?;
        process.forget_peak()?;
        let t0 = client.start(fleet).await?;
        let completion = client.complete(count, LIMIT).await?;
        let done = process.sample()?;
        let report = client.report().await?;
        anyhow::ensure!(
            completion.complete.len() >= count,
            "{}: {} of {count} proxies are complete after {LIMIT:?}: {report:?}",
            server.stack().label(),
            completion.complete.len()
        );
        tokio::time::sleep(SETTLE).await;
        Ok(Self {
            idle,
            done,
            steady: process.sample()?,
            t0,
            completion,
            report: client.report().await?,
        })
    }

    /// CPU of the control plane from the first dial to the last complete proxy, seconds.
    pub(super) fn cpu(&self) -> f64 {
        self.done.since(&self.idle).cpu().as_secs_f64()
    }

    /// Memory for each proxy, bytes.
    pub(super) fn memory_each(&self) -> f64 {
        let grown = self.steady.rss.saturating_sub(self.idle.rss);
        grown as f64 / self.completion.proxies.max(1) as f64
    }

    /// From the first dial to the first answer that a proxy acknowledged, seconds.
    pub(super) fn first(&self) -> f64 {
        let first = self.completion.first.first().copied().unwrap_or(self.t0);
        between(self.t0, first).as_secs_f64()
    }
}
