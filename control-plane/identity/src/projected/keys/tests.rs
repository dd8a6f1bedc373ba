use std::time::SystemTime;

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::super::tests::{Cluster, KEYS, Signer, good};
use super::super::{ProjectedTokens, ProofError};
use crate::fault::TokenFault;
use crate::testing::Answer;

async fn verify(tokens: &ProjectedTokens, token: &str) -> Result<(), ProofError> {
    tokens.verify(token, SystemTime::now()).await.map(drop)
}

fn later(seconds: u64) -> impl Future<Output = ()> {
    tokio::time::sleep(std::time::Duration::from_secs(seconds))
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_fetched_when_first_seen() {
    let (one, two) = (
        Signer::new("one", Algorithm::ES256),
        Signer::new("two", Algorithm::ES256),
    );
    let (tokens, cluster) = Cluster::with(vec![one.jwk()]);
    verify(&tokens, &one.sign(&good())).await.unwrap();
    cluster.lock().keys.push(two.jwk());
    // Just looked: not again so soon.
    assert_eq!(
        verify(&tokens, &two.sign(&good())).await,
        Err(ProofError::Token(TokenFault::UnknownKey))
    );
    later(6).await;
    verify(&tokens, &two.sign(&good())).await.unwrap();
    assert_eq!(Cluster::asked(&cluster, KEYS), 2);
    // A key that is published no more is good no more.
    cluster.lock().keys.remove(0);
    later(310).await;
    assert_eq!(
        verify(&tokens, &one.sign(&good())).await,
        Err(ProofError::Token(TokenFault::UnknownKey))
    );
    verify(&tokens, &two.sign(&good())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_unknown_keys_costs_one_call() {
    let (one, stranger) = (
        Signer::new("one", Algorithm::ES256),
        Signer::new("stranger", Algorithm::ES256),
    );
    let (tokens, cluster) = Cluster::with(vec![one.jwk()]);
    verify(&tokens, &one.sign(&good())).await.unwrap();
    let token = stranger.sign(&good());
    for round in 0..5 {
        later(6).await;
        let storm: Vec<_> = (0..200)
            .map(|_| {
                let (tokens, token) = (tokens.clone(), token.clone());
                tokio::spawn(async move { verify(&tokens, &token).await })
            })
            .collect();
        for one in storm {
            assert_eq!(
                one.await.unwrap(),
                Err(ProofError::Token(TokenFault::UnknownKey))
            );
        }
        assert_eq!(Cluster::asked(&cluster, KEYS), 2 + round);
    }
}

#[tokio::test(start_paused = true)]
async fn keys_stay_while_the_api_server_is_away() {
    let (one, two) = (
        Signer::new("one", Algorithm::ES256),
        Signer::new("two", Algorithm::ES256),
    );
    let (tokens, cluster) = Cluster::with(vec![one.jwk()]);
    verify(&tokens, &one.sign(&good())).await.unwrap();
    for away in [
        (|| Answer::Broken) as fn() -> Answer,
        || Answer::status(500, "InternalError"),
        || Answer::status(429, "TooManyRequests"),
        || Answer::Text(200, "<html>".into()),
        || Answer::ok(json!({"issuer": "x", "keys": []})),
    ] {
        cluster.lock().instead = Some(away);
        later(3600).await;
        verify(&tokens, &one.sign(&good())).await.unwrap();
        let error = verify(&tokens, &two.sign(&good())).await.unwrap_err();
        assert!(matches!(error, ProofError::Unavailable(_)), "{error}");
        assert!(error.is_temporary());
    }
    let asked = Cluster::asked(&cluster, "/.well-known/openid-configuration");
    assert!(asked < 5 * 150, "{asked} calls in five hours");
    cluster.lock().instead = None;
    cluster.lock().keys.push(two.jwk());
    later(31).await;
    verify(&tokens, &two.sign(&good())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_passes_hurts_nobody_and_one_that_stays_counts() {
    let one = Signer::new("one", Algorithm::ES256);
    let (tokens, cluster) = Cluster::with(vec![one.jwk()]);
    cluster.lock().review = |_| Answer::status(403, "Forbidden");
    verify(&tokens, &one.sign(&good())).await.unwrap();
    // Its own permissions are not loaded yet, or ours have just ended.
    for refusal in [
        (|| Answer::status(403, "Forbidden")) as fn() -> Answer,
        || Answer::status(401, "Unauthorized"),
    ] {
        cluster.lock().instead = Some(refusal);
        later(1200).await;
        verify(&tokens, &one.sign(&good())).await.unwrap();
        cluster.lock().instead = None;
        later(310).await;
        verify(&tokens, &one.sign(&good())).await.unwrap();
    }
    cluster.lock().instead = Some(|| Answer::status(403, "Forbidden"));
    later(4500).await;
    let error = verify(&tokens, &one.sign(&good())).await.unwrap_err();
    assert!(error.is_temporary(), "asked now, and refused: {error}");
    cluster.lock().instead = None;
    later(310).await;
    verify(&tokens, &one.sign(&good())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_first_ones_wait_for_the_first_fetch() {
    let one = Signer::new("one", Algorithm::ES256);
    let (tokens, cluster) = Cluster::with(vec![one.jwk()]);
    cluster.lock().instead =
        Some(|| Answer::Late(std::time::Duration::from_secs(2), Box::new(Answer::Broken)));
    let error = verify(&tokens, &one.sign(&good())).await.unwrap_err();
    assert!(error.is_temporary());
    cluster.lock().instead = None;
    later(5).await;
    verify(&tokens, &one.sign(&good())).await.unwrap();
    // One that answers nothing at all.
    let (tokens, cluster) = Cluster::with(vec![one.jwk()]);
    cluster.lock().instead = Some(|| {
        Answer::Late(
            std::time::Duration::from_secs(3600),
            Box::new(Answer::Broken),
        )
    });
    let begin = tokio::time::Instant::now();
    let error = verify(&tokens, &one.sign(&good())).await.unwrap_err();
    assert!(error.to_string().contains("no answer within"), "{error}");
    assert!(begin.elapsed() < std::time::Duration::from_secs(25));
}

#[tokio::test(start_paused = true)]
async fn another_issuer_is_followed() {
    let one = Signer::new("one", Algorithm::ES256);
    let (tokens, cluster) = Cluster::with(vec![one.jwk()]);
    verify(&tokens, &one.sign(&good())).await.unwrap();
    cluster.lock().issuer = "https://new.example";
    later(310).await;
    assert_eq!(
        verify(&tokens, &one.sign(&good())).await,
        Err(ProofError::Token(TokenFault::Issuer))
    );
    let mut claims = good();
    claims["iss"] = json!("https://new.example");
    verify(&tokens, &one.sign(&claims)).await.unwrap();
}

#[test]
fn keys_of_odd_kinds_are_left_to_others() {
    let (ec, p384) = (
        Signer::new("ec", Algorithm::ES256).jwk(),
        Signer::new("p384", Algorithm::ES384).jwk(),
    );
    let rsa = Signer::new("rsa", Algorithm::RS256).jwk();
    let usable = |value: &Value| read(value.clone()).map(|(_, key)| key.is_some());
    let with = |value: &Value, key: &str, to: Value| {
        let mut value = value.clone();
        value[key] = to;
        value
    };
    for good in [&ec, &p384, &rsa, &with(&rsa, "alg", json!("RS512"))] {
        assert_eq!(usable(good), Some(true), "{good}");
    }
    let bare = |value: &Value| {
        let mut value = value.clone();
        value.as_object_mut().unwrap().remove("alg");
        value.as_object_mut().unwrap().remove("use");
        value
    };
    for good in [bare(&ec), bare(&p384), bare(&rsa)] {
        assert_eq!(usable(&good), Some(true), "{good}");
    }
    for odd in [
        with(&ec, "use", json!("enc")),
        with(&ec, "alg", json!("RS256")),
        with(&ec, "alg", json!("HS256")),
        with(&rsa, "alg", json!("HS256")),
        with(&rsa, "alg", json!("RSA-OAEP")),
        with(&ec, "crv", json!("P-521")),
        with(&ec, "x", json!("!")),
        json!({"kid": "x", "kty": "oct", "alg": "HS256", "k": "AAAA"}),
        json!({"kid": "x"}),
        json!({"kid": "x", "kty": 7}),
    ] {
        assert_eq!(usable(&odd), Some(false), "{odd}");
    }
    for nameless in [json!({}), json!(7), json!({"kid": 7}), json!(null)] {
        assert_eq!(usable(&nameless), None);
    }
}

use super::read;
