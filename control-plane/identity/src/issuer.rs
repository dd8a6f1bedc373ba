//! What signs: one certificate authority's certificate and key, and the leaves it makes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::authority::AuthorityError;
use crate::hash;
use crate::secret::Secret;
use crate::spiffe::{SpiffeId, TrustDomain};

/// Certificates begin a little in the past: clocks differ.
pub const BACKDATE: Duration = Duration::from_secs(5 * 60);

/// Which issuer: the beginning of the hash of its certificate, 16 hexadecimal digits. The same on every replica.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(Arc<str>);

/// The text names no issuer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an issuer is named by 16 lower-case hexadecimal digits")]
pub struct GenerationError;

impl Generation {
    /// The issuer with this certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(hash::short(certificate).into())
    }

    /// The 16 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Generation {
    type Err = GenerationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 16 && text.bytes().all(digit) {
            Ok(Self(text.into()))
        } else {
            Err(GenerationError)
        }
    }
}

/// From when until when a certificate is good. Whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its first moment.
    pub not_before: SystemTime,
    /// Its last moment.
    pub not_after: SystemTime,
}

impl Window {
    /// From [`BACKDATE`] before `now` until `lifetime` after it.
    pub fn starting(now: SystemTime, lifetime: Duration) -> Self {
        let now = whole_seconds(now);
        Self {
            not_before: now - BACKDATE,
            not_after: now + lifetime,
        }
    }
}

/// What a leaf certificate is to say.
#[derive(Debug, Clone)]
pub struct LeafRequest {
    /// Whom it names; the only URI in it.
    pub id: SpiffeId,
    /// DNS names by which the bearer is reached.
    pub dns_names: Vec<String>,
    /// Addresses by which the bearer is reached.
    pub addresses: Vec<IpAddr>,
    /// How long it is good, from now; never longer than its issuer.
    pub lifetime: Duration,
}

/// A leaf certificate with its key, made on the spot and kept nowhere.
#[derive(Debug)]
pub struct Leaf {
    /// The certificate. What stands between it and the root are its issuer's [`Issuer::intermediates`].
    pub certificate: CertificateDer<'static>,
    /// Its private key, PKCS #8.
    pub key: Secret<Vec<u8>>,
    /// When it ends.
    pub not_after: SystemTime,
}

/// Signs leaves.
pub struct Issuer {
    trust_domain: TrustDomain,
    generation: Generation,
    intermediates: Vec<CertificateDer<'static>>,
    intermediates_pem: String,
    not_after: SystemTime,
    signing: rcgen::Issuer<'static, KeyPair>,
}

impl Issuer {
    /// Puts together what was checked elsewhere to belong together.
    ///
    /// `intermediates` go out with each leaf, the issuer's own certificate first; none where that is a root.
    pub(crate) fn new(
        trust_domain: TrustDomain,
        certificate: &CertificateDer<'_>,
        intermediates: Vec<CertificateDer<'static>>,
        not_after: SystemTime,
        key: KeyPair,
    ) -> Result<Self, rcgen::Error> {
        let intermediates_pem = pem_of(&intermediates);
        Ok(Self {
            trust_domain,
            generation: Generation::of(certificate),
            intermediates,
            intermediates_pem,
            not_after,
            signing: rcgen::Issuer::from_ca_cert_der(certificate, key)?,
        })
    }

    /// The domain for which it signs.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// Which issuer this is.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// When its own certificate ends; none of its leaves lives longer.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// What is sent after a leaf so that those who know only the root can follow, the issuer first.
    pub fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.intermediates
    }

    /// [`intermediates`](Self::intermediates) as PEM; empty where the issuer is a root.
    pub fn intermediates_pem(&self) -> &str {
        &self.intermediates_pem
    }

    /// Makes a key and a certificate for it, an X.509-SVID that serves both ends of a TLS connection.
    ///
    /// # Errors
    /// A name that cannot stand in a certificate.
    pub fn issue(&self, request: &LeafRequest) -> Result<Leaf, AuthorityError> {
        let error = |source| AuthorityError::Issue {
            id: request.id.clone(),
            source,
        };
        let mut names = Vec::with_capacity(request.dns_names.len() + request.addresses.len());
        for name in &request.dns_names {
            rustls_pki_types::DnsName::try_from(name.as_str()).map_err(|_| {
                AuthorityError::DnsName {
                    id: request.id.clone(),
                    name: name.clone(),
                }
            })?;
            let name = name.as_str().try_into().map_err(error)?;
            names.push(SanType::DnsName(name));
        }
        names.extend(request.addresses.iter().copied().map(SanType::IpAddress));
        let window = Window::starting(SystemTime::now(), request.lifetime);
        self.sign(&request.id, names, window)
    }

    /// Signs a leaf with a new key. It ends with the issuer at the latest.
    pub(crate) fn sign(
        &self,
        id: &SpiffeId,
        names: Vec<SanType>,
        window: Window,
    ) -> Result<Leaf, AuthorityError> {
        let error = |source| AuthorityError::Issue {
            id: id.clone(),
            source,
        };
        let not_after = window.not_after.min(self.not_after);
        let window = Window {
            not_after,
            ..window
        };
        let mut params = params(window, id).map_err(error)?;
        params.subject_alt_names.extend(names);
        params.distinguished_name = distinguished_name("Tulle");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;

        let key = Zeroizing::new(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(error)?);
        let certificate = params.signed_by(&*key, &self.signing).map_err(error)?;
        Ok(Leaf {
            certificate: certificate.der().clone(),
            key: Secret::new(key.serialize_der()),
            not_after,
        })
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("trust_domain", &self.trust_domain)
            .field("generation", &self.generation)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// A new self-signed authority: P-256, named by the trust domain, allowed to sign leaves only.
pub(crate) fn make_root(
    trust_domain: &TrustDomain,
    window: Window,
) -> Result<(rcgen::Certificate, Zeroizing<KeyPair>), AuthorityError> {
    let id = trust_domain.id();
    let error = |source| AuthorityError::Issue {
        id: id.clone(),
        source,
    };
    let mut params = params(window, &id).map_err(error)?;
    // Two roots live side by side while one follows the other: their names differ, so that nobody has to try both.
    let serial = params.serial_number.as_ref().map(SerialNumber::to_bytes);
    let tail = hash::hex(&serial.unwrap_or_default());
    params.distinguished_name =
        distinguished_name(&format!("Tulle root {}", tail.get(..8).unwrap_or_default()));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];

    let key = Zeroizing::new(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(error)?);
    let root = params.self_signed(&*key).map_err(error)?;
    Ok((root, key))
}

/// Certificates one after the other, in PEM.
pub(crate) fn pem_of(certificates: &[CertificateDer<'_>]) -> String {
    use base64::Engine;
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = base64::engine::general_purpose::STANDARD.encode(certificate);
        for line in encoded.as_bytes().chunks(64) {
            text.extend(line.iter().copied().map(char::from));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// The same moment without its fraction; never before the epoch.
pub(crate) fn whole_seconds(time: SystemTime) -> SystemTime {
    from_unix(unix(time))
}

/// Seconds since the epoch.
pub(crate) fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// The moment so many seconds after the epoch; the last of the year 9999 for what lies beyond.
pub(crate) fn from_unix(seconds: u64) -> SystemTime {
    const END: u64 = 253_402_300_799;
    UNIX_EPOCH + Duration::from_secs(seconds.min(END))
}

fn params(window: Window, id: &SpiffeId) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.not_before = OffsetDateTime::from(window.not_before);
    params.not_after = OffsetDateTime::from(window.not_after);
    params.serial_number = Some(serial_number()?);
    params.subject_alt_names = vec![SanType::URI(id.as_str().try_into()?)];
    Ok(params)
}

fn distinguished_name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Tulle");
    name.push(DnType::CommonName, common_name);
    name
}

/// 127 random bits: positive and never the same twice.
fn serial_number() -> Result<SerialNumber, rcgen::Error> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| rcgen::Error::RingUnspecified)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}
