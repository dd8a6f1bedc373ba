//! The scenarios: what is done to every stack, in the same way and in turn, and what is recorded of it.
//!
//! A [`plan`] says which meshes are made, and what is run on each. Stacks take turns, and each second round goes through them
//! the other way round, so that nobody always comes first.

mod bed;
mod certificates;
mod change;
mod cold;
pub(crate) mod figure;
mod h2_client;
mod plan;
mod roll;
mod server;
mod silence;
mod storm;
mod tools;
mod turn;
mod up;
mod warm;
mod webhook;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use crate::goals;
use crate::record::{Group, Machine, Plot, Record, Stack, table};

pub use bed::Bed;
pub use plan::{Id, Mesh, Plan};
pub use server::Server;
pub use tools::Tools;

/// Arguments of `tulle-bench run`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Scenarios to run; all that the other options allow, if none is named
    #[arg(value_enum, ignore_case = true)]
    scenarios: Vec<Id>,
    /// Smaller meshes and fewer runs, beside the floor only: minutes, and an exit code
    #[arg(long)]
    quick: bool,
    /// The soak too, of so many minutes
    #[arg(long, value_name = "MINUTES", num_args = 0..=1, default_missing_value = "30")]
    long: Option<u64>,
    /// A peer to measure too: `istiod=PATH` of its binary
    #[arg(long, value_name = "NAME=PATH")]
    peer: Option<String>,
    /// The file of the peer's kinds [default: crds.yaml beside its binary]
    #[arg(long, value_name = "FILE")]
    peer_crds: Option<PathBuf>,
    /// Runs of each stack [default: 5, with --quick 3]
    #[arg(long, value_name = "COUNT")]
    runs: Option<usize>,
    /// Stacks to run, of those that the other options allow
    #[arg(long, value_enum, value_delimiter = ',')]
    stacks: Vec<Stack>,
    /// One mesh instead of those of the plan, such as `1000x1000`, `500x1000:20`: proxies, services, and dependencies
    #[arg(long, value_name = "MESH")]
    mesh: Option<Mesh>,
    /// Tulle, as it is released
    #[arg(long, env = "TULLE_RELEASE", value_name = "PATH")]
    tulle: PathBuf,
    /// The program that is an API server and etcd, built from tests/cluster/node
    #[arg(long, env = "TULLE_NODE", value_name = "PATH")]
    node: PathBuf,
    /// The folder of App Mesh's kinds
    #[arg(long, env = "TULLE_CRDS", value_name = "DIR")]
    crds: PathBuf,
    /// Where processes keep what they write while they run
    #[arg(long, value_name = "DIR", default_value = "/tmp/tulle-bench")]
    folder: PathBuf,
    /// Write every figure of every run to this file, as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw the figures that decide to this file, as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Ends by itself after so many minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 240)]
    limit: u64,
}

/// Runs the bench and tells what it measured. Whether every goal holds that was measured.
///
/// # Errors
/// What is needed is missing, or the time is up.
pub fn run(args: &Args) -> anyhow::Result<bool> {
    // Processes of the bench are tied to this thread.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let limit = Duration::from_secs(60 * args.limit);
    runtime.block_on(async {
        tokio::time::timeout(limit, bench(args))
            .await
            .with_context(|| format!("ended after {limit:?}"))?
    })
}

async fn bench(args: &Args) -> anyhow::Result<bool> {
    let tools = args.tools()?;
    let plan = args.plan(&tools);
    let mut record = Record {
        date: jiff::Timestamp::now().to_string(),
        machine: Machine::here(),
        versions: tools.versions(),
        pinning: "nothing is pinned".to_owned(),
        runs: Vec::new(),
    };
    let mut failed = false;
    for mesh in &plan.meshes {
        failed |= turn::run(&plan, mesh, &tools, &mut record).await?;
    }
    let verdicts = goals::judge(&record);
    let holds = !failed && verdicts.iter().all(|verdict| verdict.holds);
    if let Some(file) = &args.out {
        std::fs::write(file, serde_json::to_string_pretty(&record)?)
            .with_context(|| file.display().to_string())?;
    }
    if let Some(file) = &args.plot {
        std::fs::write(file, plot(&record).svg()).with_context(|| file.display().to_string())?;
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", table(&record.rows()))?;
    write!(out, "{}", goals::told(&verdicts))?;
    for run in &record.runs {
        for note in &run.notes {
            let stack = run.stack.label();
            writeln!(out, "{} · {stack} · run {}: {note}", run.scenario, run.run)?;
        }
    }
    Ok(holds)
}

/// The figures that people ask for first: memory, the storm, and how long changes take to all proxies.
fn plot(record: &Record) -> Plot {
    let wanted = [
        ("S1 ", figure::MEMORY_EACH),
        ("S1 ", figure::LAST),
        ("S2 ", figure::LAST),
        ("S3 ", figure::LAST),
        ("S4 ", figure::LAST_MAX),
    ];
    let rows = record.rows();
    let shown = |(scenario, figure): &(&str, &str)| {
        rows.iter()
            .filter(|row| row.scenario.starts_with(scenario) && row.figure == *figure)
            .map(|row| Group::of(format!("{}: {}", row.scenario, row.figure), row))
            .collect::<Vec<Group>>()
    };
    let versions: Vec<&str> = record.versions.values().map(String::as_str).collect();
    let machine = &record.machine;
    Plot {
        title: "Tulle beside the least that any server could do".to_owned(),
        caption: format!(
            "{} · {} · {} cores, {}",
            record.date,
            versions.join(", "),
            machine.cores,
            machine.processor
        ),
        groups: wanted.iter().flat_map(shown).collect(),
    }
}

impl Args {
    fn tools(&self) -> anyhow::Result<Tools> {
        let istiod = match &self.peer {
            None => None,
            Some(peer) => {
                let path = peer.strip_prefix("istiod=");
                let path = path.with_context(|| {
                    format!("--peer {peer}: the only peer known is istiod, as istiod=PATH")
                })?;
                Some(PathBuf::from(path))
            }
        };
        let beside = istiod.as_ref().map(|path| path.with_file_name("crds.yaml"));
        let tools = Tools {
            tulle: self.tulle.clone(),
            node: self.node.clone(),
            crds: self.crds.clone(),
            istio_crds: istiod
                .as_ref()
                .and_then(|_| self.peer_crds.clone().or(beside)),
            istiod,
            folder: self.folder.clone(),
        };
        tools.check()?;
        Ok(tools)
    }

    fn plan(&self, tools: &Tools) -> Plan {
        let mut plan = Plan::of(self.quick, tools.istiod.is_some());
        if let Some(runs) = self.runs {
            plan.runs = runs.max(1);
        }
        if !self.stacks.is_empty() {
            plan.stacks = self.stacks.clone();
        }
        if let Some(mesh) = &self.mesh {
            plan.meshes = vec![mesh.clone()];
        }
        plan.soak = self.long.map(|minutes| Duration::from_secs(60 * minutes));
        plan.keep_only(&self.scenarios);
        plan
    }
}
