//! Envoys with their whole configuration inside, certificates included, and no control plane.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::Value;
use tulle_control_plane::engine::{Engine, Group};
use tulle_control_plane::offline;
use tulle_envoy::{Compiled, secrets, type_url};

use crate::captured;
use crate::netns::Host;
use crate::process::Process;

/// A root of trust that a test makes for itself.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A proxy's certificate, its key, and whom it trusts; all in PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub chain: String,
    /// Its private key.
    pub key: String,
    /// The roots.
    pub roots: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new root.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a root").pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for a SPIFFE id.
    pub fn certificate(&self, id: &str) -> Certificate {
        let id = Ia5String::try_from(id.to_owned()).expect("ASCII");
        self.sign(SanType::URI(id))
    }

    /// A certificate for a DNS name.
    pub fn certificate_for(&self, name: &str) -> Certificate {
        let name = Ia5String::try_from(name.to_owned()).expect("ASCII");
        self.sign(SanType::DnsName(name))
    }

    fn sign(&self, name: SanType) -> Certificate {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![name];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Certificate {
            chain: certificate.pem(),
            key: key.serialize_pem(),
            roots: self.pem.clone(),
        }
    }
}

impl Certificate {
    fn secrets(&self) -> [Compiled; 2] {
        let secret = |name: &str, bytes| Compiled {
            type_url: type_url::SECRET,
            name: name.into(),
            version: String::new(),
            bytes,
            requires: Vec::new(),
            touches: Vec::new(),
            settle: Duration::ZERO,
            origins: Vec::new(),
        };
        let (name, roots) = (secrets::CERTIFICATE, secrets::ROOTS);
        let (chain, key) = (self.chain.as_bytes(), self.key.as_bytes());
        [
            secret(name, secrets::tls_certificate(name, chain, key)),
            secret(
                roots,
                secrets::validation_context(roots, self.roots.as_bytes()),
            ),
        ]
    }
}

/// A bootstrap with all of a group's resources and this certificate, as Envoy's JSON.
pub fn bootstrap(
    engine: &mut Engine,
    group: &Group,
    certificate: &Certificate,
    admin: Option<SocketAddr>,
) -> Value {
    let resources = offline::resources(engine, group);
    let compiled = resources.iter().map(|resource| Compiled {
        type_url: resource.type_url().as_str(),
        name: resource.name().clone(),
        version: resource.version().to_string(),
        bytes: resource.message().to_vec(),
        requires: Vec::new(),
        touches: Vec::new(),
        settle: Duration::ZERO,
        origins: Vec::new(),
    });
    let compiled: Vec<Compiled> = compiled.chain(certificate.secrets()).collect();
    let bootstrap = tulle_envoy::static_bootstrap(&compiled, admin).expect("a bootstrap");
    tulle_proto::message_to_json(&bootstrap).expect("JSON")
}

/// Starts an Envoy beside the applications of a host, whose traffic is redirected, what comes in at
/// `ports`, and waits until it is ready. Its admin port is 9901 on loopback.
pub fn start(host: &Host, work: &Path, name: &str, bootstrap: &Value, ports: &[u16]) -> Process {
    let file = work.join(format!("{name}.json"));
    std::fs::write(&file, bootstrap.to_string()).expect("writable");
    captured::redirect(host, ports);
    let log = work.join(format!("{name}.log"));
    captured::envoy(host, work, name, &file, &log, &[])
}
