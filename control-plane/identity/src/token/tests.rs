use jsonwebtoken::{EncodingKey, encode};
use serde_json::{Value, json};

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn claims() -> ProxyClaims {
    ProxyClaims {
        proxy: "virtualnode/shop/front".parse().unwrap(),
        capture: "loopback=127.80.1.0/29".parse().unwrap(),
    }
}

fn issuer() -> TokenIssuer {
    TokenIssuer::open(None, &TrustDomain::default()).unwrap()
}

/// Signs any claims with the issuer's own key.
fn forge(issuer: &TokenIssuer, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
    let keys = issuer.keys.read();
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(keys.signer().id().to_owned());
    change(&mut header);
    encode(&header, claims, &keys.signer().encoding()).unwrap()
}

fn good() -> Value {
    let now = now();
    json!({
        "iss": "tulle/cluster.local", "aud": "tulle", "sub": "virtualnode/shop/front", "iat": now, "nbf": now, "exp": now + 60,
        "jti": "x", "tulle.dev": {"capture": "transparent"}
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = good();
    claims[key] = value;
    claims
}

fn without(key: &str) -> Value {
    let mut claims = good();
    claims.as_object_mut().unwrap().remove(key);
    claims
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = |i: usize| {
        (0..6).fold(0, |n, j| {
            n << 1
                | bytes
                    .get((i + j) / 8)
                    .map_or(0, |b| usize::from(b >> (7 - (i + j) % 8) & 1))
        })
    };
    (0..bytes.len() * 8)
        .step_by(6)
        .map(|i| char::from(ALPHABET[bits(i)]))
        .collect()
}

#[test]
fn what_is_issued_is_verified() {
    let issuer = issuer();
    let token = issuer.issue(&claims(), HOUR).unwrap();
    assert!(token.len() < 800, "{}", token.len());
    let (verified, end) = issuer.verify_until(&token).unwrap();
    assert_eq!(verified, claims());
    let left = end.duration_since(SystemTime::now()).unwrap();
    assert!(left > HOUR - Duration::from_secs(10) && left <= HOUR);
    assert_ne!(token, issuer.issue(&claims(), HOUR).unwrap());
    assert!(
        issuer.verify(&forge(&issuer, &good(), |_| {})).is_ok(),
        "the forger of these tests is able"
    );
    assert!(matches!(
        issuer.issue(&claims(), Duration::ZERO),
        Err(TokenError::Lifetime(_))
    ));
    assert!(matches!(
        issuer.issue(&claims(), MAX_LIFETIME + HOUR),
        Err(TokenError::Lifetime(_))
    ));
}

#[test]
fn every_changed_byte_is_noticed() {
    let issuer = issuer();
    let token = issuer.issue(&claims(), HOUR).unwrap();
    for i in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(issuer.verify(&changed).is_err(), "byte {i}");
    }
    for cut in [1, 10, token.len() / 2, token.len() - 1] {
        assert!(issuer.verify(&token[..cut]).is_err());
    }
    for junk in ["", ".", "..", "...", "a.b.c", "é.é.é"] {
        assert!(issuer.verify(junk).is_err());
    }
    assert!(matches!(
        issuer.verify(&"a".repeat(5000)),
        Err(TokenError::Token(TokenFault::TooLong))
    ));
}

#[test]
fn only_our_algorithm() {
    let issuer = issuer();
    let kid = issuer.keys.read().signer().id().to_owned();

    let part = |value: &Value| base64url(value.to_string().as_bytes());
    let none = format!(
        "{}.{}.",
        part(&json!({"alg": "none", "typ": "JWT", "kid": kid})),
        part(&good())
    );
    assert!(
        matches!(
            issuer.verify(&none),
            Err(TokenError::Token(TokenFault::Algorithm))
        ),
        "{:?}",
        issuer.verify(&none)
    );

    // The classic: the public key, known to everybody, taken as the secret of an HMAC.
    let public = issuer.keys.read().verifier(&kid, now()).unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(kid.clone());
    let confused = encode(
        &header,
        &good(),
        &EncodingKey::from_secret(public.try_get_as_bytes().unwrap()),
    )
    .unwrap();
    assert!(matches!(
        issuer.verify(&confused),
        Err(TokenError::Token(TokenFault::Algorithm))
    ));
}

#[test]
fn only_our_header() {
    let issuer = issuer();
    let other = self::issuer();
    assert!(matches!(
        issuer.verify(&other.issue(&claims(), HOUR).unwrap()),
        Err(TokenError::Token(TokenFault::UnknownKey))
    ));
    let kid = issuer.keys.read().signer().id().to_owned();
    assert!(matches!(
        issuer.verify(&forge(&other, &good(), |h| h.kid = Some(kid))),
        Err(TokenError::Token(TokenFault::Signature))
    ));
    assert!(matches!(
        issuer.verify(&forge(&issuer, &good(), |h| h.kid = None)),
        Err(TokenError::Token(TokenFault::UnknownKey))
    ));
    for change in [
        (|h: &mut Header| h.jku = Some("http://evil.example".into())) as fn(&mut Header),
        |h| h.x5u = Some("http://evil.example".into()),
        |h| h.crit = Some(vec!["x".into()]),
        |h| h.typ = Some("at+jwt".into()),
    ] {
        assert!(matches!(
            issuer.verify(&forge(&issuer, &good(), change)),
            Err(TokenError::Token(TokenFault::Malformed))
        ));
    }
}

#[test]
fn only_our_claims() {
    let issuer = issuer();
    let now = now();
    let verify = |claims: Value| issuer.verify(&forge(&issuer, &claims, |_| {})).unwrap_err();
    assert!(matches!(
        verify(with("aud", json!("kubernetes"))),
        TokenError::Token(TokenFault::Audience)
    ));
    assert!(matches!(
        verify(with("aud", json!(["tulle", "kubernetes"]))),
        TokenError::Token(TokenFault::Malformed)
    ));
    assert!(matches!(
        verify(with("iss", json!("tulle/other"))),
        TokenError::Token(TokenFault::Issuer)
    ));
    assert!(matches!(
        verify(with("exp", json!(now - 31))),
        TokenError::Token(TokenFault::Expired)
    ));
    assert!(matches!(
        verify(with("exp", json!(now + MAX_LIFETIME.as_secs() + 60))),
        TokenError::Token(TokenFault::Malformed)
    ));
    assert!(matches!(
        verify(with("nbf", json!(now + 120))),
        TokenError::Token(TokenFault::NotYetValid)
    ));
    assert!(matches!(
        verify(with("sub", json!("admin"))),
        TokenError::Claims(_)
    ));
    assert!(matches!(
        verify(with("tulle.dev", json!({"capture": "all"}))),
        TokenError::Claims(_)
    ));
    for name in ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "tulle.dev"] {
        assert!(
            matches!(
                verify(without(name)),
                TokenError::Token(TokenFault::Malformed)
            ),
            "{name}"
        );
    }
}

#[test]
fn expired_token_of_our_own() {
    let issuer = issuer();
    let token = issuer
        .issue_at(&claims(), HOUR, now() - 3600 - LEEWAY.as_secs() - 2)
        .unwrap();
    assert!(matches!(
        issuer.verify(&token),
        Err(TokenError::Token(TokenFault::Expired))
    ));
    let token = issuer.issue_at(&claims(), HOUR, now() - 3600 - 5).unwrap();
    assert!(issuer.verify(&token).is_ok(), "clocks may differ a little");
}

#[test]
fn keys_survive_restart_and_rotation() {
    let top = tempfile::tempdir().unwrap();
    let open = || {
        let state = StateDirectory::open(&top.path().join("state")).unwrap();
        TokenIssuer::open(Some(state), &TrustDomain::default()).unwrap()
    };
    let serving = open();
    let first = serving.issue(&claims(), HOUR).unwrap();
    let bootstrap = open();
    assert!(bootstrap.verify(&first).is_ok());

    bootstrap.rotate().unwrap();
    let second = bootstrap.issue(&claims(), HOUR).unwrap();
    assert_ne!(
        bootstrap.keys.read().signer().id(),
        serving.keys.read().signer().id()
    );
    assert!(
        serving.verify(&second).is_ok(),
        "a running process finds the key that another made"
    );
    assert!(
        bootstrap.verify(&first).is_ok(),
        "the old key still verifies"
    );
    assert!(open().verify(&first).is_ok());

    let late = now() + MAX_LIFETIME.as_secs() + 1;
    let ring = keys::open(
        &StateDirectory::open(&top.path().join("state")).unwrap(),
        late,
        u64::MAX,
        true,
    )
    .unwrap();
    let old = jsonwebtoken::decode_header(&first).unwrap().kid.unwrap();
    assert!(
        ring.verifier(&old, late).is_none(),
        "and is forgotten when all its tokens have ended"
    );
}

#[test]
fn in_memory_rotation_keeps_old_tokens() {
    let issuer = issuer();
    let token = issuer.issue(&claims(), HOUR).unwrap();
    issuer.rotate().unwrap();
    assert!(issuer.verify(&token).is_ok());
    assert!(
        issuer
            .verify(&issuer.issue(&claims(), HOUR).unwrap())
            .is_ok()
    );
}

#[test]
fn racing_creators_agree() {
    let top = tempfile::tempdir().unwrap();
    let issuers: Vec<_> = std::thread::scope(|scope| {
        let opening: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let state = StateDirectory::open(&top.path().join("state")).unwrap();
                    TokenIssuer::open(Some(state), &TrustDomain::default()).unwrap()
                })
            })
            .collect();
        opening
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let ids: std::collections::BTreeSet<_> = issuers
        .iter()
        .map(|i| i.keys.read().signer().id().to_owned())
        .collect();
    assert_eq!(ids.len(), 1);
}

#[test]
fn damage_is_named_and_keys_are_not_printed() {
    let top = tempfile::tempdir().unwrap();
    let state = StateDirectory::open(&top.path().join("state")).unwrap();
    let issuer = TokenIssuer::open(Some(state.clone()), &TrustDomain::default()).unwrap();
    assert!(!format!("{issuer:?}").contains("PRIVATE"));
    for bytes in [
        &b"{}"[..],
        b"junk",
        br#"{"keys":[]}"#,
        br#"{"keys":[{"created":1,"pkcs8":"x"}]}"#,
    ] {
        state
            .lock()
            .unwrap()
            .write("token-keys.json", &crate::Secret::new(bytes.to_vec()))
            .unwrap();
        let error = TokenIssuer::open(Some(state.clone()), &TrustDomain::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains("token-keys.json"), "{error}");
    }
}
