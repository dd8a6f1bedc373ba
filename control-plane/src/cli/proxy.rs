//! `tulle proxy`: what proxies hold.

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use futures_util::future::join_all;
use tulle_status::{Aggregate, ReplicaReport};

use super::replica::{Replicas, fetch_at, fetch_of};
use super::{FAULT, OK, Output, block_on, print};

/// What proxies hold
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Status(Status),
}

/// List every connected proxy: its replica, what it holds, what is pending or rejected and since when
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tulle proxy status
  tulle proxy status -n mesh-system -o json
  tulle proxy status --address 127.0.0.1:15014

Asks every replica through the API server (pods/portforward in the control plane's namespace), or the control plane
on this machine with --address.")]
struct Status {
    #[command(flatten)]
    replicas: Replicas,
    /// Print it as JSON or YAML
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Output>,
}

const PAGE: &str = "/debug/report";

pub(super) fn run(args: Args) -> anyhow::Result<u8> {
    let Command::Status(status) = args.command;
    let (reports, unreachable) = block_on(async {
        match &status.replicas.address {
            Some(address) => {
                let report = report(&fetch_at(address, PAGE).await?)?;
                anyhow::Ok((vec![report], false))
            }
            None => everywhere(&status.replicas).await,
        }
    })?;
    let mut all = Aggregate::default();
    for report in reports {
        all.merge(Arc::new(report));
    }
    let all = all.proxy_status();
    match status.output {
        None => print::out(&all.render(SystemTime::now()))?,
        Some(Output::Json) => print::out(&format!("{}\n", serde_json::to_string(&all)?))?,
        Some(Output::Yaml) => print::out(&tulle_proto::to_yaml(&serde_json::to_value(&all)?)?)?,
    }
    Ok(if unreachable { FAULT } else { OK })
}

/// The reports of all replicas, and whether one could not be asked.
async fn everywhere(replicas: &Replicas) -> anyhow::Result<(Vec<ReplicaReport>, bool)> {
    let pods = replicas.pods().await?;
    let names = replicas.running(&pods).await?;
    let asked = names.into_iter().map(|name| {
        let pods = &pods;
        async move {
            let answer = fetch_of(pods, &name, PAGE).await;
            (name, answer.and_then(|body| report(&body)))
        }
    });
    let mut reports = Vec::new();
    let mut unreachable = false;
    for (name, answer) in join_all(asked).await {
        match answer {
            Ok(report) => reports.push(report),
            Err(error) => {
                unreachable = true;
                print::complain(
                    tulle_model::Severity::Warning,
                    &format!("replica {name}: {error:#}"),
                );
            }
        }
    }
    Ok((reports, unreachable))
}

fn report(body: &[u8]) -> anyhow::Result<ReplicaReport> {
    serde_json::from_slice(body).context("it answers something else than a report")
}
