//! Secrets (SDS): a proxy's certificate and whom it trusts.

use prost::Message;
use tulle_proto::core::DataSource;
use tulle_proto::core::data_source::Specifier;
use tulle_proto::tls::secret::Type;
use tulle_proto::tls::{CertificateValidationContext, Secret, TlsCertificate};

use crate::names;

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

/// The same secret, with the paths of its files spelled otherwise; another spelling for each `time`. `None` if it names no
/// files.
///
/// Envoy reads the files of a secret again if the secret is not what it was, and then alone tells whether it has them.
pub fn respelled(secret: &[u8], time: u32) -> Option<Vec<u8>> {
    let mut secret = Secret::decode(secret).ok()?;
    let sources = match secret.r#type.as_mut()? {
        Type::TlsCertificate(own) => vec![&mut own.certificate_chain, &mut own.private_key],
        Type::ValidationContext(own) => vec![&mut own.trusted_ca],
        _ => return None,
    };
    let mut any = false;
    for source in sources.into_iter().flatten() {
        if let Some(Specifier::Filename(path)) = &mut source.specifier {
            *path = respelled_path(path, time);
            any = true;
        }
    }
    any.then(|| secret.encode_to_vec())
}

/// Whether Envoy's words of what it refuses are of a file that the secret of this name needs, or of its folder.
pub fn is_blamed(name: &str, words: &str) -> bool {
    let paths = names::files_of(name);
    paths.iter().any(|path| {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        words.contains(path.as_str()) || words.contains(&format!("{folder}/:"))
    })
}

fn respelled_path(path: &str, time: u32) -> String {
    let (root, mut rest) = match path.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => ("", path),
    };
    while let Some(plain) = rest.strip_prefix("./") {
        rest = plain;
    }
    format!("{root}{}{rest}", "./".repeat(time as usize % 16))
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
    fn a_path_is_spelled_otherwise_each_time_and_means_the_same() {
        for (path, time, expected) in [
            ("/c/.d/e.pem", 1, "/./c/.d/e.pem"),
            ("/./c/e.pem", 2, "/././c/e.pem"),
            ("/././.c/e.pem", 16, "/.c/e.pem"),
            ("c/e.pem", 1, "./c/e.pem"),
        ] {
            assert_eq!(respelled_path(path, time), expected);
        }
        assert_eq!(respelled(&validation_context(ROOTS, b"roots"), 1), None);
    }

    #[test]
    fn envoys_words_tell_which_secret_they_are_of() {
        let certificate = names::file_certificate("/c/web.pem", "/k/web~.key");
        for (words, expected) in [
            ("Invalid path: /c/web.pem", true),
            ("Invalid path: /k/web~.key", true),
            (
                "unable to add filesystem watch for file /k/: No such file or directory",
                true,
            ),
            ("Invalid path: /c/other.pem", false),
        ] {
            assert_eq!(is_blamed(&certificate, words), expected, "{words}");
        }
        assert!(is_blamed(
            &names::file_roots("/ca.pem"),
            "Invalid path: /ca.pem"
        ));
        assert!(!is_blamed(ROOTS, "Invalid path: /ca.pem"));
    }

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
