//! `tulle serve`: the control plane, from files or in Kubernetes.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Context;

use super::{ConfigArg, OK};
use crate::wire;

/// Run the control plane, from files or in Kubernetes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tulle serve --manifests deploy/demo --state ~/.tulle
  tulle serve --manifests mesh.yaml routes/ --config settings.yaml --state /var/lib/tulle
  tulle serve --kubernetes --config /etc/tulle/config.yaml

Files are watched: a save takes effect at once. Listens on 15012 (ADS over TLS, token required) and 15014
(/metrics, /healthz, /readyz; /debug for callers on this machine), in Kubernetes on 15017 (webhooks) and 15053 (DNS for
names that the cluster's does not know) too; with dns.enabled in the settings DNS is served from files as well.")]
pub(super) struct Args {
    /// Files and folders with manifests; folders are read recursively, unknown kinds are passed over
    #[arg(
        long,
        required_unless_present = "kubernetes",
        num_args = 1..,
        value_name = "PATH"
    )]
    manifests: Vec<PathBuf>,
    /// Folder (mode 0700) that keeps the local CA and the key for proxy tokens, so that a restart is not felt
    #[arg(
        long,
        value_name = "DIR",
        env = "TULLE_STATE",
        conflicts_with = "kubernetes"
    )]
    state: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArg,
    /// Watch the cluster that this pod runs in
    #[arg(long, conflicts_with = "manifests", requires_all = ["pod_name", "pod_namespace", "pod_ip"])]
    kubernetes: bool,
    #[command(flatten)]
    pod: PodArgs,
}

/// Who this replica is; the chart fills it in by the downward API.
#[derive(Debug, clap::Args)]
struct PodArgs {
    /// This pod's name
    #[arg(long, env = "POD_NAME", value_name = "NAME", hide_env_values = true)]
    pod_name: Option<String>,
    /// This pod's namespace
    #[arg(
        long,
        env = "POD_NAMESPACE",
        value_name = "NAMESPACE",
        hide_env_values = true
    )]
    pod_namespace: Option<String>,
    /// This pod's address
    #[arg(long, env = "POD_IP", value_name = "IP", hide_env_values = true)]
    pod_ip: Option<IpAddr>,
    /// This pod's service account
    #[arg(
        long,
        env = "SERVICE_ACCOUNT",
        value_name = "NAME",
        default_value = "tulle",
        hide_env_values = true
    )]
    service_account: String,
    /// The Service in front of all replicas; also the name of the settings' ConfigMap
    #[arg(
        long,
        env = "TULLE_SERVICE",
        value_name = "NAME",
        default_value = "tulle"
    )]
    service: String,
    /// The ClusterRole with which everything goes that the control plane makes in the cluster
    #[arg(
        long,
        env = "TULLE_OWNER",
        value_name = "NAME",
        default_value = "tulle"
    )]
    owner: String,
    /// The file with this pod's token of audience `tulle`, to speak with other replicas
    #[arg(
        long,
        env = "TULLE_TOKEN",
        value_name = "FILE",
        default_value = "/var/run/secrets/tulle.dev/token"
    )]
    token: PathBuf,
}

pub(super) fn run(args: Args) -> anyhow::Result<u8> {
    let config = args.config.load()?;
    let origin = if args.kubernetes {
        let pod = args.pod;
        wire::Origin::Kubernetes(wire::ClusterOptions {
            pod_name: pod.pod_name.context("--pod-name is missing")?.into(),
            namespace: pod
                .pod_namespace
                .context("--pod-namespace is missing")?
                .into(),
            pod_ip: pod.pod_ip.context("--pod-ip is missing")?,
            service_account: pod.service_account.into(),
            service: pod.service,
            owner: pod.owner,
            token: pod.token,
        })
    } else {
        if args.state.is_none() {
            tracing::warn!(
                "no --state: tokens and certificates are of no use after a restart, and `tulle bootstrap` cannot make any"
            );
        }
        wire::Origin::Files {
            manifests: args.manifests,
            state: args.state,
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting threads")?;
    runtime.block_on(wire::serve(wire::Options { origin, config }))?;
    Ok(OK)
}
