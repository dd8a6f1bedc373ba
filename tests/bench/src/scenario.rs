//! The scenarios: what is done to every stack, in the same way and in turn, and what is recorded of it.
//!
//! A [`plan`] says which meshes are made, and what is run on each. Stacks take turns, and each second round goes through them
//! the other way round, so that nobody always comes first.

mod bed;
mod certificates;
mod change;
mod cold;
mod entire;
mod envoys;
pub(crate) mod figure;
mod h2_client;
mod kept;
mod limited;
mod live;
mod plan;
mod roll;
mod server;
mod silence;
mod storm;
mod stuck;
mod tools;
mod turn;
mod up;
mod warm;
mod webhook;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::goals::{self, Verdict};
use crate::record::{Group, Machine, Plot, Record, Stack, table};

pub use bed::Bed;
pub use change::Pace;
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
    /// The folder of what the peer injects into pods, as `config` and `values` [default: inject beside its binary, if it is there]
    #[arg(long, value_name = "DIR")]
    peer_inject: Option<PathBuf>,
    /// What the peer's version is, if its binary does not say
    #[arg(long, value_name = "TEXT")]
    peer_version: Option<String>,
    /// Only write the meshes that would be measured on, into the folder of --cache
    #[arg(long, requires = "cache")]
    prepare: bool,
    /// Runs of each stack [default: 5]
    #[arg(long, value_name = "COUNT")]
    runs: Option<usize>,
    /// Runs of each peer, at most as many [default: as of the others]
    #[arg(long, value_name = "COUNT")]
    peer_runs: Option<usize>,
    /// Stacks to run, of those that the other options allow
    #[arg(long, value_enum, value_delimiter = ',')]
    stacks: Vec<Stack>,
    /// One mesh instead of those of the plan, such as `1000x1000`, `500x1000:20`: proxies, services, and dependencies; with a `+`
    /// behind it, it asks for what istiod gives unasked
    #[arg(long, value_name = "MESH")]
    mesh: Option<Mesh>,
    /// Changes of S2 and S3 that all stacks but peers are put through, and how many milliseconds apart, such as `200x500`
    #[arg(long, value_name = "TIMESxMS")]
    pace: Option<Pace>,
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
    /// Keep meshes that were written to the API server below this folder, and take them from it
    #[arg(long, env = "TULLE_BENCH_CACHE", value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Envoy, for the scenarios in which real ones take part
    #[arg(long, env = "TULLE_ENVOY", value_name = "PATH")]
    envoy: Option<PathBuf>,
    /// Run control planes on the first core only, and simulated proxies on the second: for figures of CPU
    #[arg(long)]
    pin: bool,
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
        pinning: tools.pinning(),
        command: args.told(),
        ..Record::default()
    };
    if let Some(version) = &args.peer_version {
        record.versions.insert("istiod".to_owned(), version.clone());
    }
    let mut failed = false;
    let started = Instant::now();
    if args.prepare {
        for mesh in &plan.meshes {
            Bed::make(&tools, mesh.shape.clone()).await?;
        }
        return Ok(true);
    }
    for mesh in &plan.meshes {
        let (before, runs) = (started.elapsed(), record.runs.len());
        failed |= turn::run(&plan, mesh, &tools, &mut record).await?;
        let (took, runs) = (started.elapsed() - before, record.runs.len() - runs);
        eprintln!(
            "{}: {runs} runs in {:.0} s",
            mesh.label(),
            took.as_secs_f64()
        );
    }
    record.goals = goals::judge(&record);
    write_files(args, &record)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", table(&record.rows()))?;
    write!(out, "{}", goals::told(&record.goals))?;
    for run in &record.runs {
        for note in &run.notes {
            let stack = run.stack.label();
            writeln!(out, "{} · {stack} · run {}: {note}", run.scenario, run.run)?;
        }
    }
    // Goals are what is aimed at; the quick bench says whether a change has made something worse than it may be.
    let decides = if args.quick {
        let guards = goals::guards(&record);
        writeln!(out, "\nguards:")?;
        write!(out, "{}", goals::told(&guards))?;
        guards
    } else {
        record.goals
    };
    writeln!(out, "{:.0} s in all", started.elapsed().as_secs_f64())?;
    Ok(!failed && !decides.iter().any(Verdict::fails))
}

fn write_files(args: &Args, record: &Record) -> anyhow::Result<()> {
    let write = |file: &PathBuf, text: String| {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(file, text).with_context(|| file.display().to_string())
    };
    if let Some(file) = &args.out {
        write(file, format!("{}\n", serde_json::to_string_pretty(record)?))?;
    }
    if let Some(file) = &args.plot {
        write(file, plot(record).svg())?;
    }
    Ok(())
}

/// Arguments of `tulle-bench digest`.
#[derive(Clone, Debug, clap::Args)]
pub struct DigestArgs {
    /// A file that `run --out` has written
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Draw the figures that decide to this file, as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Show that plot, as it is found from where the digest will stand
    #[arg(long, value_name = "PATH")]
    image: Option<String>,
    /// Of each figure only the mesh that most is known of: for the README
    #[arg(long)]
    brief: bool,
}

/// Tells what a record says of the goals, as Markdown. The goals are those of today, whatever they were when it was written.
///
/// # Errors
/// A file cannot be read or written.
pub fn digest(args: &DigestArgs) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(&args.file);
    let text = text.with_context(|| args.file.display().to_string())?;
    let mut record: Record =
        serde_json::from_str(&text).with_context(|| args.file.display().to_string())?;
    record.goals = goals::judge(&record);
    if let Some(file) = &args.plot {
        std::fs::write(file, plot(&record).svg()).with_context(|| file.display().to_string())?;
    }
    let text = crate::record::digest(&record, args.image.as_deref(), args.brief);
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

/// The figures that people ask for first: memory, the storm, how long changes take, what a restart and an Envoy cost.
fn plot(record: &Record) -> Plot {
    let wanted = [
        (
            "S1 ",
            "1000×1000, all called",
            figure::MEMORY_EACH,
            "Memory of the control plane per connected proxy",
        ),
        (
            "S1 ",
            "1000×1000, all called",
            figure::LAST,
            "1,000 proxies connect at once: the last has everything after",
        ),
        (
            "S2 ",
            "1000×1000, 20 called, 10 told",
            figure::LAST,
            "An endpoint changes for 10 of 1,000 proxies: the last knows after",
        ),
        (
            "S2 ",
            "1000×1000, 20 called, all told",
            figure::LAST,
            "An endpoint changes for all 1,000 proxies: the last knows after",
        ),
        (
            "S4 ",
            "1000×1000, 20 called, over 10 s",
            figure::LAST_MAX,
            "100 pods are rolled: longest use of an endpoint that is gone",
        ),
        (
            "S8 ",
            "100×1000, all called, nothing changed",
            figure::WIRE_EACH,
            "The control plane restarts: bytes sent to each proxy",
        ),
        (
            "S14 ",
            "1000×1000, 20 called, Tulle's bootstrap",
            figure::ENVOY_HEAP,
            "Memory of an Envoy that calls 20 of 1,000 services",
        ),
    ];
    let rows = record.rows();
    let shown = |(scenario, mesh, figure, title): &(&str, &str, &str, &str)| {
        rows.iter()
            .find(|row| row.scenario.strip_prefix(scenario) == Some(mesh) && row.figure == *figure)
            .map(|row| Group::of(*title, row))
            .map(|mut group| {
                // The others differ by how they are reached.
                group.bars.retain(|bar| {
                    matches!(bar.stack, Stack::Tulle | Stack::Floor) || bar.stack.is_peer()
                });
                group
            })
    };
    let mut groups: Vec<Group> = wanted.iter().filter_map(shown).collect();
    if groups.is_empty() {
        // Another mesh was asked for, or the quick bench.
        let figures = [
            ("S1 ", figure::MEMORY_EACH),
            ("S1 ", figure::LAST),
            ("S2 ", figure::LAST),
            ("S4 ", figure::LAST_MAX),
        ];
        groups.extend(figures.iter().flat_map(|(scenario, figure)| {
            rows.iter()
                .filter(move |row| row.scenario.starts_with(scenario) && row.figure == *figure)
                .map(|row| Group::of(format!("{}: {}", row.scenario, row.figure), row))
        }));
    }
    let machine = &record.machine;
    let date = record.date.split('T').next().unwrap_or_default();
    Plot {
        title: match record.runs.iter().any(|run| run.stack.is_peer()) {
            true => "Tulle, istiod, and the least that any server could do".to_owned(),
            false => "Tulle, and the least that any server could do".to_owned(),
        },
        caption: format!(
            "{date} · {} cores of {} · medians, logarithmic scales; shorter is better",
            machine.cores, machine.processor
        ),
        groups,
    }
}

impl Args {
    /// What was asked for, in a few words: no paths of the machine.
    fn told(&self) -> String {
        let mut words = vec!["run".to_owned()];
        words.extend(self.scenarios.iter().map(|id| format!("{id:?}")));
        words.extend(self.quick.then(|| "--quick".to_owned()));
        words.extend(self.pin.then(|| "--pin".to_owned()));
        words.extend(self.peer.as_ref().map(|_| "--peer istiod".to_owned()));
        words.extend(self.runs.map(|runs| format!("--runs {runs}")));
        words.extend(self.peer_runs.map(|runs| format!("--peer-runs {runs}")));
        words.extend(self.long.map(|long| format!("--long {long}")));
        words.join(" ")
    }

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
        let inject = istiod.as_ref().and_then(|path| {
            let beside = path.with_file_name("inject");
            self.peer_inject
                .clone()
                .or_else(|| beside.exists().then_some(beside))
        });
        let tools = Tools {
            istio_inject: inject,
            tulle: self.tulle.clone(),
            node: self.node.clone(),
            crds: self.crds.clone(),
            istio_crds: istiod
                .as_ref()
                .and_then(|_| self.peer_crds.clone().or(beside)),
            istiod,
            envoy: self.envoy.clone(),
            folder: self.folder.clone(),
            cache: self.cache.clone(),
            pin: self.pin,
        };
        tools.check()?;
        Ok(tools)
    }

    fn plan(&self, tools: &Tools) -> Plan {
        let mut plan = Plan::of(self.quick, tools.istiod.is_some());
        if let Some(runs) = self.runs {
            plan.runs = runs.max(1);
        }
        plan.peer_runs = self.peer_runs.unwrap_or(plan.runs);
        if !self.stacks.is_empty() {
            plan.stacks = self.stacks.clone();
        }
        if let Some(pace) = self.pace {
            plan.pace = pace;
        }
        if let Some(mesh) = &self.mesh {
            plan.meshes = vec![mesh.clone()];
        }
        plan.soak = self.long.map(|minutes| Duration::from_secs(60 * minutes));
        plan.keep_only(&self.scenarios);
        plan
    }
}
