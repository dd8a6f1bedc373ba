//! The certificates of workloads: X.509-SVIDs, made per pod and kept nowhere.
//!
//! A certificate's version says who issued it, for whom, and until when: `<issuer generation>.<identity hash>.<end, Unix seconds>`.
//! Any replica recognises by it a certificate that another one made and leaves it in use until its own time has come, without
//! having seen the key. Each certificate has a new key.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use rustls_pki_types::PrivatePkcs8KeyDer;
use zeroize::Zeroizing;

use crate::authority::AuthorityError;
use crate::hash;
use crate::issuer::{Generation, Issuer, Window, from_unix, pem_of, unix, whole_seconds};
use crate::secret::Secret;
use crate::spiffe::SpiffeId;

/// How far clocks of replicas may be apart.
const SKEW: Duration = Duration::from_secs(60);

/// A workload's certificate with its key.
#[derive(Debug)]
pub struct Svid {
    /// The certificate and those between it and the root, PEM.
    pub chain_pem: String,
    /// The private key, PKCS #8 PEM.
    pub key_pem: Secret<String>,
    /// When it ends.
    pub not_after: SystemTime,
    /// What it is called in SDS.
    pub version: SvidVersion,
}

/// Which certificate: issuer, identity, end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SvidVersion {
    /// Who issued it.
    pub issuer: Generation,
    identity: String,
    not_after: u64,
}

/// The text is no version of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the version of a certificate: <issuer>.<identity>.<end> is expected")]
pub struct SvidVersionError;

impl SvidVersion {
    /// The certificate that `issuer` made for `identity`, good until `not_after`.
    pub fn of(issuer: &Generation, identity: &SpiffeId, not_after: SystemTime) -> Self {
        Self {
            issuer: issuer.clone(),
            identity: hash::short(identity.as_str().as_bytes()),
            not_after: unix(not_after),
        }
    }

    /// When the certificate ends.
    pub fn not_after(&self) -> SystemTime {
        from_unix(self.not_after)
    }
}

impl fmt::Display for SvidVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.issuer, self.identity, self.not_after)
    }
}

impl FromStr for SvidVersion {
    type Err = SvidVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(SvidVersionError);
        let (issuer, identity, end) = (part()?, part()?, part()?);
        let version = Self {
            issuer: issuer.parse().map_err(|_| SvidVersionError)?,
            // The identity's hash looks just like an issuer's.
            identity: identity
                .parse::<Generation>()
                .map_err(|_| SvidVersionError)?
                .to_string(),
            not_after: end.parse().map_err(|_| SvidVersionError)?,
        };
        // What comes from a client is believed in exactly one spelling.
        if parts.next().is_none() && version.to_string() == text {
            Ok(version)
        } else {
            Err(SvidVersionError)
        }
    }
}

impl Issuer {
    /// Makes a key and a certificate that names `identity` and nothing else. It ends with the issuer at the latest.
    ///
    /// # Errors
    /// The identity is of another trust domain.
    pub fn issue_svid(&self, identity: &SpiffeId, window: Window) -> Result<Svid, AuthorityError> {
        if !identity.is_in(self.trust_domain()) {
            return Err(AuthorityError::Foreign {
                id: identity.clone(),
                trust_domain: self.trust_domain().clone(),
            });
        }
        let window = Window {
            not_before: whole_seconds(window.not_before),
            not_after: whole_seconds(window.not_after),
        };
        let leaf = self.sign(identity, Vec::new(), window)?;
        let mut chain_pem = pem_of(&[leaf.certificate]);
        chain_pem.push_str(self.intermediates_pem());
        Ok(Svid {
            chain_pem,
            key_pem: key_pem(&PrivatePkcs8KeyDer::from(leaf.key.expose().as_slice())),
            not_after: leaf.not_after,
            version: SvidVersion::of(self.generation(), identity, leaf.not_after),
        })
    }
}

/// PEM, without a copy that outlives this.
fn key_pem(key: &PrivatePkcs8KeyDer<'_>) -> Secret<String> {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(key.secret_pkcs8_der());
    let encoded = Zeroizing::new(encoded);
    // Enough from the start: a string that grows leaves its old place behind unwiped.
    let mut pem = String::with_capacity(encoded.len() + encoded.len() / 64 + 64);
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    Secret::new(pem)
}

/// How long workload certificates live and when they are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SvidPolicy {
    lifetime: Duration,
}

/// A lifetime that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lifetime of workload certificates: {0:?} is not between 30 s and 90 days")]
pub struct SvidPolicyError(Duration);

impl Default for SvidPolicy {
    /// A day: a control plane that is away for twelve hours hurts nobody.
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(24 * 3600),
        }
    }
}

impl SvidPolicy {
    /// Certificates that live so long (whole seconds).
    ///
    /// # Errors
    /// Less than 30 seconds or more than 90 days.
    pub fn new(lifetime: Duration) -> Result<Self, SvidPolicyError> {
        if !(30..=90 * 86_400).contains(&lifetime.as_secs()) {
            return Err(SvidPolicyError(lifetime));
        }
        Ok(Self {
            lifetime: Duration::from_secs(lifetime.as_secs()),
        })
    }

    /// How long they live.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// From when until when a certificate made now is good.
    pub fn window(&self, now: SystemTime) -> Window {
        Window::starting(now, self.lifetime)
    }

    /// When a certificate that ends at `not_after` is replaced: half its life before, a tenth of it to and fro, always the same
    /// for the same pod.
    pub fn rotate_at(&self, not_after: SystemTime, pod_uid: &str) -> SystemTime {
        let sum = hash::sha256(pod_uid.as_bytes());
        let random = u16::from_be_bytes([sum[0], sum[1]]);
        let before = 0.4 + 0.2 * f64::from(random) / f64::from(u16::MAX);
        not_after - self.lifetime.mul_f64(before)
    }

    /// Whether a pod may go on with the certificate called `version`, and then until when.
    ///
    /// It may where it was made by the issuer that signs now, for this identity, with a life that we would still give it, and
    /// where its time to be replaced has not come. Nothing but its version is needed.
    pub fn is_fresh(
        &self,
        version: &str,
        issuer: &Issuer,
        identity: &SpiffeId,
        pod_uid: &str,
        now: SystemTime,
    ) -> Option<SystemTime> {
        let version: SvidVersion = version.parse().ok()?;
        let not_after = version.not_after();
        if version != SvidVersion::of(issuer.generation(), identity, not_after)
            || not_after > now + self.lifetime + SKEW
            || not_after > issuer.not_after()
        {
            return None;
        }
        // A new one would end at the same time: there is nothing to be won before the issuer is replaced.
        let rotate_at = if not_after == whole_seconds(issuer.not_after()) {
            not_after
        } else {
            self.rotate_at(not_after, pod_uid)
        };
        (now < rotate_at).then_some(rotate_at)
    }
}

#[cfg(test)]
mod tests;
