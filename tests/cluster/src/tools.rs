//! The programs that a cluster is made of: `tests/run` builds or installs them and says where.

use std::path::PathBuf;

use anyhow::Context;

/// Where each program is.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The multi-call program of `tests/cluster/node`.
    pub node: PathBuf,
    /// CoreDNS.
    pub coredns: PathBuf,
    /// Helm.
    pub helm: PathBuf,
    /// Envoy, the version that Tulle is shipped with.
    pub envoy: PathBuf,
    /// `tulle` as it is released.
    pub tulle: PathBuf,
    /// `tulle-sample`.
    pub sample: PathBuf,
    /// The checkout.
    pub checkout: PathBuf,
    /// Where images are kept between runs.
    pub cache: PathBuf,
}

fn place(variable: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os(variable)
        .map(PathBuf::from)
        .with_context(|| format!("{variable} is not set: use `tests/run cluster`"))?;
    anyhow::ensure!(
        path.exists(),
        "{variable}: {} does not exist",
        path.display()
    );
    Ok(path)
}

impl Tools {
    /// As the environment says.
    ///
    /// # Errors
    /// A variable is missing or names nothing.
    pub fn from_environment() -> anyhow::Result<Self> {
        Ok(Self {
            node: place("TULLE_NODE")?,
            coredns: place("TULLE_COREDNS")?,
            helm: place("TULLE_HELM")?,
            envoy: place("TULLE_ENVOY")?,
            tulle: place("TULLE_RELEASE")?,
            sample: place("TULLE_SAMPLE")?,
            checkout: place("TULLE_CHECKOUT")?,
            cache: place("TULLE_CACHE")?,
        })
    }
}
