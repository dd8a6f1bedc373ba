//! `tulle migrate`: what becomes of another control plane's installation.

use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use tulle_model::Severity;

use super::analyze::ClusterArgs;
use super::{ConfigArg, FAULT, OK, print};
use crate::analyze::cluster::{self, Cluster};
use crate::analyze::{self, Analysis};
use crate::migrate::{self, Input, Plan, Verdict, clean, controller};

/// Say what becomes of what runs under another control plane
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, clap::Subcommand)]
enum From {
    Appmesh(AppMesh),
}

/// Say object by object what runs as it is, what differs and what has to be decided
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tulle migrate appmesh manifests/
  tulle migrate appmesh --kubernetes --write cleaned/
  helm get values -n appmesh-system appmesh-controller | tulle migrate appmesh --controller-values - > values.yaml
  tulle migrate appmesh appmesh-backup.yaml deployments.yaml --controller-values appmesh-values.yaml -o json

Looks at App Mesh objects, at Namespaces and Services, and at whatever has pods: put all of them into the files. Nothing is
written unless --write names a folder, and nothing is ever overwritten. docs/migrate-from-appmesh.md is the way to go.

Exit codes:
  0  everything runs, perhaps differently
  1  something has to be decided
  2  it could not be done: bad arguments, a path that is not there, no cluster, a file that would be overwritten")]
struct AppMesh {
    /// Files and folders with manifests; folders are read recursively
    #[arg(value_name = "PATH", required_unless_present_any = ["kubernetes", "controller_values"])]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// What `helm get values appmesh-controller` prints, `-` is stdin: as values of Tulle's chart
    #[arg(long, value_name = "FILE")]
    controller_values: Option<PathBuf>,
    /// Write the App Mesh objects into this folder without what only a cluster knows: a file for each namespace
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
    /// How it is printed
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Form,
    #[command(flatten)]
    config: ConfigArg,
}

/// A form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

pub(super) fn run(args: Args) -> anyhow::Result<u8> {
    let From::Appmesh(args) = args.from;
    let settings = args.config.load()?.cluster_settings();
    let values = args
        .controller_values
        .as_deref()
        .map(|file| {
            let text = super::read_text(file)?;
            controller::values(&text)
        })
        .transpose()
        .context("--controller-values")?;
    let objects = (args.cluster.kubernetes || !args.paths.is_empty())
        .then(|| look(&args, settings.clone()))
        .transpose()?;
    let plan = objects
        .as_ref()
        .map(|(input, analysis)| migrate::plan(input, analysis, settings));

    if let Some(folder) = &args.write {
        let mut files = match &objects {
            Some((input, _)) => clean::files(input)?,
            None => Default::default(),
        };
        if let Some(values) = &values {
            files.insert("tulle-values.yaml".into(), values.yaml()?);
        }
        clean::write(folder, &files)?;
        for file in files.keys() {
            print::complain(
                Severity::Info,
                &format!("written: {}", folder.join(file).display()),
            );
        }
    }
    print::out(&written(plan.as_ref(), values.as_ref(), args.output)?)?;
    let open = plan.is_some_and(|plan| plan.count(Verdict::Decide) > 0);
    Ok(if open { FAULT } else { OK })
}

/// The objects, and what there is to say of them.
fn look(
    args: &AppMesh,
    settings: tulle_model::settings::Settings,
) -> anyhow::Result<(Input, Analysis)> {
    if !args.cluster.kubernetes {
        let analysis = analyze::files(&args.paths, settings)?;
        return Ok((Input::of_files(&args.paths)?, analysis));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting a thread")?;
    let (analysis, input) = runtime.block_on(async {
        let cluster = Cluster::connect(args.cluster.context.as_deref()).await?;
        let listed = cluster::listed(&cluster).await?;
        super::analyze::tell_absent(&listed);
        let analysis = cluster::analysis(&listed, settings);
        anyhow::Ok((analysis, Input::of_cluster(&cluster, listed).await))
    })?;
    super::analyze::tell_refused(&input.refused);
    Ok((input, analysis))
}

fn written(
    plan: Option<&Plan>,
    values: Option<&controller::Values>,
    form: Form,
) -> anyhow::Result<String> {
    match (form, plan) {
        (Form::Json, _) => {
            let document = migrate::json(plan.unwrap_or(&Plan::default()), values);
            Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
        }
        (Form::Text, plan) => {
            let mut text = plan.map(migrate::text).unwrap_or_default();
            if let Some(values) = values {
                if !text.is_empty() {
                    text.push('\n');
                }
                text.push_str(&values.yaml()?);
            }
            Ok(text)
        }
    }
}
