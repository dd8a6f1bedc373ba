//! Secrets that hold the names of files: only the proxy can tell whether it has them.

use std::collections::BTreeSet;

use prost::Message;
use tulle_model::linked::{ProxyView, Role};
use tulle_model::tls::{Certificate, Trust};
use tulle_model::{ObjectId, Str};
use tulle_proto::core::DataSource;
use tulle_proto::core::data_source::Specifier;
use tulle_proto::tls::secret::Type;
use tulle_proto::tls::{CertificateValidationContext, Secret, TlsCertificate};

use crate::plan::{Parts, Resource};
use crate::{names, type_url};

/// What the sockets of a view name.
#[derive(Debug, Default)]
pub(crate) struct Named<'a> {
    certificates: BTreeSet<&'a Certificate>,
    trusts: BTreeSet<&'a Trust>,
}

impl<'a> Named<'a> {
    pub(crate) fn by(view: &'a ProxyView) -> Self {
        let mut named = Self::default();
        let listeners: Vec<_> = match &view.role {
            Role::Sidecar(sidecar) => sidecar.inbound.iter().map(|own| &own.tls).collect(),
            Role::Gateway(gateway) => gateway.listeners.iter().map(|own| &own.tls).collect(),
        };
        for tls in listeners
            .into_iter()
            .flatten()
            .filter(|tls| tls.takes_tls())
        {
            named.certificates.insert(&tls.certificate);
            named
                .trusts
                .extend(tls.validation.iter().map(|own| &own.trust));
        }
        for tls in view.clusters.iter().filter_map(|own| own.tls.as_ref()) {
            named.certificates.extend(&tls.certificate);
            named.trusts.extend(&tls.trust);
        }
        named
    }

    /// The Kubernetes Secrets among them: those whose certificate is wanted, and those whose roots are.
    pub(crate) fn kubernetes(&self) -> BTreeSet<KubernetesSecret> {
        let certificates = self.certificates.iter().filter_map(|own| match own {
            Certificate::Secret { name } => Some(KubernetesSecret::Certificate(name.clone())),
            _ => None,
        });
        let trusts = self.trusts.iter().filter_map(|own| match own {
            Trust::Secret { name } => Some(KubernetesSecret::Roots(name.clone())),
            _ => None,
        });
        certificates.chain(trusts).collect()
    }

    /// The secrets with names of files.
    pub(crate) fn files(&self, origin: &'a ObjectId) -> Vec<FileSecret<'a>> {
        let certificates = self.certificates.iter().filter_map(|own| match own {
            Certificate::File { chain, key } => Some(Files::Certificate { chain, key }),
            _ => None,
        });
        let trusts = self.trusts.iter().filter_map(|own| match own {
            Trust::File { chain } => Some(Files::Roots { chain }),
            _ => None,
        });
        let files = certificates.chain(trusts);
        files.map(|files| FileSecret { files, origin }).collect()
    }
}

/// What of Kubernetes Secrets a proxy is to be served, beside what is planned.
pub fn kubernetes_secrets(view: &ProxyView) -> BTreeSet<KubernetesSecret> {
    Named::by(view).kubernetes()
}

/// A part of a Kubernetes Secret of the proxy's namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KubernetesSecret {
    /// The certificate and its key, in the Secret of this name.
    Certificate(Str),
    /// The roots to trust, in the Secret of this name.
    Roots(Str),
}

impl KubernetesSecret {
    /// The Secret's name.
    pub fn secret(&self) -> &Str {
        match self {
            Self::Certificate(name) | Self::Roots(name) => name,
        }
    }

    /// The name under which listeners and clusters ask for it.
    pub fn name(&self) -> String {
        match self {
            Self::Certificate(name) => names::kubernetes_certificate(name),
            Self::Roots(name) => names::kubernetes_roots(name),
        }
    }
}

#[derive(Debug, Hash)]
enum Files<'a> {
    Certificate { chain: &'a Str, key: &'a Str },
    Roots { chain: &'a Str },
}

#[derive(Debug, Hash)]
pub(crate) struct FileSecret<'a> {
    files: Files<'a>,
    origin: &'a ObjectId,
}

impl Resource for FileSecret<'_> {
    const TYPE_URL: &'static str = type_url::SECRET;

    fn name(&self) -> String {
        match self.files {
            Files::Certificate { chain, key } => names::file_certificate(chain, key),
            Files::Roots { chain } => names::file_roots(chain),
        }
    }

    /// No folder is named to be watched: Envoy watches those in which the files lie, which is where a mounted Secret is
    /// exchanged.
    fn compile(&self) -> Parts {
        let secret = match self.files {
            Files::Certificate { chain, key } => Type::TlsCertificate(TlsCertificate {
                certificate_chain: Some(file(chain)),
                private_key: Some(file(key)),
                ..Default::default()
            }),
            Files::Roots { chain } => Type::ValidationContext(CertificateValidationContext {
                trusted_ca: Some(file(chain)),
                ..Default::default()
            }),
        };
        let secret = Secret {
            name: self.name(),
            r#type: Some(secret),
        };
        Parts {
            bytes: secret.encode_to_vec(),
            origins: vec![self.origin.clone()],
            ..Default::default()
        }
    }
}

fn file(path: &str) -> DataSource {
    DataSource {
        specifier: Some(Specifier::Filename(path.to_owned())),
        ..Default::default()
    }
}
