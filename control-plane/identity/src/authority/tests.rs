use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustls_pki_types::pem::PemObject;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;
use crate::ca::uri_names;

fn request(authority: &Authority) -> LeafRequest {
    LeafRequest {
        id: authority
            .trust_domain()
            .service_account("tulle-system", "tulle"),
        dns_names: vec!["localhost".into(), "tulle.tulle-system.svc".into()],
        addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
        lifetime: Duration::from_secs(3600),
    }
}

fn parse(der: &[u8]) -> X509Certificate<'_> {
    X509Certificate::from_der(der).unwrap().1
}

#[test]
fn root_is_a_spiffe_signing_certificate() {
    let authority = Authority::open(None, &"prod.example".parse().unwrap()).unwrap();
    let root = parse(authority.root());
    let constraints = root.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    let usage = root.key_usage().unwrap().unwrap();
    assert!(
        usage.critical
            && usage.value.key_cert_sign()
            && usage.value.crl_sign()
            && !usage.value.digital_signature()
    );
    assert_eq!(uri_names(&root), ["spiffe://prod.example"]);
    root.verify_signature(None).unwrap();

    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    let age = now - root.validity().not_before.timestamp();
    assert!(
        (299..=330).contains(&age),
        "begins five minutes ago, not {age} s"
    );
    assert!(root.validity().not_after.timestamp() - now > 9 * 365 * 24 * 3600);
}

#[test]
fn leaf_is_an_svid() {
    let authority = Authority::open(None, &TrustDomain::default()).unwrap();
    let leaf = authority.issue(&request(&authority)).unwrap();
    let certificate = parse(&leaf.certificate);
    certificate
        .verify_signature(Some(parse(authority.root()).public_key()))
        .unwrap();
    assert_eq!(certificate.issuer(), parse(authority.root()).subject());

    let constraints = certificate.basic_constraints().unwrap().unwrap();
    assert!(!constraints.value.ca);
    let usage = certificate.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.digital_signature());
    assert!(!usage.value.key_cert_sign() && !usage.value.crl_sign());
    let extended = certificate.extended_key_usage().unwrap().unwrap();
    assert!(extended.value.server_auth && extended.value.client_auth && !extended.value.any);
    assert_eq!(
        uri_names(&certificate),
        ["spiffe://cluster.local/ns/tulle-system/sa/tulle"]
    );
    assert_eq!(
        certificate
            .subject_alternative_name()
            .unwrap()
            .unwrap()
            .value
            .general_names
            .len(),
        5
    );
    assert!(certificate.extensions().iter().any(|e| matches!(
        e.parsed_extension(),
        ParsedExtension::AuthorityKeyIdentifier(_)
    )));
    assert_eq!(
        certificate.validity().not_after.timestamp() as u64,
        leaf.not_after
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs()
    );

    let other = authority.issue(&request(&authority)).unwrap();
    assert_ne!(
        certificate.raw_serial(),
        parse(&other.certificate).raw_serial()
    );
    assert_ne!(leaf.key, other.key);
}

#[test]
fn leaf_never_outlives_the_root_and_names_are_checked() {
    let authority = Authority::open(None, &TrustDomain::default()).unwrap();
    let long = LeafRequest {
        lifetime: ROOT_LIFETIME * 2,
        ..request(&authority)
    };
    assert_eq!(
        authority.issue(&long).unwrap().not_after,
        authority.snapshot.issuer().not_after()
    );
    let bad = LeafRequest {
        dns_names: vec!["no good".into()],
        ..request(&authority)
    };
    let error = authority.issue(&bad).unwrap_err().to_string();
    assert!(error.contains("no good"), "{error}");
}

#[test]
fn restart_keeps_the_root() {
    let top = tempfile::tempdir().unwrap();
    let state = StateDirectory::open(&top.path().join("state")).unwrap();
    let domain = TrustDomain::default();
    let first = Authority::open(Some(&state), &domain).unwrap();
    let second = Authority::open(Some(&state), &domain).unwrap();
    assert_eq!(first.root(), second.root());
    assert_eq!(first.root_pem(), second.root_pem());
    assert_eq!(
        CertificateDer::from_pem_slice(first.root_pem().as_bytes()).unwrap(),
        *first.root()
    );
    assert!(!first.root_pem().contains("PRIVATE"));
    let mode = fs::metadata(state.path().join(FILE))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);

    let error = Authority::open(Some(&state), &"other.example".parse().unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("spiffe://cluster.local") && error.contains("spiffe://other.example"),
        "{error}"
    );
}

#[test]
fn racing_creators_agree() {
    let top = tempfile::tempdir().unwrap();
    let path = top.path().join("state");
    let roots: Vec<_> = std::thread::scope(|scope| {
        let opening: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let state = StateDirectory::open(&path).unwrap();
                    Authority::open(Some(&state), &TrustDomain::default())
                        .unwrap()
                        .root()
                        .clone()
                })
            })
            .collect();
        opening
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(roots.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn damage_is_named() {
    let top = tempfile::tempdir().unwrap();
    let state = StateDirectory::open(&top.path().join("state")).unwrap();
    let domain = TrustDomain::default();
    let one = make_root(&domain).unwrap();
    let two = make_root(&domain).unwrap();
    let key = |pem: &[u8]| {
        let text = String::from_utf8(pem.to_vec()).unwrap();
        text.find("-----BEGIN PRIVATE").unwrap()
    };
    let half = one.expose()[..key(one.expose())].to_vec();
    let mixed = [&half, &two.expose()[key(two.expose())..]].concat();
    for (bytes, why) in [
        (mixed, "not that of the certificate"),
        (half, "key:"),
        (b"junk".to_vec(), "certificate:"),
    ] {
        state
            .lock()
            .unwrap()
            .write(FILE, &Secret::new(bytes))
            .unwrap();
        let error = Authority::open(Some(&state), &domain)
            .unwrap_err()
            .to_string();
        assert!(error.contains(why) && error.contains(FILE), "{error}");
    }
}

#[test]
fn keys_are_not_printed() {
    let authority = Authority::open(None, &TrustDomain::default()).unwrap();
    let leaf = authority.issue(&request(&authority)).unwrap();
    let text = format!("{authority:?} {leaf:?}");
    assert!(
        text.contains("[redacted]") && !text.contains("PRIVATE"),
        "{text}"
    );
}
