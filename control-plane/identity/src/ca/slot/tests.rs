use rcgen::{CertificateParams, GeneralSubtree, NameConstraints, PKCS_RSA_SHA256, SanType};

use super::*;
use crate::testing::{UsersCa, ca_params};

fn parse(certificates: &str, key: &str, roots: Option<&str>) -> Result<CaSlot, SlotError> {
    CaSlot::parse(
        certificates.as_bytes(),
        key.as_bytes(),
        roots.map(str::as_bytes),
        Origin::User,
        Duration::from_secs(60),
        &TrustDomain::default(),
        SystemTime::now(),
    )
}

fn refused(part: Part, why: &str, result: Result<CaSlot, SlotError>) {
    let error = result.unwrap_err();
    assert_eq!(error.part, part, "{error}");
    assert!(error.why.contains(why), "{error}");
    assert!(!error.why.contains("PRIVATE"), "{error}");
}

fn users() -> UsersCa {
    UsersCa::new(KeyPair::generate().unwrap())
}

#[test]
fn ours_is_made_and_read_again() {
    let domain = TrustDomain::default();
    let now = SystemTime::now();
    let year = Duration::from_secs(365 * 86_400);
    let made = CaSlot::make(&domain, now, year, Duration::from_secs(60)).unwrap();
    let read = CaSlot::parse(
        made.roots().pem().as_bytes(),
        made.key().expose(),
        None,
        Origin::Tulle,
        Duration::from_secs(60),
        &domain,
        now,
    )
    .unwrap();
    assert_eq!(made, read);
    assert_eq!(made.anchor(), &made.chain()[0]);
    assert!(made.issuer(&domain).unwrap().intermediates().is_empty());
    assert_ne!(
        made.generation(),
        CaSlot::make(&domain, now, year, year).unwrap().generation()
    );
    let half = made.aged(0.5).duration_since(now).unwrap();
    assert!(half > year / 2 - Duration::from_secs(300) && half < year / 2);

    let text = format!("{made:?}");
    assert!(!text.contains("PRIVATE") && !text.contains("MI"), "{text}");
}

#[test]
fn intermediates_of_every_kind_of_key() {
    for key in [
        KeyPair::generate().unwrap(),
        KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap(),
        KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(),
        KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap(),
    ] {
        let ca = UsersCa::new(key);
        let slot = ca.slot();
        let issuer = slot.issuer(&TrustDomain::default()).unwrap();
        assert_eq!(issuer.intermediates().len(), 1);
        assert_eq!(slot.anchor(), &ca.root);
        // The root at the end of the chain is not sent.
        let whole = ca.certificate_pem.clone() + &ca.root_pem;
        assert_eq!(parse(&whole, &ca.key_pem, Some(&ca.root_pem)).unwrap(), {
            let mut slot = slot;
            slot.leaf_lifetime = Duration::from_secs(60);
            slot
        });
    }
}

#[test]
fn what_cannot_sign_is_refused_with_its_cause() {
    let (ca, other) = (users(), users());
    let (crt, key, root) = (&ca.certificate_pem, &ca.key_pem, Some(&*ca.root_pem));
    refused(
        Part::Key,
        "not that of the certificate",
        parse(crt, &other.key_pem, root),
    );
    refused(Part::Key, "no private key", parse(crt, "junk", root));
    refused(Part::Key, "no private key", parse(crt, "", root));
    let odd = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    refused(Part::Key, "not supported", parse(crt, odd, root));
    refused(Part::Certificate, "no certificate", parse("", key, root));
    refused(
        Part::Certificate,
        "no X.509",
        parse(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            key,
            root,
        ),
    );
    refused(Part::Roots, "missing or empty", parse(crt, key, None));
    refused(
        Part::Roots,
        "missing or empty",
        parse(crt, key, Some(" \n")),
    );
    refused(
        Part::Roots,
        "does not lead",
        parse(crt, key, Some(&other.root_pem)),
    );
    refused(
        Part::Certificate,
        "too large",
        parse(&crt.repeat(400), key, root),
    );
    refused(
        Part::Certificate,
        "more than",
        parse(&crt.repeat(17), key, root),
    );

    let leaf = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["a.example".to_owned()])
        .unwrap()
        .self_signed(&leaf)
        .unwrap();
    refused(
        Part::Certificate,
        "CA:TRUE",
        parse(&certificate.pem(), &leaf.serialize_pem(), root),
    );
    refused(
        Part::Roots,
        "may not sign",
        parse(crt, key, Some(&certificate.pem())),
    );
}

#[test]
fn limits_in_the_certificate_itself_are_respected() {
    let case = |change: fn(&mut CertificateParams)| {
        let ca = users().changed(change);
        parse(&ca.certificate_pem, &ca.key_pem, Some(&ca.root_pem))
    };
    assert!(case(|_| {}).is_ok());
    refused(
        Part::Certificate,
        "keyCertSign",
        case(|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature]),
    );
    refused(
        Part::Certificate,
        "over",
        case(|params| {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }),
    );
    refused(
        Part::Certificate,
        "spiffe://other.example",
        case(|params| {
            params.subject_alt_names =
                vec![SanType::URI("spiffe://other.example".try_into().unwrap())];
        }),
    );
    assert!(
        case(|params| {
            params.subject_alt_names =
                vec![SanType::URI("spiffe://cluster.local".try_into().unwrap())];
        })
        .is_ok()
    );
    refused(
        Part::Roots,
        "does not lead",
        case(|params| {
            params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::CodeSigning];
        }),
    );
    refused(
        Part::Roots,
        "does not lead",
        case(|params| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: vec![GeneralSubtree::DnsName("example.org".into())],
                excluded_subtrees: vec![GeneralSubtree::DirectoryName(
                    rcgen::DistinguishedName::new(),
                )],
            });
        }),
    );
}

#[test]
fn a_root_of_the_users_own_needs_no_second_file() {
    let key = KeyPair::generate().unwrap();
    let root = ca_params("Company root").self_signed(&key).unwrap();
    let slot = parse(&root.pem(), &key.serialize_pem(), None).unwrap();
    assert!(
        slot.issuer(&TrustDomain::default())
            .unwrap()
            .intermediates()
            .is_empty()
    );
}

use rcgen::KeyUsagePurpose;
