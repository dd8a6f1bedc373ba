//! Secrets (SDS): a proxy's certificate and whom it trusts.

use prost::Message;
use tulle_proto::core::DataSource;
use tulle_proto::core::data_source::Specifier;
use tulle_proto::tls::secret::Type;
use tulle_proto::tls::{CertificateValidationContext, Secret, TlsCertificate};

/// The name under which clusters and listeners ask for the proxy's own certificate.
pub const CERTIFICATE: &str = "default";
/// The name under which clusters and listeners ask for the roots that they trust.
pub const ROOTS: &str = "ROOTCA";

/// A `Secret` with a certificate: its chain, the leaf first, and its private key, both in PEM. What is
/// given back holds the key in the clear and must be shown to nobody else.
pub fn tls_certificate(name: &str, chain_pem: &[u8], key_pem: &[u8]) -> Vec<u8> {
    let certificate = TlsCertificate {
        certificate_chain: Some(inline(chain_pem)),
        private_key: Some(inline(key_pem)),
        ..Default::default()
    };
    encode(name, Type::TlsCertificate(certificate))
}

/// A `Secret` with the roots to trust, in PEM, one after the other.
pub fn validation_context(name: &str, roots_pem: &[u8]) -> Vec<u8> {
    let context = CertificateValidationContext {
        trusted_ca: Some(inline(roots_pem)),
        ..Default::default()
    };
    encode(name, Type::ValidationContext(context))
}

fn encode(name: &str, secret: Type) -> Vec<u8> {
    let secret = Secret {
        name: name.to_owned(),
        r#type: Some(secret),
    };
    secret.encode_to_vec()
}

fn inline(bytes: &[u8]) -> DataSource {
    DataSource {
        specifier: Some(Specifier::InlineBytes(bytes.to_vec())),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_hold_their_pem_inline() {
        let secret = Secret::decode(&*tls_certificate(CERTIFICATE, b"chain", b"key")).unwrap();
        assert_eq!(secret.name, "default");
        let Some(Type::TlsCertificate(certificate)) = secret.r#type else {
            panic!("no certificate");
        };
        let bytes = |source: Option<DataSource>| match source.and_then(|own| own.specifier) {
            Some(Specifier::InlineBytes(bytes)) => bytes,
            other => panic!("{other:?}"),
        };
        assert_eq!(bytes(certificate.certificate_chain), b"chain");
        assert_eq!(bytes(certificate.private_key), b"key");
        let secret = Secret::decode(&*validation_context(ROOTS, b"roots")).unwrap();
        let Some(Type::ValidationContext(context)) = secret.r#type else {
            panic!("no roots");
        };
        assert_eq!(bytes(context.trusted_ca), b"roots");
    }
}
