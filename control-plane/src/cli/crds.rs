//! `tulle crds`: the definitions of the kinds that this version reads.

use std::fmt::Write;

use tulle_crds::crd::{appmesh_crds, to_yaml};

use super::{OK, print};

/// Print the CustomResourceDefinitions of this version
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  tulle crds | kubectl apply --server-side --force-conflicts -f -

Helm installs them where they are absent and leaves them alone from then on; so does an uninstall. This upgrades
them. --force-conflicts takes the fields over from Helm, or from whoever installed App Mesh.")]
pub(super) struct Args {}

pub(super) fn run(Args {}: Args) -> anyhow::Result<u8> {
    let mut text = String::new();
    for crd in appmesh_crds() {
        let yaml = to_yaml(&crd)?;
        writeln!(text, "---\n{}", yaml.trim_end())?;
    }
    print::out(&text).map(|()| OK)
}
