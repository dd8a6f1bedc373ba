//! One authority: certificate, key, and the roots by which it is believed.

use std::time::{Duration, SystemTime};

use rcgen::{KeyPair, PublicKeyData};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::TrustBundle;
use crate::authority::AuthorityError;
use crate::issuer::{Generation, Issuer, Window, from_unix, make_root, whole_seconds};
use crate::secret::Secret;
use crate::spiffe::TrustDomain;
use crate::verify;

/// No chain of any use is longer, no PEM of one larger.
const MAX_CERTIFICATES: usize = 16;
const MAX_PEM: usize = 128 * 1024;

/// Who made an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// We did: a self-signed root.
    Tulle,
    /// The user brought it.
    User,
}

/// One authority that can sign: its certificate and what stands between it and its root, its key, its roots.
#[derive(Clone, PartialEq, Eq)]
pub struct CaSlot {
    generation: Generation,
    origin: Origin,
    chain: Vec<CertificateDer<'static>>,
    roots: TrustBundle,
    /// The root that its chain leads to.
    anchor: CertificateDer<'static>,
    key: Secret<Vec<u8>>,
    not_before: SystemTime,
    not_after: SystemTime,
    /// The longest life that a leaf of it was ever given.
    pub(super) leaf_lifetime: Duration,
}

/// What of an authority is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its certificate, or those that follow it.
    Certificate,
    /// Its private key.
    Key,
    /// The roots.
    Roots,
}

/// An authority cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct SlotError {
    /// Which part is to blame.
    pub part: Part,
    /// What is wrong with it. Says nothing of the key.
    pub why: String,
}

impl SlotError {
    fn certificate(why: impl Into<String>) -> Self {
        Self {
            part: Part::Certificate,
            why: why.into(),
        }
    }

    fn key(why: impl Into<String>) -> Self {
        Self {
            part: Part::Key,
            why: why.into(),
        }
    }

    fn roots(why: impl Into<String>) -> Self {
        Self {
            part: Part::Roots,
            why: why.into(),
        }
    }
}

impl CaSlot {
    /// Makes a new self-signed authority that lives from `now` for `lifetime`.
    ///
    /// # Errors
    /// No randomness.
    pub fn make(
        trust_domain: &TrustDomain,
        now: SystemTime,
        lifetime: Duration,
        leaf_lifetime: Duration,
    ) -> Result<Self, AuthorityError> {
        let window = Window::starting(now, lifetime);
        let (root, key) = make_root(trust_domain, window)?;
        let root = root.der().clone();
        Ok(Self {
            generation: Generation::of(&root),
            origin: Origin::Tulle,
            roots: TrustBundle::of([&root]),
            chain: vec![root.clone()],
            anchor: root,
            key: Secret::new(key.serialize_pem().into_bytes()),
            not_before: window.not_before,
            not_after: window.not_after,
            leaf_lifetime,
        })
    }

    /// Reads an authority from PEM, with everything checked that signing with it and believing it needs.
    ///
    /// `certificates`: the signing certificate, then those towards the root; the root itself may stand at the end or be missing.
    /// `roots`: what is to be trusted; none where the signing certificate is a root itself.
    ///
    /// # Errors
    /// What is wrong, and in which part.
    pub fn parse(
        certificates: &[u8],
        key: &[u8],
        roots: Option<&[u8]>,
        origin: Origin,
        leaf_lifetime: Duration,
        trust_domain: &TrustDomain,
        now: SystemTime,
    ) -> Result<Self, SlotError> {
        let mut chain = read_certificates(certificates).map_err(SlotError::certificate)?;
        let parsed = parse_certificate(&chain[0]).map_err(SlotError::certificate)?;
        let names = uri_names(&parsed);
        check_signs(&parsed, trust_domain)?;
        let (not_before, not_after) = validity(&parsed);
        if not_after <= now {
            return Err(SlotError::certificate("its time is over"));
        }
        // A key is compared before the roots are looked at: a mixed pair is the commonest mistake.
        if key.len() > MAX_PEM {
            return Err(SlotError::key("is too large"));
        }
        let pair = key_pair(key)?;
        if parsed.public_key().raw != pair.subject_public_key_info() {
            return Err(SlotError::key("the key is not that of the certificate"));
        }
        if origin == Origin::Tulle && names.is_empty() {
            return Err(SlotError::certificate("it bears no SPIFFE name"));
        }

        let self_signed = is_self_signed(&parsed);
        drop(parsed);
        let roots = match roots.filter(|pem| !pem.trim_ascii().is_empty()) {
            Some(pem) => read_certificates(pem).map_err(SlotError::roots)?,
            None if self_signed => vec![chain[0].clone()],
            None => {
                return Err(SlotError::roots(
                    "is missing or empty, and the signing certificate is no root itself",
                ));
            }
        };
        for root in &roots {
            let parsed = parse_certificate(root).map_err(SlotError::roots)?;
            if !parsed.is_ca() {
                return Err(SlotError::roots(
                    "one of its certificates may not sign others",
                ));
            }
        }
        // Roots are known by the bundle; they are not sent with every handshake.
        let mut end = chain.len();
        while end > 1 && roots.contains(&chain[end - 1]) {
            end -= 1;
        }
        chain.truncate(end);

        let mut slot = Self {
            generation: Generation::of(&chain[0]),
            origin,
            roots: TrustBundle::of(&roots),
            anchor: chain[0].clone(),
            chain,
            key: Secret::new(key.to_vec()),
            not_before,
            not_after,
            leaf_lifetime,
        };
        slot.anchor = slot.find_anchor(trust_domain, pair, now)?;
        Ok(slot)
    }

    /// Signs a leaf and follows it to a root, as a proxy would.
    fn find_anchor(
        &self,
        trust_domain: &TrustDomain,
        pair: KeyPair,
        now: SystemTime,
    ) -> Result<CertificateDer<'static>, SlotError> {
        let cannot = |why: String| SlotError::certificate(format!("cannot be used to sign: {why}"));
        let issuer = self
            .issuer_with(trust_domain, pair)
            .map_err(|e| cannot(e.to_string()))?;
        let probe = trust_domain.service_account("probe", "probe");
        // One that has not begun yet is looked at as of its beginning.
        let at = now.max(self.not_before);
        let window = Window::starting(at, Duration::from_secs(3600));
        let leaf = issuer
            .sign(&probe, Vec::new(), window)
            .map_err(|e| cannot(e.to_string()))?;
        let mut last = String::new();
        for root in self.roots.roots() {
            match verify::client_chain(&leaf.certificate, issuer.intermediates(), root, at) {
                Ok(()) => return Ok(root.clone()),
                Err(why) => last = why,
            }
        }
        Err(SlotError::roots(format!(
            "a certificate signed by the authority does not lead to one of these roots: {last}"
        )))
    }

    /// Which authority.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// Who made it.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The roots by which it is believed.
    pub fn roots(&self) -> &TrustBundle {
        &self.roots
    }

    /// The root that its own chain leads to, one of [`roots`](Self::roots).
    pub fn anchor(&self) -> &CertificateDer<'static> {
        &self.anchor
    }

    /// Its certificate, then those towards the root.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Its private key in PEM.
    pub(crate) fn key(&self) -> &Secret<Vec<u8>> {
        &self.key
    }

    /// When it ends.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// The longest life that a leaf of it was ever given.
    pub fn leaf_lifetime(&self) -> Duration {
        self.leaf_lifetime
    }

    /// When it has lived the given fraction of its life.
    pub fn aged(&self, fraction: f64) -> SystemTime {
        let life = self
            .not_after
            .duration_since(self.not_before)
            .unwrap_or_default();
        whole_seconds(self.not_before + life.mul_f64(fraction))
    }

    /// What signs with it.
    ///
    /// # Errors
    /// None for a slot that was made or parsed.
    pub fn issuer(&self, trust_domain: &TrustDomain) -> Result<Issuer, SlotError> {
        let pair = key_pair(self.key.expose())?;
        self.issuer_with(trust_domain, pair)
            .map_err(|e| SlotError::certificate(e.to_string()))
    }

    fn issuer_with(
        &self,
        trust_domain: &TrustDomain,
        pair: KeyPair,
    ) -> Result<Issuer, rcgen::Error> {
        let is_root = self.roots.roots().contains(&self.chain[0]);
        let intermediates = if is_root {
            Vec::new()
        } else {
            self.chain.clone()
        };
        Issuer::new(
            trust_domain.clone(),
            &self.chain[0],
            intermediates,
            self.not_after,
            pair,
        )
    }
}

impl std::fmt::Debug for CaSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaSlot")
            .field("generation", &self.generation)
            .field("origin", &self.origin)
            .field("roots", &self.roots.version())
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// May the certificate sign leaves of this trust domain?
fn check_signs(
    certificate: &X509Certificate<'_>,
    trust_domain: &TrustDomain,
) -> Result<(), SlotError> {
    if !certificate.is_ca() {
        return Err(SlotError::certificate(
            "the certificate may not sign others (no CA:TRUE); give the authority's certificate first",
        ));
    }
    let usage = certificate
        .key_usage()
        .map_err(|e| SlotError::certificate(e.to_string()))?;
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err(SlotError::certificate(
            "the certificate may not sign others (key usage without keyCertSign)",
        ));
    }
    // rcgen copies the name attribute by attribute and would stop at an empty one.
    if certificate
        .subject()
        .iter_rdn()
        .any(|rdn| rdn.iter().next().is_none())
    {
        return Err(SlotError::certificate("its subject has an empty part"));
    }
    let own = trust_domain.id();
    for name in uri_names(certificate) {
        if name.starts_with("spiffe://") && name != own.as_str() {
            return Err(SlotError::certificate(format!(
                "belongs to {name:?}, not to {own}; the trust domain of a running mesh cannot be changed: give it the authority of this trust domain"
            )));
        }
    }
    Ok(())
}

fn key_pair(pem: &[u8]) -> Result<KeyPair, SlotError> {
    // The cause is left out: it could quote what it read.
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
        SlotError::key("no private key in PEM (unencrypted PKCS #8, SEC 1 or PKCS #1)")
    })?;
    KeyPair::try_from(&key).map_err(|_| {
        SlotError::key("a private key that is not supported; use ECDSA P-256 or P-384, Ed25519, or RSA of 2048 bits or more")
    })
}

fn read_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    if pem.len() > MAX_PEM {
        return Err("is too large".to_owned());
    }
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|e| format!("no certificates in PEM: {e}"))?;
        if certificates.len() == MAX_CERTIFICATES {
            return Err(format!("more than {MAX_CERTIFICATES} certificates"));
        }
        certificates.push(certificate);
    }
    if certificates.is_empty() {
        return Err("no certificate in PEM".to_owned());
    }
    Ok(certificates)
}

fn parse_certificate(der: &[u8]) -> Result<X509Certificate<'_>, String> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) => Err("bytes after the end of a certificate".to_owned()),
        Err(e) => Err(format!("no X.509 certificate: {e}")),
    }
}

fn is_self_signed(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject() == certificate.issuer() && certificate.verify_signature(None).is_ok()
}

fn validity(certificate: &X509Certificate<'_>) -> (SystemTime, SystemTime) {
    let time = |at: i64| from_unix(u64::try_from(at).unwrap_or(0));
    let validity = certificate.validity();
    (
        time(validity.not_before.timestamp()),
        time(validity.not_after.timestamp()),
    )
}

/// The URIs among the alternative names of a certificate.
pub(crate) fn uri_names<'a>(certificate: &'a X509Certificate<'_>) -> Vec<&'a str> {
    let names = certificate.subject_alternative_name().ok().flatten();
    names
        .iter()
        .flat_map(|names| &names.value.general_names)
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
