use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;
use crate::ca::{CaSlot, uri_names};
use crate::issuer::BACKDATE;
use crate::spiffe::TrustDomain;
use crate::testing::{Log, UsersCa};
use crate::verify;

const HOUR: Duration = Duration::from_secs(3600);

fn slot(lifetime: Duration) -> CaSlot {
    let domain = TrustDomain::default();
    CaSlot::make(&domain, SystemTime::now(), lifetime, HOUR).unwrap()
}

fn issuer(slot: &CaSlot) -> Issuer {
    slot.issuer(&TrustDomain::default()).unwrap()
}

fn front() -> SpiffeId {
    TrustDomain::default().service_account("shop", "front")
}

fn chain(svid: &Svid) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(svid.chain_pem.as_bytes())
        .map(Result::unwrap)
        .collect()
}

#[test]
fn follows_the_x509_svid_specification() {
    let slot = slot(1000 * HOUR);
    let policy = SvidPolicy::default();
    let now = SystemTime::now();
    let svid = issuer(&slot)
        .issue_svid(&front(), policy.window(now))
        .unwrap();
    let chain = chain(&svid);
    let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
    // Exactly one URI, and no other name.
    assert_eq!(
        uri_names(&leaf),
        ["spiffe://cluster.local/ns/shop/sa/front"]
    );
    let names = leaf.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names.len(), 1);
    assert!(names.critical || leaf.subject().iter_rdn().next().is_some());
    assert!(!leaf.basic_constraints().unwrap().unwrap().value.ca);
    let usage = leaf.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.digital_signature());
    assert!(!usage.value.key_cert_sign() && !usage.value.crl_sign());
    let extended = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.server_auth && extended.client_auth && !extended.any);
    // P-256, version 3.
    assert_eq!(leaf.version.0, 2);
    assert_eq!(
        leaf.public_key().parsed().unwrap().key_size(),
        256,
        "ECDSA P-256"
    );

    let whole = whole_seconds(now);
    let time = |at: i64| from_unix(u64::try_from(at).unwrap());
    assert_eq!(
        time(leaf.validity().not_before.timestamp()),
        whole - BACKDATE
    );
    assert_eq!(time(leaf.validity().not_after.timestamp()), svid.not_after);
    assert_eq!(svid.not_after, whole + 24 * HOUR);

    // What signs it is a SPIFFE signing certificate, and the chain holds.
    let (_, root) = X509Certificate::from_der(&slot.chain()[0]).unwrap();
    assert!(root.is_ca() && root.key_usage().unwrap().unwrap().value.key_cert_sign());
    assert_eq!(uri_names(&root), ["spiffe://cluster.local"]);
    verify::client_chain(&chain[0], &[], slot.anchor(), now).unwrap();
    assert!(verify::client_chain(&chain[0], &[], slot.anchor(), now + 25 * HOUR).is_err());
    // A proxy whose clock is five minutes behind accepts it.
    verify::client_chain(
        &chain[0],
        &[],
        slot.anchor(),
        now - Duration::from_secs(299),
    )
    .unwrap();
    assert_eq!(chain.len(), 1, "roots are not sent");
}

#[test]
fn each_has_a_key_of_its_own_and_the_same_name() {
    let slot = slot(1000 * HOUR);
    let window = SvidPolicy::default().window(SystemTime::now());
    let one = issuer(&slot).issue_svid(&front(), window).unwrap();
    // Another replica, the same Secret.
    let two = issuer(&slot).issue_svid(&front(), window).unwrap();
    assert_eq!(one.version, two.version);
    assert_ne!(one.key_pem, two.key_pem);
    assert_ne!(one.chain_pem, two.chain_pem);
    let text = one.version.to_string();
    assert_eq!(text.parse::<SvidVersion>().unwrap(), one.version);
    assert!(text.starts_with(&format!("{}.", slot.generation())));
    assert_eq!(one.version.issuer, *slot.generation());
    assert_eq!(one.version.not_after(), one.not_after);

    let key = one.key_pem.expose();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    rcgen::KeyPair::from_pem(key).unwrap();
    assert!(key.lines().all(|line| line.len() <= 64));
}

#[test]
fn any_replica_recognises_a_fresh_one() {
    let slot = slot(1000 * HOUR);
    let (here, there) = (issuer(&slot), issuer(&slot));
    let policy = SvidPolicy::default();
    let now = SystemTime::now();
    let svid = there.issue_svid(&front(), policy.window(now)).unwrap();
    let version = svid.version.to_string();
    let fresh = |version: &str, pod: &str, now| policy.is_fresh(version, &here, &front(), pod, now);
    let at = fresh(&version, "pod-1", now).unwrap();
    assert_eq!(at, policy.rotate_at(svid.not_after, "pod-1"));
    assert_eq!(
        fresh(&version, "pod-1", at - Duration::from_secs(1)),
        Some(at)
    );
    assert_eq!(fresh(&version, "pod-1", at), None);

    let other = policy.is_fresh(
        &version,
        &here,
        &TrustDomain::default().service_account("shop", "back"),
        "pod-1",
        now,
    );
    assert_eq!(other, None);
    let rotated = issuer(&self::slot(1000 * HOUR));
    assert_eq!(
        policy.is_fresh(&version, &rotated, &front(), "pod-1", now),
        None
    );
    // Nothing that a client makes up lives longer than what we make.
    let far = SvidVersion::of(here.generation(), &front(), now + 48 * HOUR);
    assert_eq!(fresh(&far.to_string(), "pod-1", now), None);
    // Settings that changed are in force at once.
    let short = SvidPolicy::new(Duration::from_secs(60)).unwrap();
    assert_eq!(
        short.is_fresh(&version, &here, &front(), "pod-1", now),
        None
    );
    let brief = SvidVersion::of(here.generation(), &front(), now + Duration::from_secs(60));
    assert_eq!(fresh(&brief.to_string(), "pod-1", now), None);
    assert!(
        short
            .is_fresh(&brief.to_string(), &here, &front(), "pod-1", now)
            .is_some()
    );
}

#[test]
fn versions_have_one_spelling() {
    let version = SvidVersion::of(
        slot(HOUR).generation(),
        &front(),
        SystemTime::UNIX_EPOCH + HOUR,
    )
    .to_string();
    assert!(version.parse::<SvidVersion>().is_ok());
    let long = "9".repeat(100_000);
    for bad in [
        "",
        ".",
        "..",
        "a.b.c",
        &format!("{version}.1"),
        &format!("{version} "),
        &version.replace(".3600", ".03600"),
        &version.replace(".3600", ".+3600"),
        &version.replace(".3600", ".-1"),
        &version.replace(".3600", &format!(".{long}")),
        &version.to_uppercase().replace('0', "A"),
        "é.é.é",
    ] {
        assert!(bad.parse::<SvidVersion>().is_err(), "{bad}");
    }
    let end = version.replace(".3600", &format!(".{}", u64::MAX));
    let huge: SvidVersion = end.parse().unwrap();
    let policy = SvidPolicy::default();
    let issuer = issuer(&slot(1000 * HOUR));
    assert!(
        policy
            .is_fresh(&end, &issuer, &front(), "p", SystemTime::now())
            .is_none()
    );
    assert!(huge.not_after() > SystemTime::now());
}

#[test]
fn rotation_is_spread_and_stable() {
    let policy = SvidPolicy::new(Duration::from_secs(1000)).unwrap();
    let end = SystemTime::UNIX_EPOCH + 10 * HOUR;
    let mut seen = Vec::new();
    for pod in 0..2000 {
        let uid = format!("4f0c9a1e-{pod}");
        let before = end.duration_since(policy.rotate_at(end, &uid)).unwrap();
        assert_eq!(policy.rotate_at(end, &uid), end - before);
        assert!(
            (400.0..=600.0).contains(&before.as_secs_f64()),
            "{before:?}"
        );
        seen.push(before.as_secs());
    }
    let mean = seen.iter().sum::<u64>() / 2000;
    assert!((490..510).contains(&mean), "{mean}");
    for tenth in 0..10 {
        let range = 400 + tenth * 20..420 + tenth * 20;
        let here = seen.iter().filter(|s| range.contains(*s)).count();
        assert!((120..280).contains(&here), "{here} in {range:?}");
    }
}

#[test]
fn never_beyond_the_issuer_and_then_not_again_and_again() {
    let slot = slot(2 * HOUR);
    let issuer = issuer(&slot);
    let policy = SvidPolicy::default();
    let now = SystemTime::now();
    let svid = issuer.issue_svid(&front(), policy.window(now)).unwrap();
    assert_eq!(svid.not_after, issuer.not_after());
    let version = svid.version.to_string();
    let fresh = |now| policy.is_fresh(&version, &issuer, &front(), "p", now);
    assert_eq!(fresh(now), Some(issuer.not_after()));
    assert_eq!(fresh(now + 3 * HOUR), None);
}

#[test]
fn the_users_intermediate_is_sent_along() {
    let ca = UsersCa::new(rcgen::KeyPair::generate().unwrap());
    let issuer = issuer(&ca.slot());
    let now = SystemTime::now();
    let window = SvidPolicy::default().window(now);
    let chain = chain(&issuer.issue_svid(&front(), window).unwrap());
    assert_eq!(chain.len(), 2);
    verify::client_chain(&chain[0], &chain[1..], &ca.root, now).unwrap();
    assert!(verify::client_chain(&chain[0], &[], &ca.root, now).is_err());
}

#[test]
fn only_for_workloads_of_the_domain() {
    let issuer = issuer(&slot(HOUR));
    let window = SvidPolicy::default().window(SystemTime::now());
    for foreign in ["spiffe://other.example/ns/a/sa/b", "spiffe://cluster.local"] {
        let error = issuer
            .issue_svid(&foreign.parse().unwrap(), window)
            .unwrap_err();
        assert!(matches!(error, AuthorityError::Foreign { .. }));
    }
}

#[test]
fn lifetimes_are_bounded() {
    for good in [30, 60, 86_400, 90 * 86_400] {
        assert!(SvidPolicy::new(Duration::from_secs(good)).is_ok());
    }
    for bad in [0, 29, 90 * 86_400 + 1, u64::MAX] {
        assert!(SvidPolicy::new(Duration::from_secs(bad)).is_err());
    }
}

#[test]
fn keys_are_neither_printed_nor_logged() {
    let log = Log::begin();
    let slot = slot(HOUR);
    let issuer = issuer(&slot);
    let window = SvidPolicy::default().window(SystemTime::now());
    let svid = issuer.issue_svid(&front(), window).unwrap();
    let text = format!("{svid:?} {issuer:?} {slot:?}{}", log.text());
    assert!(text.contains("[redacted]"));
    for secret in [svid.key_pem.expose().as_bytes(), slot.key().expose()] {
        let secret = std::str::from_utf8(secret).unwrap();
        for line in secret.lines() {
            assert!(!text.contains(line), "{line}");
        }
    }
}

/// openssl is a second opinion; where it is not installed there is none.
#[test]
fn openssl_accepts_the_chain() {
    let dir = tempfile::tempdir().unwrap();
    let ca = UsersCa::new(rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap());
    let ours = slot(HOUR);
    for (slot, root) in [
        (ca.slot(), ca.root_pem.clone()),
        (ours.clone(), ours.roots().pem().to_string()),
    ] {
        let window = SvidPolicy::default().window(SystemTime::now());
        let svid = issuer(&slot).issue_svid(&front(), window).unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let leaf = write("leaf.pem", &svid.chain_pem);
        let root = write("root.pem", &root);
        for purpose in ["sslclient", "sslserver"] {
            let run = std::process::Command::new("openssl")
                .args(["verify", "-x509_strict", "-purpose", purpose, "-CAfile"])
                .arg(&root)
                .arg("-untrusted")
                .args([&leaf, &leaf])
                .output();
            let Ok(run) = run else { return };
            let said = String::from_utf8_lossy(&run.stderr);
            assert!(run.status.success(), "{said}");
        }
    }
}

/// How long this thread has computed, whatever else the machine does.
fn computed() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = text.split(' ').next().unwrap().parse().unwrap();
    Duration::from_nanos(nanoseconds)
}

#[test]
fn a_thousand_a_second() {
    const COUNT: u32 = 1_000;
    let issuer = issuer(&slot(1000 * HOUR));
    let policy = SvidPolicy::default();
    let begin = computed();
    for _ in 0..COUNT {
        issuer
            .issue_svid(&front(), policy.window(SystemTime::now()))
            .unwrap();
    }
    let rate = f64::from(COUNT) / (computed() - begin).as_secs_f64();
    writeln!(
        std::io::stderr(),
        "issue_svid: {rate:.0} certificates/s on one core"
    )
    .unwrap();
    assert!(rate > 1_000.0, "{rate}");
}

use std::io::Write;
