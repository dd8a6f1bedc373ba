use std::time::{Duration, SystemTime};

use k8s_openapi::ByteString;
use tulle_identity::TrustDomain;
use tulle_identity::ca::{CaSlot, CaState};
use tulle_identity::cluster::write_state;

use super::*;

/// A certificate and its key; whose they are does not matter.
fn pair() -> (String, String) {
    let year = Duration::from_secs(365 * 86_400);
    let slot = CaSlot::make(&TrustDomain::default(), SystemTime::now(), year, year / 365).unwrap();
    let data = write_state(&CaState::new(slot));
    let text = |end: &str| {
        let (_, value) = data.iter().find(|(name, _)| name.ends_with(end)).unwrap();
        String::from_utf8(value.0.clone()).unwrap()
    };
    (text(".crt"), text(".key"))
}

fn secret(version: &str, data: &[(&str, &str)]) -> Secret {
    let data = data.iter();
    let data: BTreeMap<_, _> = data
        .map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())))
        .collect();
    let mut secret = Secret {
        data: Some(data),
        ..Secret::default()
    };
    secret.metadata.uid = Some("uid".to_owned());
    secret.metadata.resource_version = Some(version.to_owned());
    secret
}

fn certificate() -> KubernetesSecret {
    KubernetesSecret::Certificate("web".into())
}

fn roots() -> KubernetesSecret {
    KubernetesSecret::Roots("web".into())
}

fn why(own: &KubernetesSecret, secret: &Secret) -> String {
    resource(own, secret).unwrap_err()
}

#[test]
fn a_secret_is_served_if_it_is_what_it_is_wanted_for() {
    let (chain, key) = pair();
    let all = [("tls.crt", &*chain), ("tls.key", &key), ("ca.crt", &chain)];
    let good = secret("7", &all);
    let served = resource(&certificate(), &good).unwrap();
    assert_eq!(&**served.name(), "kubernetes-cert:web");
    assert_eq!(&**served.version(), "uid-7");
    assert!(served.is_secret());
    let served = resource(&roots(), &good).unwrap();
    assert_eq!(&**served.name(), "kubernetes-root:web");
}

#[test]
fn what_is_wrong_with_a_secret_is_said_without_its_content() {
    let (chain, key) = pair();
    let (_, another) = pair();
    let empty = secret("1", &[]);
    assert_eq!(why(&certificate(), &empty), "it has no tls.crt");
    assert_eq!(why(&roots(), &empty), "it has no ca.crt");
    for (chain, key, expected) in [
        ("no PEM", &*key, "its tls.crt holds no certificate in PEM"),
        (&chain, "SECRET", "its tls.key holds no private key in PEM"),
        (&chain, &another, "its tls.crt and tls.key are not a pair"),
    ] {
        let secret = secret("1", &[("tls.crt", chain), ("tls.key", key)]);
        let why = why(&certificate(), &secret);
        assert!(why.starts_with(expected), "{why}");
        assert!(!why.contains("SECRET"));
    }
}

fn watch() -> Watch {
    Watch {
        _task: AbortOnDropHandle::new(tokio::spawn(async {})),
        seen: Seen::Unknown,
        good: BTreeMap::new(),
        wrong: BTreeMap::new(),
    }
}

#[tokio::test]
async fn what_was_good_is_served_until_there_is_better() {
    let (chain, key) = pair();
    let wanted = BTreeSet::from([certificate()]);
    let mut watch = watch();
    watch.judge(&wanted);
    assert!(watch.good.is_empty() && watch.wrong.is_empty(), "unknown");
    let good = secret("1", &[("tls.crt", &chain), ("tls.key", &key)]);
    watch.seen = Seen::There(Arc::new(good));
    watch.judge(&wanted);
    assert!(watch.wrong.is_empty());
    for seen in [
        Seen::Absent,
        Seen::Unreadable("403".into()),
        Seen::There(Arc::new(secret("2", &[]))),
    ] {
        watch.seen = seen;
        watch.judge(&wanted);
        assert_eq!(watch.wrong.len(), 1);
        assert_eq!(&**watch.good[&certificate()].version(), "uid-1");
    }
    watch.judge(&BTreeSet::from([roots()]));
    assert!(watch.good.is_empty(), "nobody wants it any more");
}
