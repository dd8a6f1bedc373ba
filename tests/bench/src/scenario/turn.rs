//! One mesh: every stack has its turn on it, as often as the plan says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bed::Bed;
use super::change::{self, What};
use super::entire::Entire;
use super::plan::{Id, Mesh, Plan};
use super::server::Server;
use super::tools::Tools;
use super::up::Up;
use super::webhook::Webhook;
use super::{
    certificates, cold, envoys, limited, live, roll, silence, storm, stuck, warm, webhook,
};
use crate::client::Driver;
use crate::record::{Record, Run, Stack};
use crate::stack::{Profile, Space, TULLE_SERVER_NAME};

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
    let version = bed.server.api().get("/version").await?;
    if let Some(version) = version["gitVersion"].as_str() {
        let name = "Kubernetes".to_owned();
        record.versions.insert(name, version.to_owned());
    }
    let dump = dumped(tools, &mut bed).await?;
    let mut failed = false;
    for number in 1..=plan.runs {
        let mut stacks = plan.stacks.clone();
        stacks.retain(|stack| mesh.stacks.contains(stack));
        stacks.retain(|stack| !stack.is_peer() || number <= plan.peer_runs);
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
    let mut client = Driver::launch(&tools.client()).await?;
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
        self.stack != Stack::Tulle && !self.stack.is_peer()
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
            self.envoy(&up, bed).await;
            self.live(&mut up, bed).await;
        }
        if self.stack == Stack::Tulle {
            self.webhook(&up).await;
        }
        if !self.is_raw() {
            up = match self.warm(up, bed).await {
                Some(up) => up,
                None => return,
            };
        }
        let plain = up.storm.cpu();
        if let Err(error) = up.stop().await {
            eprintln!("{}: {error:#}", self.stack.label());
        }
        if self.stack == Stack::Tulle {
            self.ours(bed, plain).await;
        }
        self.theirs(bed).await;
    }

    /// What is run on a Tulle that is set otherwise. The storm without certificates took `plain` seconds of CPU.
    async fn ours(&mut self, bed: &mut Bed, plain: f64) {
        let count = self.mesh.shape.proxies;
        if self.wants(Id::S6) {
            let mut run = self.run(self.label(Id::S6, ""));
            let result = certificates::record(self.tools, bed, count, plain, &mut run).await;
            self.keep(run, result);
        }
        if self.wants(Id::S12) {
            let mebibytes = limited::MEMORY >> 20;
            let more = format!("at most {mebibytes} MiB");
            let mut run = self.run(self.label(Id::S12, &more));
            let result = limited::record(self.tools, bed, count, &mut run).await;
            self.keep(run, result);
        }
        if self.wants(Id::S13) {
            let new = |words: &str| self.run(self.label(Id::S13, words));
            match stuck::record(self.tools, bed, self.plan.pace, new).await {
                Ok(runs) => self.runs.extend(runs),
                Err(error) => {
                    let run = self.run(self.label(Id::S13, ""));
                    self.keep(run, Err(error));
                }
            }
        }
    }

    /// What a real Envoy makes of what a proxy is sent, as Tulle has it started and as everybody else does.
    async fn envoy(&mut self, up: &Up, bed: &mut Bed) {
        // Stock Envoy refuses istiod's clusters, which name extensions of Istio's own build.
        if !self.wants(Id::S14) || self.tools.envoy.is_none() || self.stack != Stack::Tulle {
            return;
        }
        for deferred in [true, false] {
            let more = match deferred {
                true => "Tulle's bootstrap",
                false => "plain bootstrap",
            };
            let mut run = self.run(self.label(Id::S14, more));
            let result = envoys::record(&up.server, self.tools, bed, deferred, &mut run).await;
            self.keep(run, result);
        }
    }

    /// Live traffic while its destination is rolled.
    async fn live(&mut self, up: &mut Up, bed: &mut Bed) {
        let envoys = self.tools.envoy.is_some() && Space::is_possible();
        if !self.wants(Id::S10) || !envoys || self.stack != Stack::Tulle {
            return;
        }
        for seconds in [5, 1] {
            let more = format!("{seconds} s grace, no mTLS");
            let mut run = self.run(self.label(Id::S10, &more));
            let grace = Duration::from_secs(seconds);
            let result = live::record(up, self.tools, bed, grace, &mut run).await;
            self.keep(run, result);
        }
    }

    /// What every stack can do.
    async fn changes(&mut self, up: &mut Up) {
        let shape = &self.mesh.shape;
        let is_peer = self.stack.is_peer();
        let pace = if is_peer {
            self.plan.peer_pace
        } else {
            self.plan.pace
        };
        let least = shape.called_by.first().copied().unwrap_or_default();
        for count in shape.called_by.clone() {
            for (id, what) in [(Id::S2, What::Endpoint), (Id::S3, What::Weight)] {
                if !self.wants(id) || self.is_raw() && what == What::Weight {
                    continue;
                }
                let told = shape.told_of(count);
                // Between few and all lies nothing that one would not expect, and peers take their time.
                let (few, all) = (count == least, told == shape.proxies);
                if self.plan.brief && !few && !all
                    || self.stack == Stack::FloorPlain && !all
                    || is_peer && !all && !(few && what == What::Endpoint)
                {
                    continue;
                }
                let more = match told == shape.proxies {
                    true => "all told".to_owned(),
                    false => format!("{told} told"),
                };
                let mut run = self.run(self.label(id, &more));
                let result = change::record(up, shape, what, count, pace, &mut run).await;
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
            for (turn, over) in self.plan.rolls.clone().into_iter().enumerate() {
                // That it is the same in slower rolls is to be seen once.
                if turn > 0 && (self.number > 1 || self.stack != Stack::Tulle) {
                    continue;
                }
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

    /// Pods are admitted.
    async fn webhook(&mut self, up: &Up) {
        let Some(tulle) = up.server.as_tulle().filter(|_| self.wants(Id::S7)) else {
            return;
        };
        let webhook = Webhook {
            port: tulle.webhook,
            name: TULLE_SERVER_NAME,
            roots: tulle.roots.clone(),
            process: up.server.process(),
        };
        self.admit(&webhook).await;
    }

    async fn admit(&mut self, webhook: &Webhook) {
        for way in webhook::WAYS {
            let mut run = self.run(self.label(Id::S7, &webhook::label(way)));
            let result = webhook::record(webhook, way, self.plan.webhook, &mut run).await;
            self.keep(run, result);
        }
    }

    /// What istiod does besides, as it is shipped; nobody is connected to it meanwhile.
    async fn theirs(&mut self, bed: &mut Bed) {
        // Tuned, it differs by the key that signs.
        let (profile, admits) = match self.stack {
            Stack::IstiodDefault => (Profile::Default, self.wants(Id::S7)),
            Stack::IstiodTuned => (Profile::Tuned, false),
            _ => return,
        };
        if self.tools.istio_inject.is_none() || !(admits || self.wants(Id::S6)) {
            return;
        }
        let entire = match Entire::start(self.tools, bed, profile).await {
            Ok(entire) => entire,
            Err(error) => {
                let id = if admits { Id::S7 } else { Id::S6 };
                let run = self.run(self.label(id, ""));
                self.keep(run, Err(error));
                return;
            }
        };
        if self.wants(Id::S6) {
            let mut run = self.run(self.label(Id::S6, ""));
            let result = entire.certificates(bed, &mut run).await;
            self.keep(run, result);
        }
        if admits {
            self.admit(&entire.webhook()).await;
        }
    }

    /// The control plane crashes and comes back; what is there afterwards, if anything is. Of a floor, which has nothing to
    /// come back with, only the streams begin anew.
    async fn warm(&mut self, mut up: Up, bed: &mut Bed) -> Option<Up> {
        if !self.wants(Id::S8) {
            return Some(up);
        }
        for changes in [0, 10] {
            let once = self.plan.brief && self.number > 1;
            if changes > 0 && (self.stack != Stack::Tulle || once) {
                continue;
            }
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
        Some(up)
    }
}
