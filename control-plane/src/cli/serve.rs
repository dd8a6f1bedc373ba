//! `tulle serve`: the control plane from files.

use std::path::PathBuf;

use anyhow::Context;

use super::{ConfigArg, OK};
use crate::wire;

/// Run the control plane from files
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tulle serve --manifests deploy/demo --state ~/.tulle
  tulle serve --manifests mesh.yaml routes/ --config settings.yaml --state /var/lib/tulle

Files are watched: a save takes effect at once. Listens on 15012 (ADS over TLS, token required) and 15014
(/metrics, /healthz, /readyz; /debug for callers on this machine).")]
pub(super) struct Args {
    /// Files and folders with manifests; folders are read recursively, unknown kinds are passed over
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    manifests: Vec<PathBuf>,
    /// Folder (mode 0700) that keeps the local CA and the key for proxy tokens, so that a restart is not felt
    #[arg(long, value_name = "DIR", env = "TULLE_STATE")]
    state: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: Args) -> anyhow::Result<u8> {
    let config = args.config.load()?;
    if args.state.is_none() {
        tracing::warn!(
            "no --state: tokens and certificates are of no use after a restart, and `tulle bootstrap` cannot make any"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting threads")?;
    runtime.block_on(wire::serve(wire::Options {
        manifests: args.manifests,
        state: args.state,
        config,
    }))?;
    Ok(OK)
}
