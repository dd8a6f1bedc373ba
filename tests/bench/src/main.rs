//! The bench bed's processes: the simulated proxies, the floor, and what drives them.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures control planes beside the physical limit.
#[derive(Debug, Parser)]
#[command(name = "tulle-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulated proxies, told what to do by lines of JSON on standard input
    Client(tulle_bench::client::Args),
    /// The least that any control plane could do, told what to do likewise
    Floor(tulle_bench::floor::Args),
    /// One proxy takes all that a control plane sends it, into a dump for the floor
    Record(tulle_bench::client::RecordArgs),
    /// Make a dump up, for a floor without a control plane beside it
    Synthesize(tulle_bench::wire::synthetic::Args),
    /// Changes what is in an API server, told what to do likewise
    Events(tulle_bench::event::Args),
    /// Run scenarios on control planes and floor, and tell what was measured
    Run(tulle_bench::scenario::Args),
    /// Tell what a record says of the goals, as Markdown
    Digest(tulle_bench::scenario::DigestArgs),
    /// Become a program that ends when the process ends that has started it
    #[command(hide = true)]
    Tied {
        /// Process id of the one that starts it
        parent: i32,
        /// The program and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Client(args) => tulle_bench::client::run(&args)?,
        Command::Floor(args) => tulle_bench::floor::run(&args)?,
        Command::Record(args) => tulle_bench::client::record(&args)?,
        Command::Synthesize(args) => tulle_bench::wire::synthetic::run(&args)?,
        Command::Events(args) => tulle_bench::event::run(&args)?,
        Command::Run(args) if !tulle_bench::scenario::run(&args)? => return Ok(ExitCode::FAILURE),
        Command::Run(_) => {}
        Command::Digest(args) => tulle_bench::scenario::digest(&args)?,
        Command::Tied { parent, command } => match tulle_bench::stack::tie(parent, &command)? {},
    }
    Ok(ExitCode::SUCCESS)
}
