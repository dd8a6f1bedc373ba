//! The local certificate authority: one self-signed root, kept in the state directory, that signs short-lived leaves.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;

use crate::ca::{CaSlot, CaState, Origin, Part, SlotError};
pub use crate::issuer::{Leaf, LeafRequest};
use crate::secret::Secret;
use crate::snapshot::{AuthoritySource, Snapshot};
use crate::spiffe::{SpiffeId, TrustDomain};
use crate::state::{StateDirectory, StateError};

/// Certificate and key lie in one file, so that they cannot come apart.
pub(crate) const FILE: &str = "authority.pem";
const ROOT_LIFETIME: Duration = crate::ca::RotationPolicy::ROOT_LIFETIME;

/// The root and its key.
pub struct Authority {
    snapshot: Arc<Snapshot>,
}

/// The certificate authority cannot be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The state directory does not give it out or take it in.
    #[error(transparent)]
    State(#[from] StateError),
    /// The file holds something else, or half of it.
    #[error(
        "{path}: not a certificate authority of Tulle ({why}); restore it, or move it away to have a new one made (every proxy then needs a new bootstrap)"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// A certificate cannot be made.
    #[error("certificate for {id}: {source}")]
    Issue {
        /// Whom it was for.
        id: SpiffeId,
        /// What went wrong.
        source: rcgen::Error,
    },
    /// A name cannot stand in a certificate.
    #[error("certificate for {id}: {name:?} is not a DNS name")]
    DnsName {
        /// Whom it was for.
        id: SpiffeId,
        /// The name.
        name: String,
    },
    /// A name is of another trust domain than the authority.
    #[error("certificate for {id}: the authority is that of {trust_domain}")]
    Foreign {
        /// Whom it was for.
        id: SpiffeId,
        /// The authority's own.
        trust_domain: TrustDomain,
    },
    /// There is no authority yet.
    #[error("there is no certificate authority yet")]
    Missing,
}

impl Authority {
    /// Reads the authority from the state directory, or makes one and keeps it there; without a directory, makes one.
    ///
    /// # Errors
    /// The file is damaged, has ended, belongs to another trust domain, or cannot be read or written.
    pub fn open(
        state: Option<&StateDirectory>,
        trust_domain: &TrustDomain,
    ) -> Result<Self, AuthorityError> {
        let Some(state) = state else {
            return Self::from_pem(make_root(trust_domain)?.expose(), trust_domain, "(memory)");
        };
        let path = state.path().join(FILE).display().to_string();
        let locked = state.lock()?;
        let pem = match locked.read(FILE)? {
            Some(pem) => pem,
            None => {
                let pem = make_root(trust_domain)?;
                locked.write(FILE, &pem)?;
                pem
            }
        };
        Self::from_pem(pem.expose(), trust_domain, &path)
    }

    fn from_pem(
        pem: &[u8],
        trust_domain: &TrustDomain,
        path: &str,
    ) -> Result<Self, AuthorityError> {
        let damaged = |SlotError { part, why }| AuthorityError::Damaged {
            path: path.to_owned(),
            why: match part {
                Part::Certificate | Part::Roots => format!("certificate: {why}"),
                Part::Key => format!("key: {why}"),
            },
        };
        let slot = CaSlot::parse(
            pem,
            pem,
            None,
            Origin::Tulle,
            Duration::ZERO,
            trust_domain,
            SystemTime::now(),
        )
        .map_err(damaged)?;
        let snapshot = Snapshot::of(&CaState::new(slot), trust_domain).map_err(damaged)?;
        Ok(Self {
            snapshot: Arc::new(snapshot),
        })
    }

    /// The domain whose root this is.
    pub fn trust_domain(&self) -> &TrustDomain {
        self.snapshot.issuer().trust_domain()
    }

    /// The root certificate.
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.snapshot.bundle().roots()[0]
    }

    /// The root certificate as PEM, for those who are to trust it.
    pub fn root_pem(&self) -> &str {
        self.snapshot.bundle().pem()
    }

    /// Makes a key and a certificate for it, an X.509-SVID that serves both ends of a TLS connection.
    ///
    /// # Errors
    /// A name that cannot stand in a certificate.
    pub fn issue(&self, request: &LeafRequest) -> Result<Leaf, AuthorityError> {
        self.snapshot.issuer().issue(request)
    }
}

impl AuthoritySource for Authority {
    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        Some(Arc::clone(&self.snapshot))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authority")
            .field(self.snapshot.issuer())
            .finish()
    }
}

/// A new root and its key, as the file holds them.
fn make_root(trust_domain: &TrustDomain) -> Result<Secret<Vec<u8>>, AuthorityError> {
    let now = SystemTime::now();
    let slot = CaSlot::make(trust_domain, now, ROOT_LIFETIME, Duration::ZERO)?;
    let pem = [slot.roots().pem().as_bytes(), slot.key().expose()].concat();
    Ok(Secret::new(pem))
}

#[cfg(test)]
mod tests;
