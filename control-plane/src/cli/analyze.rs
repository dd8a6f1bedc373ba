//! `tulle analyze`: everything there is to say about manifests or a cluster's objects.

use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use tulle_model::Severity;

use super::{ConfigArg, FAULT, OK, UNABLE, print};
use crate::analyze::cluster::{self, Cluster};
use crate::analyze::{self, Analysis};

/// Say everything that is wrong, odd or without effect in manifests or in a cluster's objects
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tulle analyze manifests/
  tulle analyze mesh.yaml services/ --fail-on warning
  tulle analyze manifests/ -o sarif > tulle.sarif
  tulle analyze --kubernetes --context staging -o json

Files are looked at as on Kubernetes: put your Namespaces (their labels choose the mesh) and Services among them.
Every code is explained in docs/findings.md. Nothing is written, in files or in the cluster.

Exit codes:
  0  nothing as severe as --fail-on
  1  there are such findings
  2  it could not be done: bad arguments, a path that is not there, a file that cannot be read, no cluster")]
pub(super) struct Args {
    /// Files and folders with manifests; folders are read recursively
    #[arg(value_name = "PATH", required_unless_present = "kubernetes")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// How it is printed
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Form,
    /// From which severity on the exit code is 1
    #[arg(long, value_name = "SEVERITY", default_value = "error")]
    fail_on: FailOn,
    #[command(flatten)]
    config: ConfigArg,
}

/// Which cluster.
#[derive(Debug, clap::Args)]
pub(super) struct ClusterArgs {
    /// The objects of the cluster that kubectl would ask, in place of files
    #[arg(long, conflicts_with = "paths")]
    pub(super) kubernetes: bool,
    /// A context of the kubeconfig
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    pub(super) context: Option<String>,
}

/// A form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For scripts; docs/analyze.md has its fields.
    Json,
    /// SARIF 2.1.0, for code hosts and editors.
    Sarif,
}

/// The least severity that counts as a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Info,
    Never,
}

impl FailOn {
    fn is_met_by(self, worst: Option<Severity>) -> bool {
        let least = match self {
            Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Info => Severity::Info,
            Self::Never => return false,
        };
        worst.is_some_and(|worst| worst >= least)
    }
}

pub(super) fn run(args: Args) -> anyhow::Result<u8> {
    let settings = args.config.load()?.cluster_settings();
    let analysis = match args.cluster.kubernetes {
        false => analyze::files(&args.paths, settings)?,
        true => cluster::analysis(&listed(&args.cluster)?, settings),
    };
    print::out(&written(&analysis, args.output)?)?;
    Ok(if analysis.unreadable {
        UNABLE
    } else if args.fail_on.is_met_by(analysis.worst()) {
        FAULT
    } else {
        OK
    })
}

/// The cluster's objects.
fn listed(args: &ClusterArgs) -> anyhow::Result<cluster::Listed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting a thread")?;
    let listed = runtime.block_on(async {
        let cluster = Cluster::connect(args.context.as_deref()).await?;
        cluster::listed(&cluster).await
    })?;
    tell_absent(&listed);
    tell_refused(&listed.refused);
    Ok(listed)
}

/// Says that the cluster is not one with App Mesh's kinds: no findings would otherwise sound like good news.
pub(super) fn tell_absent(listed: &cluster::Listed) {
    if !listed.absent.is_empty() {
        let text = format!(
            "the cluster does not have {}: is it the right one, and are App Mesh's kinds installed (`tulle crds`)?",
            listed.absent.join(", ")
        );
        print::complain(Severity::Warning, &text);
    }
}

/// Says what is not known, as the cluster does not list it.
pub(super) fn tell_refused(refused: &[(String, String)]) {
    for (kind, why) in refused {
        let text = format!("{kind} cannot be listed, so what depends on them is missing: {why}");
        print::complain(Severity::Warning, &text);
    }
}

fn written(analysis: &Analysis, form: Form) -> anyhow::Result<String> {
    let document = match form {
        Form::Text => return Ok(analyze::text(analysis)),
        Form::Json => analyze::json(analysis),
        Form::Sarif => analyze::sarif(analysis),
    };
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}
