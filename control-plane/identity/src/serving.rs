//! The certificate of a port of the control plane, always fresh. The TLS rules of that port are the server's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::authority::{Authority, AuthorityError, LeafRequest};
use crate::issuer::{Generation, Issuer};
use crate::snapshot::AuthoritySource;
use crate::spiffe::SpiffeId;

const LIFETIME: Duration = Duration::from_secs(24 * 3600);
const NAMESPACE: &str = "tulle-system";
const SERVICE_ACCOUNT: &str = "tulle";

/// After a certificate could not be made, the next handshake to try again comes no sooner.
const RETRY: Duration = Duration::from_secs(5);

/// The names under which a port is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServingNames {
    /// DNS names.
    pub dns_names: Vec<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
}

impl ServingNames {
    /// The names of a Service in a cluster whose DNS domain is `cluster_domain`, and those of the machine itself; `pod_ip` for
    /// other replicas, which call each other directly.
    pub fn of_service(
        name: &str,
        namespace: &str,
        cluster_domain: &str,
        pod_ip: Option<IpAddr>,
    ) -> Self {
        let mut addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        addresses.extend(pod_ip.filter(|ip| !ip.is_loopback()));
        Self {
            dns_names: vec![
                format!("{name}.{namespace}.svc"),
                format!("{name}.{namespace}.svc.{cluster_domain}"),
                format!("{name}.{namespace}"),
                "localhost".to_owned(),
            ],
            addresses,
        }
    }
}

/// Gives every handshake a certificate of the issuer that signs now, with at least a third of its life left.
///
/// It is renewed by the handshake that finds it old or its issuer replaced (a signature, far below a millisecond), so there is no
/// timer to miss while a machine sleeps. Where no new one can be had the old one is given: clients tell better than we what
/// they still believe.
#[derive(Debug)]
pub struct ServingCertificate {
    authority: Arc<dyn AuthoritySource>,
    request: LeafRequest,
    current: ArcSwap<Current>,
    renewing: Mutex<Option<SystemTime>>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    issuer: Generation,
    renew_at: SystemTime,
}

/// The port's certificate or TLS rules cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// No certificate.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The TLS library does not take it.
    #[error("TLS of the control plane: {0}")]
    Tls(#[from] rustls::Error),
}

impl ServingCertificate {
    /// Makes the first certificate, with the identity `spiffe://<trust domain>/ns/tulle-system/sa/tulle` and the given names.
    ///
    /// # Errors
    /// A name that cannot stand in a certificate, or no authority yet.
    pub fn new(
        authority: Arc<dyn AuthoritySource>,
        names: ServingNames,
    ) -> Result<Arc<Self>, ServingError> {
        Self::with_identity(authority, NAMESPACE, SERVICE_ACCOUNT, names)
    }

    /// Makes the first certificate, with the identity of the given service account and the given names.
    ///
    /// # Errors
    /// A name that cannot stand in a certificate, or no authority yet.
    pub fn with_identity(
        authority: Arc<dyn AuthoritySource>,
        namespace: &str,
        service_account: &str,
        names: ServingNames,
    ) -> Result<Arc<Self>, ServingError> {
        Self::with_lifetime(authority, namespace, service_account, names, LIFETIME)
    }

    fn with_lifetime(
        authority: Arc<dyn AuthoritySource>,
        namespace: &str,
        service_account: &str,
        names: ServingNames,
        lifetime: Duration,
    ) -> Result<Arc<Self>, ServingError> {
        let issuer = issuer(&*authority)?;
        let request = LeafRequest {
            id: issuer
                .trust_domain()
                .service_account(namespace, service_account),
            dns_names: names.dns_names,
            addresses: names.addresses,
            lifetime,
        };
        let first = make(&issuer, &request)?;
        Ok(Arc::new(Self {
            authority,
            request,
            current: ArcSwap::from_pointee(first),
            renewing: Mutex::new(None),
        }))
    }

    /// The identity in the certificate, which clients should insist on.
    pub fn id(&self) -> &SpiffeId {
        &self.request.id
    }

    fn fresh(&self, now: SystemTime) -> Arc<CertifiedKey> {
        let current = self.current.load_full();
        // Where there was an authority there is one for good.
        let Ok(issuer) = issuer(&*self.authority) else {
            return Arc::clone(&current.key);
        };
        if now < current.renew_at && current.issuer == *issuer.generation() {
            return Arc::clone(&current.key);
        }
        // One renews, the others of this moment take what is there.
        let Some(mut failed) = self.renewing.try_lock() else {
            return Arc::clone(&current.key);
        };
        // A clock that went back counts as time passed.
        let lately = |at: SystemTime| now.duration_since(at).is_ok_and(|passed| passed < RETRY);
        if failed.is_some_and(lately) {
            return Arc::clone(&current.key);
        }
        match make(&issuer, &self.request) {
            Ok(next) => {
                *failed = None;
                let key = Arc::clone(&next.key);
                self.current.store(Arc::new(next));
                key
            }
            Err(error) => {
                *failed = Some(now);
                tracing::error!(%error, "the certificate of the control plane cannot be renewed");
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
        .service_account(NAMESPACE, SERVICE_ACCOUNT)
}

fn issuer(authority: &dyn AuthoritySource) -> Result<Arc<Issuer>, AuthorityError> {
    let snapshot = authority.snapshot().ok_or(AuthorityError::Missing)?;
    Ok(Arc::clone(snapshot.issuer()))
}

fn make(issuer: &Issuer, request: &LeafRequest) -> Result<Current, ServingError> {
    let now = SystemTime::now();
    let leaf = issuer.issue(request)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf.key.expose().as_slice()));
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)?;
    let chain = std::iter::once(leaf.certificate).chain(issuer.intermediates().iter().cloned());
    // An issuer near its end gives a shorter life than was asked for.
    let life = leaf.not_after.duration_since(now).unwrap_or_default();
    Ok(Current {
        key: Arc::new(CertifiedKey::new(chain.collect(), key)),
        issuer: issuer.generation().clone(),
        renew_at: leaf.not_after - life / 3,
    })
}

#[cfg(test)]
mod tests;
