//! The certificate of the xDS port, always fresh. The TLS rules of that port are the server's own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::authority::{Authority, AuthorityError, LeafRequest};
use crate::spiffe::SpiffeId;

const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The names under which the xDS port is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServingNames {
    /// DNS names.
    pub dns_names: Vec<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
}

/// Gives every handshake a certificate with at least a third of its life left.
///
/// It is renewed by the handshake that finds it old (a signature, far below a millisecond), so there is no timer to miss while a
/// machine sleeps.
#[derive(Debug)]
pub struct ServingCertificate {
    authority: Arc<Authority>,
    request: LeafRequest,
    current: ArcSwap<Current>,
    renewing: Mutex<()>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    renew_at: SystemTime,
}

/// The port's certificate or TLS rules cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// No certificate.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The TLS library does not take it.
    #[error("TLS of the xDS port: {0}")]
    Tls(#[from] rustls::Error),
}

impl ServingCertificate {
    /// Makes the first certificate, with the identity `spiffe://<trust domain>/ns/tulle-system/sa/tulle` and the given names.
    ///
    /// # Errors
    /// A name that cannot stand in a certificate.
    pub fn new(authority: Arc<Authority>, names: ServingNames) -> Result<Arc<Self>, ServingError> {
        Self::with_lifetime(authority, names, LIFETIME)
    }

    fn with_lifetime(
        authority: Arc<Authority>,
        names: ServingNames,
        lifetime: Duration,
    ) -> Result<Arc<Self>, ServingError> {
        let request = LeafRequest {
            id: server_id(&authority),
            dns_names: names.dns_names,
            addresses: names.addresses,
            lifetime,
        };
        let first = make(&authority, &request)?;
        Ok(Arc::new(Self {
            authority,
            request,
            current: ArcSwap::from_pointee(first),
            renewing: Mutex::new(()),
        }))
    }

    /// The identity in the certificate, which clients should insist on.
    pub fn id(&self) -> &SpiffeId {
        &self.request.id
    }

    fn fresh(&self, now: SystemTime) -> Arc<CertifiedKey> {
        let current = self.current.load_full();
        if now < current.renew_at {
            return Arc::clone(&current.key);
        }
        // One renews, the others of this moment take what is there.
        let Some(_renewing) = self.renewing.try_lock() else {
            return Arc::clone(&current.key);
        };
        match make(&self.authority, &self.request) {
            Ok(next) => {
                let key = Arc::clone(&next.key);
                self.current.store(Arc::new(next));
                key
            }
            Err(error) => {
                tracing::error!(%error, "the certificate of the xDS port cannot be renewed");
                Arc::clone(&current.key)
            }
        }
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.fresh(SystemTime::now()))
    }
}

/// The identity of the control plane itself.
pub fn server_id(authority: &Authority) -> SpiffeId {
    authority
        .trust_domain()
        .service_account("tulle-system", "tulle")
}

fn make(authority: &Authority, request: &LeafRequest) -> Result<Current, ServingError> {
    let leaf = authority.issue(request)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf.key.expose().as_slice()));
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)?;
    Ok(Current {
        key: Arc::new(CertifiedKey::new(vec![leaf.certificate], key)),
        renew_at: leaf.not_after - request.lifetime / 3,
    })
}

#[cfg(test)]
mod tests;
