//! The local certificate authority: one self-signed root, kept in the state directory, that signs short-lived leaves.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::secret::Secret;
use crate::spiffe::{SpiffeId, TrustDomain};
use crate::state::{StateDirectory, StateError};

/// Certificate and key lie in one file, so that they cannot come apart.
pub(crate) const FILE: &str = "authority.pem";
/// Certificates begin a little in the past: clocks differ.
const BACKDATE: Duration = Duration::from_secs(5 * 60);
const ROOT_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The root and its key.
pub struct Authority {
    trust_domain: TrustDomain,
    root: CertificateDer<'static>,
    root_pem: String,
    not_after: SystemTime,
    issuer: Issuer<'static, KeyPair>,
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
    /// The file belongs to another mesh.
    #[error(
        "{path}: belongs to {found}, not to {expected}; use another state directory or the trust domain it was made for"
    )]
    OtherTrustDomain {
        /// The file.
        path: String,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: SpiffeId,
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
    /// How long it is good, from now; never longer than the root.
    pub lifetime: Duration,
}

/// A leaf certificate with its key, made on the spot and kept nowhere.
#[derive(Debug)]
pub struct Leaf {
    /// The certificate; its issuer is the root.
    pub certificate: CertificateDer<'static>,
    /// Its private key, PKCS #8.
    pub key: Secret<Vec<u8>>,
    /// When it ends.
    pub not_after: SystemTime,
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
        let damaged = |why: String| AuthorityError::Damaged {
            path: path.to_owned(),
            why,
        };
        let root = CertificateDer::from_pem_slice(pem)
            .map_err(|e| damaged(format!("certificate: {e}")))?;
        let key =
            PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|e| damaged(format!("key: {e}")))?;
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)
            .map_err(|e| damaged(format!("key: {e}")))?;

        let (_, parsed) =
            X509Certificate::from_der(&root).map_err(|e| damaged(format!("certificate: {e}")))?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(damaged("the key is not that of the certificate".to_owned()));
        }
        if !parsed.is_ca() {
            return Err(damaged("the certificate may not sign others".to_owned()));
        }
        let found = uri_names(&parsed).join(", ");
        if found != trust_domain.id().as_str() {
            return Err(AuthorityError::OtherTrustDomain {
                path: path.to_owned(),
                found,
                expected: trust_domain.id(),
            });
        }
        let not_after = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
        let not_after = SystemTime::UNIX_EPOCH + Duration::from_secs(not_after);
        if not_after <= SystemTime::now() {
            return Err(damaged("its time is over".to_owned()));
        }

        let root_pem = certificate_block(pem)
            .ok_or_else(|| damaged("certificate: no PEM block".to_owned()))?;
        let root = root.into_owned();
        let issuer = Issuer::from_ca_cert_der(&root, key).map_err(|e| damaged(e.to_string()))?;
        Ok(Self {
            trust_domain: trust_domain.clone(),
            root_pem,
            root,
            not_after,
            issuer,
        })
    }

    /// The domain whose root this is.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The root certificate.
    pub fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// The root certificate as PEM, for those who are to trust it.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
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
        let now = SystemTime::now();
        let not_after = (now + request.lifetime).min(self.not_after);
        let mut params = params(now, not_after, &request.id).map_err(error)?;
        for name in &request.dns_names {
            rustls_pki_types::DnsName::try_from(name.as_str()).map_err(|_| {
                AuthorityError::DnsName {
                    id: request.id.clone(),
                    name: name.clone(),
                }
            })?;
            let name = name.as_str().try_into().map_err(error)?;
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        params
            .subject_alt_names
            .extend(request.addresses.iter().copied().map(SanType::IpAddress));
        params.distinguished_name = distinguished_name("Tulle");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;

        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(error)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(error)?;
        Ok(Leaf {
            certificate: certificate.der().clone(),
            key: Secret::new(key.serialize_der()),
            not_after,
        })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("trust_domain", &self.trust_domain)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// A new root and its key, as the file holds them.
fn make_root(trust_domain: &TrustDomain) -> Result<Secret<Vec<u8>>, AuthorityError> {
    let id = trust_domain.id();
    let error = |source| AuthorityError::Issue {
        id: id.clone(),
        source,
    };
    let now = SystemTime::now();
    let mut params = params(now, now + ROOT_LIFETIME, &id).map_err(error)?;
    params.distinguished_name = distinguished_name("Tulle local root");
    // It signs leaves, never another authority.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];

    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(error)?;
    let root = params.self_signed(&key).map_err(error)?;
    let pem = root.pem() + Secret::new(key.serialize_pem()).expose();
    Ok(Secret::new(pem.into_bytes()))
}

fn params(
    now: SystemTime,
    not_after: SystemTime,
    id: &SpiffeId,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.not_before = OffsetDateTime::from(now - BACKDATE);
    params.not_after = OffsetDateTime::from(not_after);
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

fn uri_names<'a>(certificate: &'a X509Certificate<'_>) -> Vec<&'a str> {
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

/// The PEM block of the certificate alone, without the key that stands behind it in the file.
fn certificate_block(pem: &[u8]) -> Option<String> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = std::str::from_utf8(pem).ok()?;
    let from = text.find("-----BEGIN CERTIFICATE-----")?;
    let to = from + text[from..].find(END)? + END.len();
    Some(format!("{}\n", &text[from..to]))
}

#[cfg(test)]
mod tests;
