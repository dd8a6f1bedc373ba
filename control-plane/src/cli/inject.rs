//! `tulle inject`: manifests as the webhook would let their pods in.

mod documents;
mod mesh;
mod workload;

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tulle_injector::inject::{InjectConfig, Namespace, PodRequest, WARNING, inject};
use tulle_model::Severity;

use self::documents::Document;
use self::mesh::Declared;
use self::workload::Template;
use super::{ConfigArg, FAULT, OK, print};

/// Print manifests with Envoy put into their pods, as the webhook would do it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tulle inject -f shop.yaml | kubectl apply -f -
  kubectl get deployment front -o yaml | tulle inject -f - --mesh mesh/ | kubectl apply -f -
  tulle inject -f front.yaml --mesh mesh.yaml nodes.yaml --config settings.yaml

Pods, and the pod templates of Deployments, ReplicaSets, StatefulSets, DaemonSets, ReplicationControllers, Jobs,
CronJobs and Lists of them. Which VirtualNode or VirtualGateway selects a pod is looked up in the same files and in
those of --mesh (Mesh, VirtualNode, VirtualGateway, Namespace). What is not injected is printed as it was read, and
injecting twice changes nothing. Exits with 1 if a pod would be rejected; nothing is printed to stdout then.")]
pub(super) struct Args {
    /// Files with manifests to print; `-` is stdin
    #[arg(short, long = "filename", required = true, num_args = 1.., value_name = "FILE")]
    files: Vec<PathBuf>,
    /// More files and folders that declare the mesh, which are not printed
    #[arg(long, num_args = 1.., value_name = "PATH")]
    mesh: Vec<PathBuf>,
    /// Namespace of manifests that name none
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    namespace: String,
    /// Tulle's own namespace, where nothing is injected
    #[arg(long, value_name = "NAMESPACE", default_value = "tulle-system")]
    system_namespace: String,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: Args) -> anyhow::Result<u8> {
    let config = args.config.load()?.injection;
    let mut documents = Vec::new();
    for file in &args.files {
        let text = read(file).with_context(|| file.display().to_string())?;
        documents.extend(documents::read(file, &text)?);
    }
    let mut declared = Declared::default();
    for document in &documents {
        declared.add_document(&document.value, &args.namespace);
    }
    declared.add_files(&args.mesh)?;

    let mut rejected = false;
    for document in &mut documents {
        rejected |= !injected(document, &declared, &args, &config);
    }
    if rejected {
        return Ok(FAULT);
    }
    print::out(&documents::write(&documents)?)?;
    Ok(OK)
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text)?;
        return Ok(text);
    }
    if file.is_dir() {
        bail!("it is a folder; name its files");
    }
    Ok(std::fs::read_to_string(file)?)
}

/// Injects every pod of a document. `false` if one would be rejected.
fn injected(
    document: &mut Document,
    declared: &Declared,
    args: &Args,
    config: &InjectConfig,
) -> bool {
    let mut fine = true;
    for Template {
        object,
        namespace,
        path,
    } in workload::templates(&document.value, &args.namespace)
    {
        let Some(pod) = document.value.pointer_mut(&path) else {
            continue;
        };
        let labels = declared.labels(&namespace);
        let candidates = declared.candidates(&namespace);
        let request = PodRequest {
            namespace: Namespace {
                name: &namespace,
                labels: &labels,
            },
            pod,
            candidates: &candidates,
            system_namespace: &args.system_namespace,
        };
        match inject(&request, config) {
            Ok(outcome) => {
                for warning in &outcome.warnings {
                    let warning = warning.strip_prefix(WARNING).unwrap_or(warning);
                    print::complain(Severity::Warning, &format!("{object}: {warning}"));
                }
                if !outcome.patch.0.is_empty() {
                    *pod = outcome.pod;
                    document.changed = true;
                }
            }
            Err(rejection) => {
                print::complain(Severity::Error, &format!("{object}: {rejection}"));
                fine = false;
            }
        }
    }
    fine
}
