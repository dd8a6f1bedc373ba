//! The roots that everybody is to trust.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use crate::hash;
use crate::issuer::pem_of;

/// A set of roots. Equal sets have equal text and version, wherever and in whatever order they were put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustBundle {
    roots: Vec<CertificateDer<'static>>,
    pem: Arc<str>,
    version: Arc<str>,
}

impl TrustBundle {
    /// The set of these roots.
    pub fn of<'a>(roots: impl IntoIterator<Item = &'a CertificateDer<'static>>) -> Self {
        let sorted: BTreeMap<[u8; 32], &CertificateDer<'static>> = roots
            .into_iter()
            .map(|root| (hash::sha256(root), root))
            .collect();
        let names: Vec<u8> = sorted.keys().flatten().copied().collect();
        let roots: Vec<_> = sorted.into_values().cloned().collect();
        Self {
            pem: pem_of(&roots).into(),
            version: hash::short(&names).into(),
            roots,
        }
    }

    /// The roots.
    pub fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// The roots as PEM, for Envoy's trust bundle, a webhook's `caBundle` and the like.
    pub fn pem(&self) -> &Arc<str> {
        &self.pem
    }

    /// Which set this is: 16 hexadecimal digits.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// Whether everything in `other` is in here too.
    pub fn contains(&self, other: &Self) -> bool {
        other.roots.iter().all(|root| self.roots.contains(root))
    }
}
