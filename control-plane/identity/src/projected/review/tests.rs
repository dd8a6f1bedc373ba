use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::super::tests::{Cluster, KEYS, REVIEWS, Shared, Signer, good};
use super::super::{ProjectedTokens, ProofError, Verified};
use super::*;
use crate::testing::Answer;

/// A cluster whose keys may not be read.
fn cluster(review: fn(&Value) -> Answer) -> (Arc<ProjectedTokens>, Shared, Signer) {
    let signer = Signer::new("k1", Algorithm::ES256);
    let (tokens, cluster) = Cluster::with(Vec::new());
    cluster.lock().instead = Some(|| Answer::status(403, "Forbidden"));
    cluster.lock().review = review;
    (tokens, cluster, signer)
}

fn status() -> Value {
    let claims = good();
    let bound = &claims["kubernetes.io"];
    json!({
        "authenticated": true,
        "audiences": ["tulle"],
        "user": {
            "username": claims["sub"],
            "uid": bound["serviceaccount"]["uid"],
            "groups": ["system:serviceaccounts"],
            "extra": {
                "authentication.kubernetes.io/pod-name": [bound["pod"]["name"]],
                "authentication.kubernetes.io/pod-uid": [bound["pod"]["uid"]],
                "authentication.kubernetes.io/node-name": ["node-1"],
            }
        }
    })
}

fn says(status: Value) -> Answer {
    Answer::Json(
        201,
        json!({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {}, "spec": {}, "status": status}),
    )
}

fn accepts(review: &Value) -> Answer {
    assert_eq!(review["spec"]["audiences"], json!(["tulle"]));
    assert_eq!(review["kind"], "TokenReview");
    assert!(review["spec"]["token"].is_string());
    says(status())
}

fn away(_: &Value) -> Answer {
    Answer::Broken
}

fn refuses(_: &Value) -> Answer {
    says(json!({"authenticated": false, "error": "invalid bearer token"}))
}

async fn verify(tokens: &ProjectedTokens, token: &str) -> Result<Verified, ProofError> {
    tokens.verify(token, SystemTime::now()).await
}

fn later(seconds: u64) -> impl Future<Output = ()> {
    tokio::time::sleep(Duration::from_secs(seconds))
}

#[tokio::test(start_paused = true)]
async fn asked_once_a_minute() {
    let (tokens, cluster, signer) = cluster(accepts);
    let token = signer.sign(&good());
    let verified = verify(&tokens, &token).await.unwrap();
    assert_eq!(verified.pod_name, "front-6d4b75cb6d-hb9x8");
    assert_eq!(verified.node.as_deref(), Some("node-1"));
    for _ in 0..100 {
        assert_eq!(verify(&tokens, &token).await.unwrap(), verified);
    }
    assert_eq!(Cluster::asked(&cluster, REVIEWS), 1);
    later(61).await;
    verify(&tokens, &token).await.unwrap();
    assert_eq!(Cluster::asked(&cluster, REVIEWS), 2);
    // Keys are looked for now and then, not with each token.
    let looks = Cluster::asked(&cluster, "/.well-known/openid-configuration");
    assert!(looks <= 8, "{looks}");
    assert_eq!(Cluster::asked(&cluster, KEYS), 0);
}

#[tokio::test(start_paused = true)]
async fn keys_that_become_readable_are_used() {
    let (tokens, cluster, signer) = cluster(accepts);
    let token = signer.sign(&good());
    verify(&tokens, &token).await.unwrap();
    {
        let mut cluster = cluster.lock();
        cluster.instead = None;
        cluster.keys = vec![signer.jwk()];
        cluster.review = |_| panic!("no need to ask");
    }
    later(310).await;
    verify(&tokens, &token).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_question_at_a_time_for_a_token() {
    let (tokens, cluster, signer) =
        cluster(|review| Answer::Late(Duration::from_millis(500), Box::new(accepts(review))));
    let token = signer.sign(&good());
    let all: Vec<_> = (0..200)
        .map(|_| {
            let (tokens, token) = (tokens.clone(), token.clone());
            tokio::spawn(async move { verify(&tokens, &token).await })
        })
        .collect();
    for one in all {
        one.await.unwrap().unwrap();
    }
    assert_eq!(Cluster::asked(&cluster, REVIEWS), 1);
    // Who leaves early still has the answer remembered.
    let token = signer.sign(&good());
    let asked = tokio::time::timeout(Duration::from_millis(1), verify(&tokens, &token)).await;
    assert!(asked.is_err());
    later(1).await;
    verify(&tokens, &token).await.unwrap();
    assert_eq!(Cluster::asked(&cluster, REVIEWS), 2);
}

#[tokio::test(start_paused = true)]
async fn more_than_is_healthy_are_turned_away() {
    let (tokens, cluster, signer) =
        cluster(|review| Answer::Late(Duration::from_secs(2), Box::new(accepts(review))));
    verify(&tokens, &signer.sign(&good())).await.unwrap();
    let forged: Vec<_> = (0..MAX_WAITING + 100)
        .map(|n| {
            let mut claims = good();
            claims["jti"] = json!(n);
            let (tokens, token) = (tokens.clone(), signer.sign(&claims));
            tokio::spawn(async move { verify(&tokens, &token).await })
        })
        .collect();
    later(1).await;
    let under_way = Cluster::asked(&cluster, REVIEWS);
    assert!(under_way <= 1 + LANES, "{under_way}");
    let mut busy = 0;
    for one in forged {
        match one.await.unwrap() {
            Ok(_) => {}
            Err(ProofError::Busy) => busy += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(busy, 100);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_remembered_for_seconds() {
    let (tokens, cluster, signer) = cluster(refuses);
    let token = signer.sign(&good());
    for _ in 0..50 {
        assert_eq!(verify(&tokens, &token).await, Err(ProofError::Refused));
    }
    assert_eq!(Cluster::asked(&cluster, REVIEWS), 1);
    cluster.lock().review = accepts;
    later(6).await;
    verify(&tokens, &token).await.unwrap();
    // Deleted: at most a minute later it is good no more, whatever was remembered, also if the API server is away next.
    cluster.lock().review = refuses;
    later(61).await;
    assert_eq!(verify(&tokens, &token).await, Err(ProofError::Refused));
    cluster.lock().review = away;
    later(6).await;
    assert!(verify(&tokens, &token).await.unwrap_err().is_temporary());
}

#[tokio::test(start_paused = true)]
async fn while_the_api_server_is_away_five_minutes() {
    let (tokens, cluster, signer) = cluster(accepts);
    let token = signer.sign(&good());
    verify(&tokens, &token).await.unwrap();
    let ways: [fn(&Value) -> Answer; 4] = [
        away,
        |_| Answer::status(503, "ServiceUnavailable"),
        |_| Answer::status(403, "Forbidden"),
        |_| Answer::Text(200, "<html>".into()),
    ];
    for (n, way) in ways.into_iter().enumerate() {
        cluster.lock().review = way;
        later(65).await;
        verify(&tokens, &token)
            .await
            .unwrap_or_else(|e| panic!("{n}: {e}"));
        // One that was never proven is not admitted.
        let mut claims = good();
        claims["jti"] = json!(n);
        let error = verify(&tokens, &signer.sign(&claims)).await.unwrap_err();
        assert!(matches!(error, ProofError::Unavailable(_)), "{error}");
    }
    later(60).await;
    assert!(verify(&tokens, &token).await.unwrap_err().is_temporary());
    // Never longer than the token itself.
    cluster.lock().review = accepts;
    let mut claims = good();
    claims["exp"] = json!(crate::issuer::unix(SystemTime::now()) + 30);
    let brief = signer.sign(&claims);
    verify(&tokens, &brief).await.unwrap();
    let then = SystemTime::now() + Duration::from_secs(50);
    assert_eq!(
        tokens.verify(&brief, then).await,
        Err(ProofError::Token(TokenFault::Expired))
    );
}

#[tokio::test(start_paused = true)]
async fn answers_that_prove_nothing() {
    let pod = |key: &str, value: Value| {
        let key = format!("authentication.kubernetes.io/{key}");
        let mut status = status();
        let extra = status["user"]["extra"].as_object_mut().unwrap();
        match value {
            Value::Null => extra.remove(&key),
            value => extra.insert(key, value),
        };
        status
    };
    let user = |key: &str, value: Value| {
        let mut status = status();
        status["user"][key] = value;
        status
    };
    let top = |key: &str, value: Value| {
        let mut status = status();
        status[key] = value;
        status
    };
    let claimed = || {
        let signer = Signer::new("k", Algorithm::ES256);
        let token = signer.sign(&good());
        let shape = Shape::of(&token).unwrap();
        let claims = shape.unproven_claims().unwrap();
        claims.verified(SystemTime::now()).unwrap()
    };
    let judged = |status: Value| {
        let review = json!({"metadata": {}, "spec": {}, "status": status});
        judge(serde_json::from_value(review).unwrap(), claimed())
    };
    judged(status()).unwrap();
    use ProofError as E;
    for (status, wanted) in [
        (json!({}), E::Refused),
        (top("authenticated", json!(false)), E::Refused),
        (top("error", json!("token expired")), E::Refused),
        (top("user", Value::Null), E::Refused),
        (top("audiences", json!([])), E::Token(TokenFault::Audience)),
        (
            top("audiences", Value::Null),
            E::Token(TokenFault::Audience),
        ),
        (
            top("audiences", json!(["https://kubernetes"])),
            E::Token(TokenFault::Audience),
        ),
        (
            user("username", json!("system:serviceaccount:shop:back")),
            E::Subject,
        ),
        (user("username", json!("system:node:node-1")), E::Subject),
        (user("uid", json!("another")), E::Subject),
        (user("uid", Value::Null), E::Subject),
        (user("extra", Value::Null), E::Unbound),
        (pod("pod-name", json!([])), E::Unbound),
        (pod("pod-name", json!(["a", "b"])), E::Unbound),
        (pod("pod-uid", json!([""])), E::Unbound),
        (pod("pod-uid", Value::Null), E::Unbound),
        (pod("pod-uid", json!(["another"])), E::Subject),
        (pod("pod-name", json!(["another"])), E::Subject),
        (pod("node-name", json!(["a/b"])), E::Subject),
    ] {
        assert_eq!(judged(status.clone()), Err(wanted), "{status}");
    }
    assert_eq!(judged(pod("node-name", Value::Null)).unwrap().node, None);
}

#[tokio::test(start_paused = true)]
async fn junk_is_not_asked_about() {
    let (tokens, cluster, signer) = cluster(|_| panic!("asked"));
    let mut other = good();
    other["aud"] = json!(["x"]);
    let mut old = good();
    old["exp"] = json!(7);
    let mut unbound = good();
    unbound["kubernetes.io"]["pod"] = Value::Null;
    for (claims, wanted) in [
        (other, ProofError::Token(TokenFault::Audience)),
        (old, ProofError::Token(TokenFault::Expired)),
        (unbound, ProofError::Unbound),
    ] {
        assert_eq!(verify(&tokens, &signer.sign(&claims)).await, Err(wanted));
    }
    assert_eq!(Cluster::asked(&cluster, REVIEWS), 0);
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded() {
    let mut remembered = Remembered::new(100);
    let sum = |n: u64| hash::sha256(&n.to_be_bytes());
    for n in 0..10_000 {
        remembered.put(sum(n), n);
        assert!(remembered.answers.len() <= 100 && remembered.order.len() <= 100);
    }
    assert_eq!(remembered.get(&sum(9_999), GOOD), Some(9_999));
    assert_eq!(remembered.get(&sum(9_000), GOOD), None);
    // The same one again and again pushes nobody out of its place for good.
    for _ in 0..1_000 {
        remembered.put(sum(1), 1);
    }
    assert_eq!(remembered.get(&sum(1), GOOD), Some(1));
    assert!(remembered.order.len() <= 100);
    later(400).await;
    remembered.put(sum(2), 2);
    assert_eq!(remembered.answers.len(), 1);
}

use std::time::SystemTime;
