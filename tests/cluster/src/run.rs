//! Where a cluster keeps what it writes.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The name of the node, of its user and of its certificate.
pub const NODE: &str = "node-1";
/// The node's address in its own network.
pub const NODE_IP: &str = "10.99.0.1";
/// Addresses of Services.
pub const SERVICE_CIDR: &str = "10.96.0.0/16";
/// The API server's own Service, the first of them.
pub const API_SERVICE_IP: &str = "10.96.0.1";
/// The cluster's DNS server.
pub const DNS_IP: &str = "10.96.0.10";
/// Where Tulle's own DNS server is asked for the names of Cloud Map ([`CLOUD_MAP_DOMAIN`]).
pub const TULLE_DNS_IP: &str = "10.96.0.53";
/// The domain in which namespaces of Cloud Map lie.
pub const CLOUD_MAP_DOMAIN: &str = "pvt.aws.local";
/// Addresses of pods.
pub const POD_CIDR: &str = "10.244.0.0/16";
/// The addresses of pods on the only node.
pub const NODE_POD_CIDR: &str = "10.244.0.0/24";
/// The cluster's domain.
pub const CLUSTER_DOMAIN: &str = "cluster.local";

/// The folder of one cluster. Socket paths have little room, so it lies directly below `/tmp`.
#[derive(Debug, Clone)]
pub struct Run {
    root: PathBuf,
}

impl Run {
    /// The cluster of this name, whether it runs or not. The name is part of paths: letters, digits and `-`.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        let fits = !name.is_empty() && name.len() <= 20;
        anyhow::ensure!(
            fits && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
            "'{name}' cannot name a cluster: use up to 20 letters, digits and '-'"
        );
        Ok(Self {
            root: Path::new("/tmp").join(format!("tulle-cluster-{name}")),
        })
    }

    /// The cluster whose folder the environment variable `TULLE_CLUSTER` names.
    pub fn from_environment() -> anyhow::Result<Self> {
        let root = std::env::var_os("TULLE_CLUSTER")
            .context("TULLE_CLUSTER is not set: run the cases with `tests/run cluster`")?;
        Ok(Self { root: root.into() })
    }

    /// The cluster in this folder.
    pub fn in_folder(root: PathBuf) -> Self {
        Self { root }
    }

    /// Folders of other clusters on this machine, whether they run or not.
    ///
    /// # Errors
    /// The folder that all lie in cannot be read.
    pub fn others(&self) -> anyhow::Result<Vec<Self>> {
        let parent = self.root.parent().context("a run folder lies in another")?;
        let mut others = Vec::new();
        for entry in std::fs::read_dir(parent)? {
            let root = entry?.path();
            let name = root.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("tulle-cluster-") && root != self.root {
                others.push(Self { root });
            }
        }
        Ok(others)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file by which one process at a time brings it up or takes it down: beside the folder, which comes and goes.
    pub fn claim(&self) -> PathBuf {
        let name = self.root.file_name().unwrap_or_default();
        self.root
            .with_file_name(format!(".{}.lock", name.to_string_lossy()))
    }

    /// A file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The name of its group in every cgroup hierarchy.
    pub fn cgroup(&self) -> String {
        let name = self.root.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Programs under their own names.
    pub fn bin(&self) -> PathBuf {
        self.path("bin")
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    /// A command that runs its arguments in the cluster's network, with `kubectl` and KUBECONFIG.
    pub fn enter(&self) -> PathBuf {
        self.path("enter")
    }

    /// The container runtime's socket.
    pub fn containerd_socket(&self) -> PathBuf {
        self.path("containerd.sock")
    }

    /// The log of a part of the node.
    pub fn log(&self, part: &str) -> PathBuf {
        self.path("logs").join(format!("{part}.log"))
    }

    /// While this file exists the part is kept stopped.
    pub fn hold(&self, part: &str) -> PathBuf {
        self.path("hold").join(part)
    }

    /// Certificates and keys.
    pub fn pki(&self, file: &str) -> PathBuf {
        self.path("pki").join(file)
    }
}
