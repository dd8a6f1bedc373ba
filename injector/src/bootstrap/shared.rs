//! The files that all pods of a namespace share, as a ConfigMap: nothing in them is of one pod, so that what they hold can be
//! replaced while Envoys run. Who an Envoy is stands on its command line, its token comes from the kubelet.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use tulle_proto::pb::envoy::config::metrics::v3::TagSpecifier;
use tulle_proto::pb::envoy::config::metrics::v3::tag_specifier::TagValue;

use super::{
    BOOTSTRAP_FILE, BootstrapError, ROOT_FILE, ROOT_SDS_FILE, Server, TOKEN_FILE, TOKEN_SDS_FILE,
    envoy, local,
};

/// Where the ConfigMap is mounted.
pub const SHARED_DIRECTORY: &str = "/etc/tulle";
/// Where the kubelet puts the pod's token, under the name [`TOKEN_FILE`].
pub const TOKEN_DIRECTORY: &str = "/var/run/secrets/tulle.dev";
/// Envoy's admin interface: on loopback, as it can do everything to this Envoy.
pub const ADMIN_PORT: u16 = 9901;

/// What the shared files depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedSpec {
    /// Full DNS name (or address) of the control plane, such as `tulle.tulle-system.svc.cluster.local`.
    pub control_plane: String,
    /// Its xDS port.
    pub control_plane_port: u16,
    /// The SPIFFE identity that its certificate must bear.
    pub control_plane_identity: String,
    /// The root certificates that the control plane's certificate leads to, PEM; several while the root changes.
    pub root_pem: String,
    /// Whether the pods' own addresses may be IPv6: readiness and figures are then served on both families.
    pub ipv6: bool,
}

/// The contents of the shared files. None is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedFiles {
    /// [`BOOTSTRAP_FILE`].
    pub bootstrap: String,
    /// [`TOKEN_SDS_FILE`].
    pub token_sds: String,
    /// [`ROOT_SDS_FILE`].
    pub root_sds: String,
    /// [`ROOT_FILE`].
    pub root_pem: String,
}

impl fmt::Debug for SharedFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFiles").finish_non_exhaustive()
    }
}

impl SharedFiles {
    /// The files by name: the ConfigMap's `data`.
    pub fn into_data(self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (BOOTSTRAP_FILE.to_owned(), self.bootstrap),
            (TOKEN_SDS_FILE.to_owned(), self.token_sds),
            (ROOT_SDS_FILE.to_owned(), self.root_sds),
            (ROOT_FILE.to_owned(), self.root_pem),
        ])
    }
}

/// Makes the contents of the shared files. The same specification gives the same text.
///
/// # Errors
/// A part of the specification that Envoy would not understand.
pub fn shared(spec: SharedSpec) -> Result<SharedFiles, BootstrapError> {
    for (value, name) in [
        (
            &spec.control_plane_identity,
            "identity of the control plane",
        ),
        (&spec.root_pem, "root certificate"),
    ] {
        if value.is_empty() {
            return Err(BootstrapError::Empty(name));
        }
    }
    if spec.control_plane_port == 0 {
        return Err(BootstrapError::Port("the control plane"));
    }
    let server = Server::of(&spec.control_plane)?;
    let file = |name: &str| format!("{SHARED_DIRECTORY}/{name}");
    let (listeners, clusters) = local::of_admin(ADMIN_PORT, spec.ipv6);
    // Written as complete, so that the search domains of the pod are not tried first.
    let control_plane = match &server {
        Server::Name(name) if name.contains('.') => format!("{name}."),
        Server::Name(_) | Server::Address => spec.control_plane.clone(),
    };
    let bootstrap = envoy::bootstrap(envoy::Parts {
        node: None,
        admin: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), ADMIN_PORT),
        control_plane: &control_plane,
        control_plane_port: spec.control_plane_port,
        server: &server,
        token_sds: &file(TOKEN_SDS_FILE),
        root_sds: &file(ROOT_SDS_FILE),
        // The kubelet replaces a ConfigMap's files all at once, by renaming a link beside them.
        watched: Some(SHARED_DIRECTORY),
        listeners,
        clusters,
        tags: tags(),
        // As App Mesh's Envoys did it.
        outlier_log: Some("/dev/stdout"),
    });
    let token = format!("{TOKEN_DIRECTORY}/{TOKEN_FILE}");
    Ok(SharedFiles {
        bootstrap: envoy::render(&bootstrap)?,
        token_sds: envoy::render(&envoy::secret_file(&envoy::token_secret(&token)))?,
        root_sds: envoy::render(&envoy::secret_file(&envoy::root_secret(
            &file(ROOT_FILE),
            &spec.control_plane_identity,
        )))?,
        root_pem: spec.root_pem,
    })
}

/// The tags that App Mesh's figures have where a proxy has several ports: protocol, port and routes of `ingress.<protocol>.<port>`.
/// The outer group is taken out of a figure's name, the inner one is the value.
fn tags() -> Vec<TagSpecifier> {
    [
        (
            "appmesh.listener_protocol",
            r"\.ingress\.((\w+?)\.)[0-9]+?\.",
        ),
        ("appmesh.listener_port", r"\.ingress\.\w+?\.(([0-9]+?)\.)"),
        (
            "envoy_rds_route_config",
            r"\.ingress\.\w+?\.[0-9]+?\.rds\.((.*?)\.)",
        ),
    ]
    .into_iter()
    .map(|(name, regex)| TagSpecifier {
        tag_name: name.to_owned(),
        tag_value: Some(TagValue::Regex(regex.to_owned())),
    })
    .collect()
}
