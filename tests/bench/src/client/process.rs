//! The client process from inside: commands in, answers out.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::fleet::Proxies;
use super::protocol::Command;
use crate::lines::{Commands, Reply, WorkerArgs, answer};

/// Arguments of `tulle-bench client`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    worker: WorkerArgs,
}

/// Runs the client process to the end of its input.
///
/// # Errors
/// Where standard input or output fails.
pub fn run(args: &Args) -> anyhow::Result<()> {
    args.worker.run(async {
        let mut commands = Commands::default();
        let mut proxies = Proxies::default();
        answer(&Reply::Ok(()))?;
        while let Some(command) = commands.next().await? {
            answer(&match obey(&mut proxies, command).await {
                Ok(value) => Reply::Ok(value),
                Err(error) => Reply::Error(format!("{error:#}")),
            })?;
        }
        Ok(())
    })
}

async fn obey(proxies: &mut Proxies, command: Command) -> anyhow::Result<Value> {
    fn json(value: impl Serialize) -> anyhow::Result<Value> {
        Ok(serde_json::to_value(value)?)
    }
    match command {
        Command::Start(fleet) => json(proxies.start(&fleet)?),
        Command::Complete { count, timeout_ms } => json(
            proxies
                .complete(count, Duration::from_millis(timeout_ms))
                .await,
        ),
        Command::Report => json(proxies.report()),
        Command::Watch(watch) => json(proxies.watch(watch)),
        Command::Seen {
            watch,
            count,
            timeout_ms,
        } => json(
            proxies
                .seen(watch, count, Duration::from_millis(timeout_ms))
                .await?,
        ),
        Command::Stick { count, how } => json(proxies.stick(Some((count, how)))),
        Command::Unstick => {
            proxies.stick(None);
            json(())
        }
        Command::Disconnect => json(proxies.disconnect().await?),
        Command::Reconnect { warm } => json(proxies.reconnect(warm).await?),
        Command::Dump(path) => json(proxies.dump(&path)?),
        Command::Clear => {
            proxies.disconnect().await?;
            *proxies = Proxies::default();
            json(())
        }
    }
}
