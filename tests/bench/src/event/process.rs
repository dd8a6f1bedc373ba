//! The event source from inside.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinHandle;

use super::protocol::Command;
use super::write::Source;
use crate::data::Dialect;
use crate::lines::{Commands, Reply, WorkerArgs, answer};
use crate::stack::Api;

/// Arguments of `tulle-bench events`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    worker: WorkerArgs,
    /// The API server to write to
    #[arg(long)]
    kubeconfig: PathBuf,
    /// The kinds in which routes are written
    #[arg(long, value_enum)]
    dialect: Dialect,
}

/// Runs the event source to the end of its input.
///
/// # Errors
/// Where the API server cannot be reached, or standard input or output fails.
pub fn run(args: &Args) -> anyhow::Result<()> {
    args.worker.run(async {
        let source = Arc::new(Source::new(Api::new(&args.kubeconfig).await?, args.dialect));
        source.warm_up().await?;
        answer(&Reply::Ok(()))?;
        let mut commands = Commands::default();
        let mut noise: Option<JoinHandle<()>> = None;
        let made = Arc::new(AtomicUsize::new(0));
        while let Some(command) = commands.next().await? {
            match command {
                Command::Change(change) => answer(&reply(source.change(&change).await))?,
                Command::Noise(wanted) => {
                    if let Some(task) = noise.take() {
                        task.abort();
                        let _ = task.await;
                    }
                    noise = wanted.map(|wanted| {
                        let (source, made) = (source.clone(), made.clone());
                        tokio::spawn(async move { source.noise(&wanted, &made).await })
                    });
                    answer(&Reply::Ok(made.load(Ordering::Relaxed)))?;
                }
            }
        }
        Ok(())
    })
}

fn reply<T>(result: anyhow::Result<T>) -> Reply<T> {
    match result {
        Ok(done) => Reply::Ok(done),
        Err(error) => Reply::Error(format!("{error:#}")),
    }
}
