//! The running control plane: the rooms as tasks, and the doors between them.

mod authenticate;
mod cluster;
mod convergence;
mod debug;
mod dns;
mod files;
mod late;
mod mesh;
mod metrics;
mod report;

use std::path::PathBuf;
use std::time::Duration;

pub use cluster::ClusterOptions;

use crate::config::MeshConfig;

/// How long proxies are given to leave when the control plane ends.
const GRACE: Duration = Duration::from_secs(5);

/// What to serve.
#[derive(Debug)]
pub struct Options {
    /// Where objects come from.
    pub origin: Origin,
    /// Settings.
    pub config: MeshConfig,
}

/// Where objects come from.
#[derive(Debug)]
pub enum Origin {
    /// From files.
    Files {
        /// Files and folders with manifests.
        manifests: Vec<PathBuf>,
        /// Where the CA and the token keys are kept; none: in memory.
        state: Option<PathBuf>,
    },
    /// From the cluster that this runs in.
    Kubernetes(ClusterOptions),
}

/// Serves until a signal ends it.
pub async fn serve(options: Options) -> anyhow::Result<()> {
    match options.origin {
        Origin::Files { manifests, state } => {
            files::serve(&manifests, state.as_deref(), options.config).await
        }
        Origin::Kubernetes(cluster) => cluster::serve(cluster, options.config).await,
    }
}

/// This replica's name: its host's, which is its pod's in a cluster.
fn replica() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
