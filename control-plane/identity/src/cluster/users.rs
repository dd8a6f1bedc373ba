//! The authority that the user brings in a Secret of theirs.

use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::Secret;

use crate::ca::{CaSlot, Origin, Part, SlotError};
use crate::spiffe::TrustDomain;

/// The Secret in which a user brings an authority.
pub const USERS_SECRET_NAME: &str = "tulle-cacerts";

/// The user's authority cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Secret {USERS_SECRET_NAME}, key {key}: {why}")]
pub struct UsersSecretError {
    /// The key to blame.
    pub key: &'static str,
    /// What is wrong with it.
    pub why: String,
}

/// How others name the parts.
struct Names {
    certificate: &'static str,
    /// The signing certificate and those above it; used in place of `certificate` where it is there.
    chain: Option<&'static str>,
    key: &'static str,
    roots: &'static str,
}

const ISTIO: Names = Names {
    certificate: "ca-cert.pem",
    chain: Some("cert-chain.pem"),
    key: "ca-key.pem",
    roots: "root-cert.pem",
};
const CERT_MANAGER: Names = Names {
    certificate: "tls.crt",
    chain: None,
    key: "tls.key",
    roots: "ca.crt",
};

/// The authority in a user's Secret. Where both sets of names are there, Istio's are read.
///
/// # Errors
/// The key that is missing or cannot be used, and what is wrong with it.
pub fn read_users(
    secret: &Secret,
    leaf_lifetime: Duration,
    trust_domain: &TrustDomain,
    now: SystemTime,
) -> Result<CaSlot, UsersSecretError> {
    let value = |key: &str| {
        let bytes = secret.data.as_ref()?.get(key)?;
        Some(bytes.0.as_slice()).filter(|bytes| !bytes.trim_ascii().is_empty())
    };
    let has = |names: &Names| value(names.certificate).is_some() || value(names.key).is_some();
    let names = match (has(&ISTIO), has(&CERT_MANAGER)) {
        (true, _) => ISTIO,
        (false, true) => CERT_MANAGER,
        (false, false) => {
            return Err(UsersSecretError {
                key: ISTIO.certificate,
                why: "is missing; bring ca-cert.pem, ca-key.pem, root-cert.pem and cert-chain.pem, or tls.crt, tls.key and ca.crt"
                    .to_owned(),
            });
        }
    };
    let need = |key: &'static str| {
        value(key).ok_or(UsersSecretError {
            key,
            why: "is missing or empty".to_owned(),
        })
    };
    let certificate = need(names.certificate)?;
    let key = need(names.key)?;
    // The chain begins with the signing certificate, or right above it: either is found in the wild.
    let mut certificates = certificate.to_vec();
    let mut blamed = names.certificate;
    if let Some((name, chain)) = names.chain.and_then(|name| Some((name, value(name)?))) {
        blamed = name;
        certificates = if same_first(certificate, chain) {
            chain.to_vec()
        } else {
            [certificate, b"\n", chain].concat()
        };
    }
    CaSlot::parse(
        &certificates,
        key,
        value(names.roots),
        Origin::User,
        leaf_lifetime,
        trust_domain,
        now,
    )
    .map_err(|SlotError { part, why }| UsersSecretError {
        key: match part {
            Part::Certificate => blamed,
            Part::Key => names.key,
            Part::Roots => names.roots,
        },
        why,
    })
}

/// Whether both begin with the same certificate.
fn same_first(one: &[u8], other: &[u8]) -> bool {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    let first = |pem| CertificateDer::from_pem_slice(pem).ok();
    first(one).is_some_and(|one| Some(one) == first(other))
}

#[cfg(test)]
mod tests;
