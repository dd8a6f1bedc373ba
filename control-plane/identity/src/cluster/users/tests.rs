use super::*;
use crate::testing::{UsersCa, secret};

fn read(data: &[(&str, &str)]) -> Result<CaSlot, UsersSecretError> {
    read_users(
        &secret(data.iter().copied()),
        Duration::from_secs(3600),
        &TrustDomain::default(),
        SystemTime::now(),
    )
}

fn ca() -> UsersCa {
    UsersCa::new(rcgen::KeyPair::generate().unwrap())
}

#[test]
fn both_conventions_are_read() {
    let ca = ca();
    let (crt, key, root) = (&*ca.certificate_pem, &*ca.key_pem, &*ca.root_pem);
    let (chain, above) = (format!("{crt}{root}"), root);
    let expected = ca.slot();
    for data in [
        vec![
            ("ca-cert.pem", crt),
            ("ca-key.pem", key),
            ("root-cert.pem", root),
            ("cert-chain.pem", &chain),
        ],
        vec![
            ("ca-cert.pem", crt),
            ("ca-key.pem", key),
            ("root-cert.pem", root),
        ],
        vec![
            ("ca-cert.pem", crt),
            ("ca-key.pem", key),
            ("root-cert.pem", root),
            ("cert-chain.pem", above),
        ],
        vec![("tls.crt", crt), ("tls.key", key), ("ca.crt", root)],
        vec![("tls.crt", &chain), ("tls.key", key), ("ca.crt", root)],
        // Istio's names win.
        vec![
            ("ca-cert.pem", crt),
            ("ca-key.pem", key),
            ("root-cert.pem", root),
            ("tls.crt", "junk"),
        ],
    ] {
        assert_eq!(read(&data).unwrap(), expected, "{data:?}");
    }
}

#[test]
fn the_key_to_blame_is_named() {
    let (ca, other) = (ca(), ca());
    let (crt, key, root) = (&*ca.certificate_pem, &*ca.key_pem, &*ca.root_pem);
    for (data, blamed) in [
        (vec![], "ca-cert.pem"),
        (vec![("other", "x")], "ca-cert.pem"),
        (vec![("ca-cert.pem", crt)], "ca-key.pem"),
        (vec![("ca-key.pem", key)], "ca-cert.pem"),
        (
            vec![("ca-cert.pem", crt), ("ca-key.pem", key)],
            "root-cert.pem",
        ),
        (
            vec![
                ("ca-cert.pem", crt),
                ("ca-key.pem", &*other.key_pem),
                ("root-cert.pem", root),
            ],
            "ca-key.pem",
        ),
        (
            vec![
                ("ca-cert.pem", crt),
                ("ca-key.pem", key),
                ("root-cert.pem", root),
                ("cert-chain.pem", "junk\n-----BEGIN CERTIFICATE-----\nAAAA"),
            ],
            "cert-chain.pem",
        ),
        (vec![("tls.crt", crt), ("tls.key", key)], "ca.crt"),
        (vec![("tls.crt", crt), ("tls.key", "  ")], "tls.key"),
        (
            vec![
                ("tls.crt", crt),
                ("tls.key", key),
                ("ca.crt", &*other.root_pem),
            ],
            "ca.crt",
        ),
    ] {
        let error = read(&data).unwrap_err();
        assert_eq!(error.key, blamed, "{error}");
        let text = error.to_string();
        assert!(
            text.contains(blamed) && text.contains("tulle-cacerts"),
            "{text}"
        );
        assert!(!text.contains("PRIVATE"), "{text}");
    }
}
