//! `tulle merge-bootstrap`: what the init container `tulle-bootstrap` of a pod does.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tulle_injector::bootstrap::merge;

use super::OK;

/// Put files of the pod's into what its Envoy starts from
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What Envoys of the namespace start from
    #[arg(long, value_name = "FILE")]
    base: PathBuf,
    /// The result; Envoy reads it as JSON if its name ends in `.json`
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Files with fields of a bootstrap
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: Args) -> anyhow::Result<u8> {
    let base = read(&args.base)?;
    let files = args
        .files
        .iter()
        .map(|file| Ok((file.display().to_string(), read(file)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let merged = merge(&base, &files)?;
    std::fs::write(&args.out, merged).with_context(|| args.out.display().to_string())?;
    Ok(OK)
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| file.display().to_string())
}
