//! `tulle-bench record`: one proxy takes all that a control plane sends it, into a dump for the floor.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::fleet::Proxies;
use super::protocol::{Fleet, Tls};
use crate::lines::WorkerArgs;

/// Arguments of `tulle-bench record`.
#[derive(Clone, Debug, clap::Args)]
pub struct RecordArgs {
    #[command(flatten)]
    worker: WorkerArgs,
    /// Where the control plane listens
    target: SocketAddr,
    /// The file to write
    out: PathBuf,
    /// File of proxies, of which one is taken
    #[arg(long)]
    proxies: PathBuf,
    /// Which line of it, from 0
    #[arg(long, default_value_t = 0)]
    line: usize,
    /// Speak TLS: PEM file of the authority
    #[arg(long, requires = "name")]
    ca: Option<PathBuf>,
    /// The name in the server's certificate
    #[arg(long)]
    name: Option<String>,
    /// Longest wait, seconds
    #[arg(long, default_value_t = 60)]
    patience: u64,
}

/// Connects one proxy, waits until it is complete, and writes what it was sent.
///
/// # Errors
/// Where it does not become complete, or a file cannot be read or written.
pub fn record(args: &RecordArgs) -> anyhow::Result<()> {
    let mut fleet = Fleet::new(args.target, args.proxies.clone(), 1);
    fleet.first = args.line;
    fleet.keep = true;
    if let (Some(ca), Some(name)) = (args.ca.clone(), args.name.clone()) {
        fleet.tls = Some(Tls {
            ca,
            name,
            resume: false,
        });
    }
    args.worker.run(async {
        let mut proxies = Proxies::default();
        proxies.start(&fleet)?;
        let complete = proxies
            .complete(1, Duration::from_secs(args.patience))
            .await;
        anyhow::ensure!(
            complete.complete.len() == 1,
            "the proxy is not complete after {} s: {:?}",
            args.patience,
            proxies.report()
        );
        proxies.dump(&args.out)?;
        Ok(())
    })
}
