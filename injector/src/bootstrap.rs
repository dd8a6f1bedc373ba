//! The files an Envoy starts from: its bootstrap, its token, the root it trusts, and two SDS files that name these.
//!
//! Token and root are named by SDS *files* because Envoy watches those: a replaced token or root takes effect without a restart,
//! while a secret inside the bootstrap would be read once. Nothing else in here changes while Envoy runs.

mod envoy;
pub(crate) mod local;
mod merge;
mod shared;
mod write;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use rustls_pki_types::DnsName;
use tulle_proto::JsonError;
use tulle_proto::core::Node;

pub use envoy::{DOWNSTREAM_CONNECTIONS, XDS_CLUSTER};
pub use local::{READINESS_PATH, READINESS_PORT, STATS_PATH, STATS_PORT};
pub use merge::{MergeError, merge};
pub use shared::{ADMIN_PORT, SHARED_DIRECTORY, SharedFiles, SharedSpec, TOKEN_DIRECTORY, shared};
pub use write::{WriteError, write};

/// Name of the bootstrap, for `envoy --config-path`.
pub const BOOTSTRAP_FILE: &str = "envoy.yaml";
/// Name of the SDS file that names the token file.
pub const TOKEN_SDS_FILE: &str = "token-sds.yaml";
/// Name of the SDS file that names the root.
pub const ROOT_SDS_FILE: &str = "root-sds.yaml";
/// Name of the token file.
pub const TOKEN_FILE: &str = "token";
/// Name of the file with the root certificates.
pub const ROOT_FILE: &str = "root.pem";

/// What the files depend on.
#[derive(Clone)]
pub struct BootstrapSpec {
    /// `node.id`. App Mesh users know it as `mesh/<mesh>/virtualNode/<name>`.
    pub node_id: String,
    /// `node.cluster`.
    pub node_cluster: String,
    /// IP address or DNS name of the control plane.
    pub control_plane: String,
    /// Its xDS port.
    pub control_plane_port: u16,
    /// The SPIFFE identity that its certificate must bear.
    pub control_plane_identity: String,
    /// Where Envoy's admin interface listens. It can do everything to this Envoy, so let it be a loopback address.
    pub admin: SocketAddr,
    /// The proxy's token.
    pub token: String,
    /// The root certificates that the control plane's certificate leads to, PEM.
    pub root_pem: String,
    /// The folder the files will lie in, as Envoy will see it.
    pub directory: PathBuf,
}

impl fmt::Debug for BootstrapSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BootstrapSpec")
            .field("node_id", &self.node_id)
            .field("control_plane", &self.control_plane)
            .field("control_plane_port", &self.control_plane_port)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// The contents of the files.
#[derive(Clone, PartialEq, Eq)]
pub struct BootstrapFiles {
    /// [`BOOTSTRAP_FILE`].
    pub bootstrap: String,
    /// [`TOKEN_SDS_FILE`].
    pub token_sds: String,
    /// [`ROOT_SDS_FILE`].
    pub root_sds: String,
    /// [`TOKEN_FILE`], a secret.
    pub token: String,
    /// [`ROOT_FILE`].
    pub root_pem: String,
}

impl fmt::Debug for BootstrapFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BootstrapFiles")
            .field("bootstrap", &self.bootstrap)
            .finish_non_exhaustive()
    }
}

/// The files cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// Envoy refuses ADS without it.
    #[error("bootstrap: {0} is empty")]
    Empty(&'static str),
    /// Neither an address nor a name.
    #[error("bootstrap: control plane {0:?} is neither an IP address nor a DNS name")]
    ControlPlane(String),
    /// Port 0.
    #[error("bootstrap: port 0 of {0} means nothing to Envoy")]
    Port(&'static str),
    /// Envoy's configuration is UTF-8.
    #[error("bootstrap: folder {0:?} cannot be named in Envoy's configuration, which is UTF-8")]
    Directory(PathBuf),
    /// The token would not survive as a header value.
    #[error("bootstrap: the token has characters that a header cannot carry")]
    Token,
    /// The configuration has no text form.
    #[error("bootstrap: {0}")]
    Render(#[from] JsonError),
}

/// How Envoy finds the control plane.
enum Server {
    Address,
    Name(String),
}

impl Server {
    fn of(control_plane: &str) -> Result<Self, BootstrapError> {
        match control_plane.parse::<IpAddr>() {
            Ok(_) => Ok(Self::Address),
            Err(_) if DnsName::try_from(control_plane).is_ok() => {
                Ok(Self::Name(control_plane.to_owned()))
            }
            Err(_) => Err(BootstrapError::ControlPlane(control_plane.to_owned())),
        }
    }
}

/// Makes the contents of all files; touches no disk.
///
/// # Errors
/// A part of the specification that Envoy would not understand.
pub fn files(spec: BootstrapSpec) -> Result<BootstrapFiles, BootstrapError> {
    for (value, name) in [
        (&spec.node_id, "node id"),
        (&spec.node_cluster, "node cluster"),
        (
            &spec.control_plane_identity,
            "identity of the control plane",
        ),
        (&spec.token, "token"),
        (&spec.root_pem, "root certificate"),
    ] {
        if value.is_empty() {
            return Err(BootstrapError::Empty(name));
        }
    }
    for (port, name) in [
        (spec.control_plane_port, "the control plane"),
        (spec.admin.port(), "the admin interface"),
    ] {
        if port == 0 {
            return Err(BootstrapError::Port(name));
        }
    }
    if !spec.token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(BootstrapError::Token);
    }
    let server = Server::of(&spec.control_plane)?;
    let path = |name: &str| {
        let path = spec.directory.join(name);
        path.into_os_string()
            .into_string()
            .map_err(|_| BootstrapError::Directory(spec.directory.clone()))
    };

    let bootstrap = envoy::bootstrap(envoy::Parts {
        node: Some(Node {
            id: spec.node_id.clone(),
            cluster: spec.node_cluster.clone(),
            ..Default::default()
        }),
        admin: spec.admin,
        control_plane: &spec.control_plane,
        control_plane_port: spec.control_plane_port,
        server: &server,
        token_sds: &path(TOKEN_SDS_FILE)?,
        root_sds: &path(ROOT_SDS_FILE)?,
        watched: None,
        listeners: Vec::new(),
        clusters: Vec::new(),
        tags: Vec::new(),
        outlier_log: None,
    });
    Ok(BootstrapFiles {
        bootstrap: envoy::render(&bootstrap)?,
        token_sds: envoy::render(&envoy::secret_file(&envoy::token_secret(&path(
            TOKEN_FILE,
        )?)))?,
        root_sds: envoy::render(&envoy::secret_file(&envoy::root_secret(
            &path(ROOT_FILE)?,
            &spec.control_plane_identity,
        )))?,
        token: spec.token,
        root_pem: spec.root_pem,
    })
}

#[cfg(test)]
mod tests;
