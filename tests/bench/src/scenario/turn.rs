//! One mesh: every stack has its turn on it, as often as the plan says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bed::Bed;
use super::change::{self, What};
use super::plan::{Id, Mesh, Plan};
use super::server::Server;
use super::tools::Tools;
use super::up::Up;
use super::{certificates, cold, roll, silence, storm, warm, webhook};
use crate::client::Driver;
use crate::lines::Launch;
use crate::record::{Record, Run, Stack};

/// What one turn adds to the record.
struct Turn<'a> {
    plan: &'a Plan,
    mesh: &'a Mesh,
    tools: &'a Tools,
    stack: Stack,
    number: usize,
    runs: Vec<Run>,
    failed: bool,
}

/// Runs the mesh's scenarios. Whether one of them could not be run to its end.
pub(super) async fn run(
    plan: &Plan,
    mesh: &Mesh,
    tools: &Tools,
    record: &mut Record,
) -> anyhow::Result<bool> {
    let mut bed = Bed::make(tools, mesh.shape.clone()).await?;
    let dump = dumped(tools, &mut bed).await?;
    let mut failed = false;
    for number in 1..=plan.runs {
        let mut stacks = plan.stacks.clone();
        if number % 2 == 0 {
            stacks.reverse();
        }
        for stack in stacks {
            eprintln!(
                "{}: {}, run {number} of {}",
                mesh.label(),
                stack.label(),
                plan.runs
            );
            let mut turn = Turn {
                plan,
                mesh,
                tools,
                stack,
                number,
                runs: Vec::new(),
                failed: false,
            };
            turn.take(&mut bed, &dump).await;
            bed.server.check()?;
            failed |= turn.failed;
            record.runs.append(&mut turn.runs);
        }
    }
    Ok(failed)
}

/// What a proxy of this mesh is served, for the floors: everything that Tulle sends to the first.
async fn dumped(tools: &Tools, bed: &mut Bed) -> anyhow::Result<PathBuf> {
    let file = bed.folder().join("dump");
    let server = Server::start(Stack::Tulle, tools, bed, &file).await?;
    let mut client = Driver::launch(&Launch::default()).await?;
    let mut fleet = server.fleet(bed, 1);
    fleet.keep = true;
    client.start(&fleet).await?;
    let one = client.complete(1, Duration::from_secs(60)).await?;
    anyhow::ensure!(
        one.complete.len() == 1,
        "Tulle does not serve one proxy completely: {:?}",
        client.report().await?
    );
    client.dump(&file).await?;
    client.stop().await?;
    Ok(file)
}

impl Turn<'_> {
    fn wants(&self, id: Id) -> bool {
        self.mesh.scenarios.contains(&id)
    }

    fn is_floor(&self) -> bool {
        !matches!(
            self.stack,
            Stack::Tulle | Stack::IstiodDefault | Stack::IstiodTuned
        )
    }

    fn is_raw(&self) -> bool {
        matches!(self.stack, Stack::Raw | Stack::RawPlain)
    }

    fn run(&self, scenario: String) -> Run {
        let proxies = self.mesh.shape.proxies;
        Run::new(scenario, self.stack, proxies, self.number)
    }

    fn label(&self, id: Id, more: &str) -> String {
        let dot = if more.is_empty() { "" } else { ", " };
        format!("{id:?} {}{dot}{more}", self.mesh.label())
    }

    /// Keeps what was measured, and what went wrong.
    fn keep(&mut self, mut run: Run, result: anyhow::Result<()>) -> bool {
        let fine = result.is_ok();
        if let Err(error) = result {
            eprintln!("{}: {}: {error:#}", run.scenario, self.stack.label());
            run.notes.push(format!("failed: {error:#}"));
            run.figures.clear();
            self.failed = true;
        }
        self.runs.push(run);
        fine
    }

    async fn take(&mut self, bed: &mut Bed, dump: &Path) {
        if self.wants(Id::S5) && !self.is_raw() {
            let mut run = self.run(self.label(Id::S5, ""));
            let proxies = self.mesh.shape.proxies;
            let result = cold::record(self.stack, self.tools, bed, dump, proxies, &mut run).await;
            self.keep(run, result);
        }
        if self.mesh.scenarios.iter().all(|id| *id == Id::S5) {
            return;
        }
        let mut run = self.run(self.label(Id::S1, ""));
        let count = self.mesh.shape.proxies;
        let mut up = match Up::start(self.stack, self.tools, bed, dump, count).await {
            Ok(up) => up,
            Err(error) => {
                self.keep(run, Err(error));
                return;
            }
        };
        if self.wants(Id::S1) {
            storm::record(&up.storm, &mut run);
            self.keep(run, Ok(()));
        }
        self.changes(&mut up).await;
        if !self.is_floor() {
            self.source(&mut up).await;
        }
        if self.stack == Stack::Tulle {
            up = match self.ours(up, bed).await {
                Some(up) => up,
                None => return,
            };
        }
        let plain = up.storm.cpu();
        if let Err(error) = up.stop().await {
            eprintln!("{}: {error:#}", self.stack.label());
        }
        if self.wants(Id::S6) && self.stack == Stack::Tulle {
            let mut run = self.run(self.label(Id::S6, ""));
            let result = certificates::record(self.tools, bed, count, plain, &mut run).await;
            self.keep(run, result);
        }
    }

    /// What every stack can do.
    async fn changes(&mut self, up: &mut Up) {
        let shape = &self.mesh.shape;
        for count in shape.called_by.clone() {
            for (id, what) in [(Id::S2, What::Endpoint), (Id::S3, What::Weight)] {
                if !self.wants(id) || self.is_raw() && what == What::Weight {
                    continue;
                }
                let told = shape.told_of(count);
                let more = match told == shape.proxies {
                    true => "all told".to_owned(),
                    false => format!("{told} told"),
                };
                let mut run = self.run(self.label(id, &more));
                let result = change::record(up, shape, what, count, self.plan.pace, &mut run).await;
                self.keep(run, result);
            }
        }
    }

    /// What needs something to be read from the API server.
    async fn source(&mut self, up: &mut Up) {
        let shape = &self.mesh.shape;
        if self.wants(Id::S11) {
            let mut run = self.run(self.label(Id::S11, ""));
            let result = silence::record(up, shape, 50, &mut run).await;
            self.keep(run, result);
        }
        if self.wants(Id::S4) {
            for over in self.plan.rolls.clone() {
                let more = format!("over {} s", over.as_secs());
                let mut run = self.run(self.label(Id::S4, &more));
                let result = roll::record(up, shape, over, &mut run).await;
                if !self.keep(run, result) {
                    break;
                }
            }
        }
        if let Some(long) = self.plan.soak.filter(|_| self.wants(Id::S9)) {
            let mut run = self.run(self.label(Id::S9, ""));
            let label = self.stack.label();
            let told = |sample: &crate::record::Sample| {
                let mib = sample.rss as f64 / f64::from(1 << 20);
                eprintln!("S9 {label}: {mib:.1} MiB, {} files", sample.fds);
            };
            let result = roll::soak(up, shape, long, told, &mut run).await;
            self.keep(run, result);
        }
    }

    /// What only Tulle is put through. The control plane that is there afterwards, if there is one.
    async fn ours(&mut self, mut up: Up, bed: &mut Bed) -> Option<Up> {
        if self.wants(Id::S7) {
            let seconds = Duration::from_secs(10);
            for (connections, rate) in [
                (1, None),
                (8, None),
                (64, None),
                (8, Some(200)),
                (8, Some(1_000)),
            ] {
                let more = match rate {
                    None => format!("{connections} connections"),
                    Some(rate) => format!("{rate}/s"),
                };
                let mut run = self.run(self.label(Id::S7, &more));
                let result = webhook::record(&up, connections, rate, seconds, &mut run).await;
                self.keep(run, result);
            }
        }
        if self.wants(Id::S8) {
            for changes in [0, 10] {
                let more = match changes {
                    0 => "nothing changed".to_owned(),
                    changes => format!("{changes} changes meanwhile"),
                };
                let mut run = self.run(self.label(Id::S8, &more));
                match warm::record(up, self.tools, bed, changes, &mut run).await {
                    Ok(back) => {
                        up = back;
                        self.keep(run, Ok(()));
                    }
                    Err(error) => {
                        self.keep(run, Err(error));
                        return None;
                    }
                }
            }
        }
        Some(up)
    }
}
