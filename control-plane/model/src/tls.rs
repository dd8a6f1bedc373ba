//! TLS as users declare it, beside the mutual TLS that proxies use of themselves.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::Str;

/// What a listener takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Plaintext alone.
    Disabled,
    /// TLS and plaintext.
    Permissive,
    /// TLS alone.
    Strict,
}

/// Where a proxy gets its certificate and private key from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Certificate {
    /// From the control plane's own CA (App Mesh: acm).
    Mesh,
    /// From files in the proxy's container.
    File {
        /// The chain, the leaf first, in PEM.
        chain: Str,
        /// The private key, in PEM.
        key: Str,
    },
    /// From a secret server on a local socket.
    Sds {
        /// The secret's name there.
        secret: Str,
    },
    /// From a Kubernetes Secret of the proxy's namespace.
    Secret {
        /// Its name.
        name: Str,
    },
}

/// Where a proxy gets the roots that it trusts from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Trust {
    /// The control plane's own CA (App Mesh: acm).
    Mesh,
    /// A file in the proxy's container.
    File {
        /// The roots, in PEM.
        chain: Str,
    },
    /// A secret server on a local socket.
    Sds {
        /// The secret's name there.
        secret: Str,
    },
    /// A Kubernetes Secret of the proxy's namespace.
    Secret {
        /// Its name.
        name: Str,
    },
    /// What is written cannot be used, so that nobody is trusted.
    Nobody,
}

/// How a listener ends TLS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerTls {
    /// What it takes.
    pub mode: TlsMode,
    /// What it shows.
    pub certificate: Certificate,
    /// What it asks of clients; `None`: no certificate.
    pub validation: Option<ClientValidation>,
}

impl ServerTls {
    /// Whether connections in TLS are taken.
    pub fn takes_tls(&self) -> bool {
        self.mode != TlsMode::Disabled
    }
}

/// What a listener asks of a client's certificate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientValidation {
    /// Who must have signed it.
    pub trust: Trust,
    /// Names one of which it must bear, sorted, each once; none: any.
    pub names: Vec<Str>,
}

/// How a client's calls are secured, as its user wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientTls {
    /// Whether a server that takes no TLS is not called at all.
    pub enforce: bool,
    /// The server's ports that this is about; none stands for all.
    pub ports: BTreeSet<u16>,
    /// What the client shows if it is asked.
    pub certificate: Option<Certificate>,
    /// Who must have signed the server's certificate.
    pub trust: Trust,
    /// Names one of which it must bear, sorted, each once; `None`: the name by which the server is found.
    pub names: Option<Vec<Str>>,
}

impl ClientTls {
    /// Whether this is about a server's port.
    pub fn covers(&self, port: u16) -> bool {
        self.ports.is_empty() || self.ports.contains(&port)
    }
}

/// How a client's connections to one destination are secured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterTls {
    /// What the client shows if it is asked.
    pub certificate: Option<Certificate>,
    /// Who must have signed the server's certificate; `None`: it is not looked at.
    pub trust: Option<Trust>,
    /// Names one of which it must bear, sorted, each once; none: any.
    pub names: Vec<Str>,
    /// The name that the client says it calls (SNI); empty: none.
    pub server_name: Str,
}
