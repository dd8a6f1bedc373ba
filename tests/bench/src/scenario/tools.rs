//! The programs and folders of a bench.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lines::Launch;

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
    /// The folder of what istiod injects into pods, if it is to admit pods and to give certificates too.
    pub istio_inject: Option<PathBuf>,
    /// Envoy, if real ones are to take part.
    pub envoy: Option<PathBuf>,
    /// Where processes keep what they write.
    pub folder: PathBuf,
    /// Where meshes are kept that were written once; `None`: each is written anew.
    pub cache: Option<PathBuf>,
    /// Whether control planes run on the first core only, and simulated proxies on the second.
    pub pin: bool,
}

/// The core of control planes, where things are pinned.
const SERVER_CORE: usize = 0;
/// That of simulated proxies.
const CLIENT_CORE: usize = 1;

impl Tools {
    /// Fails if something is not there.
    ///
    /// # Errors
    /// A path names nothing.
    pub fn check(&self) -> anyhow::Result<()> {
        let needed = [&self.tulle, &self.node, &self.crds];
        let optional = [
            &self.istiod,
            &self.istio_crds,
            &self.istio_inject,
            &self.envoy,
        ];
        for path in needed.into_iter().chain(optional.into_iter().flatten()) {
            anyhow::ensure!(path.exists(), "{} does not exist", path.display());
        }
        Ok(())
    }

    /// The core of a control plane, if it is pinned.
    pub fn server_core(&self) -> Option<usize> {
        self.pin.then_some(SERVER_CORE)
    }

    /// How a floor is started.
    pub fn floor(&self) -> Launch {
        Self::on(self.server_core())
    }

    /// How simulated proxies are started.
    pub fn client(&self) -> Launch {
        Self::on(self.pin.then_some(CLIENT_CORE))
    }

    fn on(core: Option<usize>) -> Launch {
        Launch {
            threads: if core.is_some() { 1 } else { 2 },
            cores: core.into_iter().collect(),
            ..Launch::default()
        }
    }

    /// Which core is whose, in words.
    pub fn pinning(&self) -> String {
        match self.pin {
            true => format!("control planes on core {SERVER_CORE}, proxies on core {CLIENT_CORE}"),
            false => "nothing is pinned".to_owned(),
        }
    }

    /// What the programs say of themselves.
    pub fn versions(&self) -> BTreeMap<String, String> {
        let mut versions = BTreeMap::new();
        let mut ask = |name: &str, program: &Path, arguments: &[&str]| {
            if let Ok(output) = Command::new(program).args(arguments).output() {
                let text = String::from_utf8_lossy(&output.stdout);
                let first = text.lines().find(|line| !line.trim().is_empty());
                if let Some(first) = first.filter(|_| output.status.success()) {
                    versions.insert(name.to_owned(), brief(first));
                }
            }
        };
        ask("tulle", &self.tulle, &["version"]);
        if let Some(istiod) = &self.istiod {
            ask("istiod", istiod, &["version", "--short"]);
        }
        if let Some(envoy) = &self.envoy {
            ask("envoy", envoy, &["--version"]);
        }
        ask(
            "commit",
            Path::new("git"),
            &["describe", "--always", "--dirty"],
        );
        versions
    }
}

/// A version without what stands before it. Envoy's is `PATH  version: COMMIT/VERSION/…`.
fn brief(line: &str) -> String {
    match line.split_once(" version: ") {
        Some((_, parts)) => parts.split('/').nth(1).unwrap_or(parts).to_owned(),
        None => line.trim().to_owned(),
    }
}
