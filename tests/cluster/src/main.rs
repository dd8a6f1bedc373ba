//! Brings a cluster up, takes it down, and is the first process inside it. `tests/run cluster` calls it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use tulle_cluster::{claim::Claim, images, lifecycle, node, run::Run, tools::Tools, tulle};

#[derive(Debug, Parser)]
enum Command {
    /// Bring a cluster up and install Tulle in it; one that runs is brought up to date
    Up {
        /// The cluster's name
        name: String,
        /// Leave Tulle out
        #[arg(long)]
        bare: bool,
    },
    /// Take a cluster down, without trace
    Down {
        /// The cluster's name
        name: String,
    },
    /// Print a cluster's folder if it runs
    Show {
        /// The cluster's name
        name: String,
    },
    /// Be the first process of a node
    #[command(hide = true)]
    Node {
        /// The cluster's folder
        folder: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Up { name, bare } => {
            let (run, tools) = (Run::named(&name)?, Tools::from_environment()?);
            let claim = Claim::of(&run, Duration::ZERO)?;
            let started = Instant::now();
            if lifecycle::is_up(&run) {
                images::import(&run, &images::build(&tools)?)?;
            } else {
                lifecycle::up(&claim, &tools)?;
                eprintln!("cluster up in {:.1} s", started.elapsed().as_secs_f64());
            }
            if !bare {
                let started = Instant::now();
                tulle::install(&run, &tools)?;
                eprintln!(
                    "Tulle installed in {:.1} s",
                    started.elapsed().as_secs_f64()
                );
            }
        }
        Command::Down { name } => {
            // Who was told to stop bringing it up may take a moment to end.
            let claim = Claim::of(&Run::named(&name)?, Duration::from_secs(10))?;
            lifecycle::down(&claim)?;
        }
        Command::Show { name } => {
            let run = Run::named(&name)?;
            anyhow::ensure!(lifecycle::is_up(&run), "no cluster {name} runs");
            let mut out = std::io::stdout().lock();
            std::io::Write::write_all(&mut out, run.root().as_os_str().as_encoded_bytes())?;
            std::io::Write::write_all(&mut out, b"\n")?;
        }
        Command::Node { folder } => node::serve(&Run::in_folder(folder))?,
    }
    Ok(())
}
