//! The programs and folders of a bench.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Tulle as it is released.
    pub tulle: PathBuf,
    /// The program of `tests/cluster/node`: API server, etcd and kubectl.
    pub node: PathBuf,
    /// The folder of App Mesh's kinds.
    pub crds: PathBuf,
    /// istiod, if it is to be measured too.
    pub istiod: Option<PathBuf>,
    /// The file of Istio's kinds; given with `istiod`.
    pub istio_crds: Option<PathBuf>,
    /// Where processes keep what they write.
    pub folder: PathBuf,
}

impl Tools {
    /// Fails if something is not there.
    ///
    /// # Errors
    /// A path names nothing.
    pub fn check(&self) -> anyhow::Result<()> {
        let needed = [&self.tulle, &self.node, &self.crds];
        let optional = [&self.istiod, &self.istio_crds];
        for path in needed.into_iter().chain(optional.into_iter().flatten()) {
            anyhow::ensure!(path.exists(), "{} does not exist", path.display());
        }
        Ok(())
    }

    /// What the programs say of themselves.
    pub fn versions(&self) -> BTreeMap<String, String> {
        let mut versions = BTreeMap::new();
        let mut ask = |name: &str, program: &Path, arguments: &[&str]| {
            if let Ok(output) = Command::new(program).args(arguments).output() {
                let text = String::from_utf8_lossy(&output.stdout);
                let first = text.lines().next().unwrap_or_default();
                versions.insert(name.to_owned(), first.trim().to_owned());
            }
        };
        ask("tulle", &self.tulle, &["version"]);
        if let Some(istiod) = &self.istiod {
            ask("istiod", istiod, &["version", "--short"]);
        }
        versions
    }
}
