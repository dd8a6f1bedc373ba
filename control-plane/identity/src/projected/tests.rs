use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use parking_lot::Mutex;
use rcgen::{KeyPair, SignatureAlgorithm};
use serde_json::{Value, json};

use super::*;
use crate::issuer::unix;
use crate::testing::{Answer, Call, Log, api_server};

pub(super) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// A key that signs tokens.
pub(super) struct Signer {
    pub(super) id: &'static str,
    pub(super) algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    pub(super) fn new(id: &'static str, algorithm: Algorithm) -> Self {
        let kind: &'static SignatureAlgorithm = match algorithm {
            Algorithm::ES256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Algorithm::ES384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            _ => &rcgen::PKCS_RSA_SHA256,
        };
        let pem = KeyPair::generate_for(kind).unwrap().serialize_pem();
        let key = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(pem.as_bytes()),
            _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
        };
        Self {
            id,
            algorithm,
            key: key.unwrap(),
        }
    }

    pub(super) fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.to_owned());
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["use"] = json!("sig");
        jwk
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        self.sign_with(claims, |_| {})
    }

    fn sign_with(&self, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
        let mut header = Header::new(self.algorithm);
        // As Kubernetes writes it.
        header.typ = None;
        header.kid = Some(self.id.to_owned());
        change(&mut header);
        encode(&header, claims, &self.key).unwrap()
    }
}

pub(super) fn good() -> Value {
    let now = unix(SystemTime::now());
    json!({
        "aud": ["tulle"], "exp": now + 3607, "iat": now, "nbf": now, "iss": ISSUER, "jti": "dd2b2d0f",
        "kubernetes.io": {
            "namespace": "shop",
            "node": {"name": "node-1", "uid": "3e0b"},
            "pod": {"name": "front-6d4b75cb6d-hb9x8", "uid": "b5a5f6a0-5a0e-4a3f-a3dd-2ec2b1d6c1f2"},
            "serviceaccount": {"name": "front", "uid": "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"}
        },
        "sub": "system:serviceaccount:shop:front"
    })
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = good();
    change(&mut claims);
    claims
}

/// An API server that publishes keys.
pub(super) struct Cluster {
    pub(super) issuer: &'static str,
    pub(super) keys: Vec<Value>,
    /// In place of keys.
    pub(super) instead: Option<fn() -> Answer>,
    pub(super) review: fn(&Value) -> Answer,
    pub(super) asked: BTreeMap<String, usize>,
}

pub(super) type Shared = Arc<Mutex<Cluster>>;

impl Cluster {
    pub(super) fn with(keys: Vec<Value>) -> (Arc<ProjectedTokens>, Shared) {
        let cluster = Arc::new(Mutex::new(Self {
            issuer: ISSUER,
            keys,
            instead: None,
            review: |_| panic!("nobody asks about a token whose key is known"),
            asked: BTreeMap::new(),
        }));
        let served = Arc::clone(&cluster);
        let (client, _) = api_server(move |call| served.lock().answer(call));
        (ProjectedTokens::start(client), cluster)
    }

    fn answer(&mut self, call: &Call) -> Answer {
        *self.asked.entry(call.path.clone()).or_default() += 1;
        match (call.path.as_str(), self.instead) {
            ("/apis/authentication.k8s.io/v1/tokenreviews", _) => {
                (self.review)(&serde_json::from_slice(&call.body).unwrap())
            }
            (_, Some(instead)) => instead(),
            ("/.well-known/openid-configuration", None) => Answer::ok(
                json!({"issuer": self.issuer, "jwks_uri": "https://elsewhere.example/keys"}),
            ),
            ("/openid/v1/jwks", None) => Answer::ok(json!({"keys": self.keys})),
            (path, _) => panic!("{path} is not asked for"),
        }
    }

    pub(super) fn asked(cluster: &Shared, path: &str) -> usize {
        cluster.lock().asked.get(path).copied().unwrap_or(0)
    }
}

pub(super) const KEYS: &str = "/openid/v1/jwks";
pub(super) const REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

async fn verify(tokens: &ProjectedTokens, token: &str) -> Result<Verified, ProofError> {
    tokens.verify(token, SystemTime::now()).await
}

#[tokio::test]
async fn every_kind_of_key_that_clusters_have() {
    for algorithm in [
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::PS256,
    ] {
        let signer = Signer::new("k1", algorithm);
        let (tokens, cluster) = Cluster::with(vec![signer.jwk()]);
        let claims = good();
        let verified = verify(&tokens, &signer.sign(&claims)).await.unwrap();
        assert_eq!(
            verified,
            Verified {
                namespace: "shop".into(),
                service_account: "front".into(),
                service_account_uid: "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798".into(),
                pod_name: "front-6d4b75cb6d-hb9x8".into(),
                pod_uid: "b5a5f6a0-5a0e-4a3f-a3dd-2ec2b1d6c1f2".into(),
                node: Some("node-1".into()),
                expires: SystemTime::UNIX_EPOCH
                    + Duration::from_secs(claims["exp"].as_u64().unwrap()),
            }
        );
        // A thousand streams cost the API server nothing more.
        for _ in 0..20 {
            verify(&tokens, &signer.sign(&good())).await.unwrap();
        }
        assert_eq!(Cluster::asked(&cluster, KEYS), 1);
        // Older clusters name no node.
        let old = with(|c| drop(c["kubernetes.io"].as_object_mut().unwrap().remove("node")));
        assert_eq!(
            verify(&tokens, &signer.sign(&old)).await.unwrap().node,
            None
        );
        let single = with(|c| c["aud"] = json!("tulle"));
        verify(&tokens, &signer.sign(&single)).await.unwrap();
        let several = with(|c| c["aud"] = json!(["a", "tulle"]));
        verify(&tokens, &signer.sign(&several)).await.unwrap();
    }
}

#[tokio::test]
async fn claims_that_prove_nothing() {
    let signer = Signer::new("k1", Algorithm::ES256);
    let (tokens, _) = Cluster::with(vec![signer.jwk()]);
    let now = unix(SystemTime::now());
    let bound = |path: &'static str, value: Value| {
        with(move |c| *c["kubernetes.io"].pointer_mut(path).unwrap() = value)
    };
    let without = |key: &'static str| with(move |c| drop(c.as_object_mut().unwrap().remove(key)));
    let without_bound = |key: &'static str| {
        with(move |c| {
            c["kubernetes.io"].as_object_mut().unwrap().remove(key);
        })
    };
    use ProofError as E;
    let cases = [
        (
            with(|c| c["iss"] = json!("https://evil.example")),
            E::Token(TokenFault::Issuer),
        ),
        (
            with(|c| c["iss"] = json!("kubernetes/serviceaccount")),
            E::Token(TokenFault::Issuer),
        ),
        (
            with(|c| c["aud"] = json!(["https://kubernetes.default.svc"])),
            E::Token(TokenFault::Audience),
        ),
        (
            with(|c| c["aud"] = json!([])),
            E::Token(TokenFault::Audience),
        ),
        (
            with(|c| c["aud"] = json!("tulle-x")),
            E::Token(TokenFault::Audience),
        ),
        (without("aud"), E::Token(TokenFault::Malformed)),
        (without("iss"), E::Token(TokenFault::Malformed)),
        (without("exp"), E::Token(TokenFault::Malformed)),
        (without("nbf"), E::Token(TokenFault::Malformed)),
        (without("sub"), E::Token(TokenFault::Malformed)),
        (
            with(|c| c["exp"] = json!("never")),
            E::Token(TokenFault::Malformed),
        ),
        (
            with(|c| c["exp"] = json!(-1)),
            E::Token(TokenFault::Malformed),
        ),
        (
            with(|c| c["exp"] = json!(now - 11)),
            E::Token(TokenFault::Expired),
        ),
        (with(|c| c["exp"] = json!(0)), E::Token(TokenFault::Expired)),
        (
            with(|c| c["nbf"] = json!(now + 60)),
            E::Token(TokenFault::NotYetValid),
        ),
        (
            with(|c| c["nbf"] = json!(u64::MAX)),
            E::Token(TokenFault::NotYetValid),
        ),
        // A token of a Secret, or of `kubectl create token`: nobody's pod.
        (without("kubernetes.io"), E::Unbound),
        (without_bound("pod"), E::Unbound),
        (bound("/pod", Value::Null), E::Unbound),
        (bound("/pod/uid", json!("")), E::Unbound),
        (bound("/pod/name", json!("")), E::Unbound),
        (
            without_bound("serviceaccount"),
            E::Token(TokenFault::Malformed),
        ),
        (without_bound("namespace"), E::Token(TokenFault::Malformed)),
        // Contradictions, and names that would become parts of others.
        (
            with(|c| c["sub"] = json!("system:serviceaccount:shop:back")),
            E::Subject,
        ),
        (
            with(|c| c["sub"] = json!("system:serviceaccount:other:front")),
            E::Subject,
        ),
        (with(|c| c["sub"] = json!("system:node:node-1")), E::Subject),
        (with(|c| c["sub"] = json!("")), E::Subject),
        (bound("/namespace", json!("bank")), E::Subject),
        (bound("/serviceaccount/name", json!("admin")), E::Subject),
        (bound("/serviceaccount/uid", json!("")), E::Subject),
        (bound("/pod/name", json!("Front")), E::Subject),
        (bound("/pod/name", json!("../front")), E::Subject),
        (bound("/pod/name", json!("a\nb")), E::Subject),
        (bound("/pod/uid", json!("a b")), E::Subject),
        (bound("/pod/uid", json!("x".repeat(129))), E::Subject),
        (bound("/node/name", json!("a/b")), E::Subject),
        (
            with(|c| {
                c["kubernetes.io"]["namespace"] = json!("shop/sa/x");
                c["sub"] = json!("system:serviceaccount:shop/sa/x:front");
            }),
            E::Subject,
        ),
        (
            with(|c| {
                c["kubernetes.io"]["namespace"] = json!("a:b");
                c["kubernetes.io"]["serviceaccount"]["name"] = json!("c");
                c["sub"] = json!("system:serviceaccount:a:b:c");
            }),
            E::Subject,
        ),
        (json!([]), E::Token(TokenFault::Malformed)),
        (json!("tulle"), E::Token(TokenFault::Malformed)),
    ];
    for (claims, wanted) in cases {
        let error = verify(&tokens, &signer.sign(&claims)).await.unwrap_err();
        assert_eq!(error, wanted, "{claims}");
        assert!(!error.is_temporary());
    }
    // Within the leeway, either side.
    for near in [
        with(|c| c["exp"] = json!(now - 5)),
        with(|c| c["nbf"] = json!(now + 5)),
    ] {
        verify(&tokens, &signer.sign(&near)).await.unwrap();
    }
    // The caller's clock counts.
    let later = SystemTime::now() + Duration::from_secs(3700);
    assert_eq!(
        tokens.verify(&signer.sign(&good()), later).await,
        Err(E::Token(TokenFault::Expired))
    );
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn algorithms_cannot_be_confused() {
    let rsa = Signer::new("rsa", Algorithm::RS256);
    let ec = Signer::new("ec", Algorithm::ES256);
    let symmetric =
        json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode("secret")});
    let (tokens, cluster) = Cluster::with(vec![rsa.jwk(), ec.jwk(), symmetric]);
    cluster.lock().review = |_| Answer::status(403, "Forbidden");
    verify(&tokens, &rsa.sign(&good())).await.unwrap();

    // The public key as the secret of an HMAC, in every form it is published in.
    let jwk = rsa.jwk();
    let public = [
        jwk["n"].as_str().unwrap().to_owned(),
        jwk.to_string(),
        String::from("secret"),
    ];
    for secret in &public {
        for kid in ["rsa", "ec", "oct"] {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let mut header = Header::new(algorithm);
                header.kid = Some(kid.to_owned());
                let key = EncodingKey::from_secret(secret.as_bytes());
                let token = encode(&header, &good(), &key).unwrap();
                assert_eq!(
                    verify(&tokens, &token).await,
                    Err(ProofError::Token(TokenFault::Algorithm))
                );
            }
        }
    }
    for none in [
        "none", "None", "NONE", "nOnE", "", "RS256 ", "rs256", "EdDSA", "XX",
    ] {
        let head = part(&json!({"alg": none, "kid": "rsa"}));
        for signature in ["", "AAAA"] {
            let token = format!("{head}.{}.{signature}", part(&good()));
            assert_eq!(
                verify(&tokens, &token).await,
                Err(ProofError::Token(TokenFault::Algorithm)),
                "{none}"
            );
        }
    }
    let p521 = part(&json!({"alg": "ES512", "kid": "rsa"}));
    let token = format!("{p521}.{}.AAAA", part(&good()));
    assert_eq!(
        verify(&tokens, &token).await,
        Err(ProofError::Token(TokenFault::Algorithm))
    );
    // One cluster key's signature under the other's name or algorithm.
    let cross = ec.sign_with(&good(), |h| h.kid = Some("rsa".into()));
    assert_eq!(
        verify(&tokens, &cross).await,
        Err(ProofError::Token(TokenFault::Algorithm))
    );
    let ps = Signer {
        algorithm: Algorithm::PS256,
        ..rsa
    };
    assert_eq!(
        verify(&tokens, &ps.sign(&good())).await,
        Err(ProofError::Token(TokenFault::Algorithm))
    );
    let stranger = Signer::new("ec", Algorithm::ES256);
    assert_eq!(
        verify(&tokens, &stranger.sign(&good())).await,
        Err(ProofError::Token(TokenFault::Signature))
    );
    // A key in the token itself, or where to find one, or extensions.
    for (name, value) in [
        ("jwk", ec.jwk()),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/x")),
        ("x5c", json!(["AAAA"])),
        ("crit", json!(["b64"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("typ", json!("JOSE")),
        ("kid", json!(7)),
        ("kid", json!("")),
        ("kid", Value::Null),
    ] {
        let mut header = json!({"alg": "ES256", "kid": "ec"});
        header[name] = value;
        let token = format!("{}.{}.AAAA", part(&header), part(&good()));
        assert_eq!(
            verify(&tokens, &token).await,
            Err(ProofError::Token(TokenFault::Malformed)),
            "{header}"
        );
    }
    let typed = ec.sign_with(&good(), |h| h.typ = Some("JWT".into()));
    verify(&tokens, &typed).await.unwrap();
}

#[tokio::test]
async fn odd_shapes() {
    let signer = Signer::new("k1", Algorithm::ES256);
    let (tokens, cluster) = Cluster::with(vec![signer.jwk()]);
    let token = signer.sign(&good());
    verify(&tokens, &token).await.unwrap();

    let big = with(|c| c["padding"] = json!("x".repeat(13_000)));
    assert_eq!(
        verify(&tokens, &signer.sign(&big)).await,
        Err(ProofError::Token(TokenFault::TooLong))
    );
    assert_eq!(
        verify(&tokens, &"a".repeat(20_000_000)).await,
        Err(ProofError::Token(TokenFault::TooLong))
    );
    let depth = "[".repeat(8_000);
    let deep = URL_SAFE_NO_PAD.encode(&depth);
    let nested = format!("{}{}", "{\"a\":".repeat(1_900), "}".repeat(1_900));
    let nested = URL_SAFE_NO_PAD.encode(nested);
    let head = part(&json!({"alg": "ES256", "kid": "k1"}));
    let [h, p, s] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!()
    };
    for odd in [
        "".to_owned(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        ".".repeat(16_000),
        "a.".repeat(8_000),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{token}"),
        format!("{h}.{p}"),
        format!("{h}.{p}."),
        format!("{h}..{s}"),
        format!(".{p}.{s}"),
        format!("{h}=.{p}.{s}"),
        format!("{h}.{p}.{s}=="),
        format!(" {token}"),
        format!("{token}\n"),
        format!("Bearer {token}"),
        token.replace('.', ","),
        format!("{h}.{p}.\u{0}{s}"),
        format!("{h}.é{p}.{s}"),
        format!("{deep}.{p}.{s}"),
        format!("{nested}.{p}.{s}"),
        format!(
            "{}.{p}.{s}",
            part(&json!({"alg": "ES256", "kid": "k1", "kid ": "x"}))
        ),
        format!(
            "{}.{p}.{s}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","alg":"none","kid":"k1"}"#)
        ),
    ] {
        assert_eq!(
            verify(&tokens, &odd).await,
            Err(ProofError::Token(TokenFault::Malformed)),
            "{}",
            odd.get(..60).unwrap_or(&odd)
        );
    }
    // The signature is looked at before what it signs.
    for payload in [deep, nested, "AAAA".to_owned()] {
        assert_eq!(
            verify(&tokens, &format!("{head}.{payload}.{s}")).await,
            Err(ProofError::Token(TokenFault::Signature))
        );
    }
    for i in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(verify(&tokens, &changed).await.is_err(), "byte {i}");
    }
    assert!(Cluster::asked(&cluster, KEYS) <= 2);
    assert_eq!(Cluster::asked(&cluster, REVIEWS), 0);
}

#[tokio::test]
async fn nothing_of_a_token_is_ever_written() {
    let log = Log::begin();
    let signer = Signer::new("k1", Algorithm::ES256);
    let (tokens, cluster) = Cluster::with(vec![signer.jwk()]);
    let mut said = String::new();
    let good = signer.sign(&good());
    let mut written = vec![good.clone()];
    for bad in [
        signer.sign(&with(|c| c["aud"] = json!("x"))),
        signer.sign_with(&self::good(), |h| h.kid = Some("secretkid".into())),
    ] {
        let error = verify(&tokens, &bad).await.unwrap_err();
        said.push_str(&format!("{error} {error:?} {tokens:?}"));
        written.push(bad);
    }
    // Where the API server is asked: its answers quote the token.
    cluster.lock().instead = Some(|| Answer::status(403, "Forbidden"));
    let (tokens, cluster) = {
        let cluster = Arc::clone(&cluster);
        let served = Arc::clone(&cluster);
        let (client, _) = api_server(move |call| served.lock().answer(call));
        (ProjectedTokens::start(client), cluster)
    };
    let reviews: [fn(&Value) -> Answer; 4] = [
        |r| Answer::Text(201, format!("{{\"spec\":{}", r["spec"])),
        |r| Answer::Json(201, json!({"spec": r["spec"], "status": 7})),
        |r| Answer::Text(500, r["spec"]["token"].as_str().unwrap().to_owned()),
        |r| {
            let message = format!("spec.token: {}", r["spec"]["token"]);
            Answer::Json(
                422,
                json!({"kind": "Status", "reason": "Invalid", "message": message}),
            )
        },
    ];
    for review in reviews {
        cluster.lock().review = review;
        let error = verify(&tokens, &good).await.unwrap_err();
        assert!(error.is_temporary(), "{error:?}");
        said.push_str(&format!("{error} {error:?}"));
    }
    let text = said + &log.text();
    for token in written {
        for part in token.split('.').skip(1) {
            assert!(!text.contains(part), "{text}");
        }
    }
}
