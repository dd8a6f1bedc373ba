use super::*;
use crate::testing::UsersCa;

const LEAF: Duration = Duration::from_secs(3600);

fn now() -> SystemTime {
    from_unix(unix(SystemTime::now()))
}

fn root(from: SystemTime, days: u64) -> CaSlot {
    let lifetime = Duration::from_secs(days * 86_400);
    CaSlot::make(&TrustDomain::default(), from, lifetime, LEAF).unwrap()
}

fn secret(state: &CaState) -> Secret {
    Secret {
        data: Some(write_state(state)),
        ..Secret::default()
    }
}

fn read(secret: &Secret) -> Result<CaState, SecretFormError> {
    read_state(secret, &TrustDomain::default(), SystemTime::now())
}

#[test]
fn every_stage_is_kept() {
    let users = UsersCa::new(rcgen::KeyPair::generate().unwrap()).slot();
    let (one, since) = (root(now(), 100), now());
    let phases = [
        Phase::Stable,
        Phase::Prepare {
            next: users.clone(),
            since,
        },
        Phase::Activate {
            previous: users.clone(),
            since,
        },
        Phase::Retire {
            previous: users,
            since,
        },
    ];
    for phase in phases {
        let state = CaState {
            signer: one.clone(),
            phase,
            hold_until: Some(since),
        };
        let kept = secret(&state);
        assert_eq!(read(&kept).unwrap(), state);
        assert_eq!(
            kept.data.unwrap()["ca.crt"].0,
            state.bundle().pem().as_bytes()
        );
    }
}

#[test]
fn damage_is_named_by_key() {
    let state = CaState::new(root(now(), 100));
    let id = state.signer().generation().clone();
    let good = secret(&state);
    for (key, bytes, part) in [
        ("state.json".to_owned(), None, "is missing"),
        ("state.json".to_owned(), Some("{"), "cannot be read"),
        (
            "state.json".to_owned(),
            Some(
                r#"{"format":2,"stage":"stable","signer":{"id":"x","origin":"tulle","leafLifetimeSeconds":1}}"#,
            ),
            "format",
        ),
        (format!("ca-{id}.key"), None, "is missing"),
        (format!("ca-{id}.key"), Some("x"), "no private key"),
        (format!("ca-{id}.crt"), Some("x"), "no certificate"),
        (format!("ca-{id}.roots.crt"), Some("x"), "no certificate"),
    ] {
        let mut bad = good.clone();
        let data = bad.data.as_mut().unwrap();
        match bytes {
            None => data.remove(&key),
            Some(bytes) => data.insert(key.clone(), ByteString(bytes.as_bytes().to_vec())),
        };
        let error = read(&bad).unwrap_err();
        assert_eq!(error.key, key);
        assert!(error.to_string().contains(part), "{error}");
        assert!(error.to_string().contains("tulle-ca"), "{error}");
    }
    let error = read_state(&good, &"other.example".parse().unwrap(), now()).unwrap_err();
    assert!(error.why.contains("trust domain"), "{error}");
    assert!(read(&Secret::default()).is_err());
    // A stage that does not fit.
    let mut bad = good;
    let data = bad.data.as_mut().unwrap();
    let text = String::from_utf8(data["state.json"].0.clone()).unwrap();
    let text = text.replace("stable", "prepare");
    data.insert("state.json".to_owned(), ByteString(text.into_bytes()));
    assert!(read(&bad).unwrap_err().why.contains("fit together"));
}

#[test]
fn one_that_has_ended_hinders_nobody() {
    let long_ago = now() - Duration::from_secs(200 * 86_400);
    let state = CaState {
        signer: root(now(), 100),
        phase: Phase::Retire {
            previous: root(long_ago, 100),
            since: long_ago,
        },
        hold_until: None,
    };
    let read = read(&secret(&state)).unwrap();
    assert_eq!(read.phase(), &Phase::Stable);
    assert_eq!(read.signer(), state.signer());
}
