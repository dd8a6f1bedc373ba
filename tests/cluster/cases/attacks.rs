//! Whoever cannot prove who they are is given nothing; whoever can is given what is theirs and nothing else.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use rcgen::{KeyPair, SigningKey};
use serde_json::{Value, json};
use tulle_cluster::case::Case;
use tulle_cluster::images::SAMPLE;
use tulle_cluster::note::note;
use tulle_cluster::run::{CLUSTER_DOMAIN, Run};
use tulle_cluster::tulle::{NAMESPACE, RELEASE};
use tulle_proto::protobuf::{Struct, Value as ProtoValue, value::Kind};

use crate::scene::Scene;
use crate::xds::{
    Answered, Attempt, DELTA, Door, LISTENER, SECRET, SOTW, framed, node, prefixed, request,
};

const NS: &str = "attacks";
/// How long a busy machine may take for what is given or refused at once.
const PATIENCE: Duration = Duration::from_secs(20);
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut bits = 0_u32;
        for n in 0..3 {
            bits = bits << 8 | u32::from(chunk.get(n).copied().unwrap_or(0));
        }
        for n in 0..=chunk.len() {
            let digit = bits >> (18 - 6 * n) & 63;
            text.push(char::from(DIGITS[digit as usize]));
        }
    }
    text
}

/// Makes tokens as the cluster's own issuer does, with its key: what only a token can be wrong in is wrong.
struct Forge {
    key: KeyPair,
    kid: String,
}

impl Forge {
    fn new(case: &Case, cluster: &Run) -> Self {
        let pem = std::fs::read_to_string(cluster.pki("accounts.key")).unwrap();
        let keys: Value =
            serde_json::from_str(&case.kubectl().raw("/openid/v1/jwks").unwrap()).unwrap();
        Self {
            key: KeyPair::from_pem(&pem).unwrap(),
            kid: keys["keys"][0]["kid"].as_str().unwrap().to_owned(),
        }
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "alg": "RS256", "kid": self.kid }), claims)
    }

    fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let text = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(claims.to_string().as_bytes())
        );
        let signature = self.key.sign(text.as_bytes()).unwrap();
        format!("{text}.{}", base64url(&signature))
    }
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// A bare pod that stands for a proxy: it runs nothing of ours, and has a token.
fn pod(name: &str, proxy: Option<&str>) -> String {
    let proxy = proxy.map_or_else(String::new, |proxy| format!(", tulle.dev/proxy: {proxy}"));
    format!(
        "---
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: {NS}
  labels: {{stands-for: proxy}}
  annotations: {{appmesh.k8s.aws/sidecarInjectorWebhook: disabled{proxy}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {{name: app, image: '{SAMPLE}', imagePullPolicy: Never, args: [serve, --name, {name}, --http, '0.0.0.0:8080']}}
"
    )
}

fn token(case: &Case, pod: &str, audience: &str) -> String {
    let audience = if audience.is_empty() {
        String::new()
    } else {
        format!("--audience {audience}")
    };
    case.run(&format!(
        "create token default -n {NS} {audience} --bound-object-kind Pod --bound-object-name {pod}"
    ))
    .trim()
    .to_owned()
}

/// What an honest proxy is given: all of it, so that it is the same when it asks again. A replica learns of a pod a moment
/// after it is ready.
fn own_of(case: &Case, door: &Door, token: &str) -> BTreeSet<String> {
    case.eventually("an honest proxy's own", PATIENCE, || {
        let [one, other] = [(); 2].map(|()| door.attempt(&Attempt::with_token(token)));
        let (one, other) = (one?.resources, other?.resources);
        let has = |kind: &str| one.iter().any(|own| own.starts_with(kind));
        anyhow::ensure!(
            has("Listener") && has("Cluster") && one == other,
            "{one:?}, {other:?}"
        );
        Ok(one)
    })
}

/// The file of a pod's network namespace, by the processes of the pod's cgroup.
fn network_of(case: &Case, pod: &str) -> PathBuf {
    let uid = case.get(&format!("pod {pod} -n {NS}"))["metadata"]["uid"]
        .as_str()
        .unwrap()
        .to_owned();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let groups = std::fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        if groups.contains(&uid) {
            return entry.path().join("ns/net");
        }
    }
    panic!("no process of {pod}")
}

struct Attack {
    door: Door,
    from_node: Door,
    failures: Vec<String>,
    count: usize,
}

impl Attack {
    fn refused(&mut self, what: &str, result: anyhow::Result<Answered>) {
        self.count += 1;
        if let Ok(answered) = result
            && !answered.resources.is_empty()
        {
            self.failures
                .push(format!("{what}: was given {:?}", answered.resources));
        }
    }

    /// The token opens neither kind of stream.
    fn token_refused(&mut self, what: &str, token: &str) {
        for path in [DELTA, SOTW] {
            let attempt = Attempt {
                path: path.to_owned(),
                // It ends at once where it is refused, however long it would be waited for.
                patience: PATIENCE,
                ..Attempt::with_token(token)
            };
            let result = self.door.attempt(&attempt);
            if let Ok(Answered { end: None, .. }) = &result {
                self.failures.push(format!("{what}: the stream stays open"));
            }
            self.refused(&format!("{what} on {path}"), result);
        }
    }
}

#[test]
fn nobody_gets_what_is_not_theirs() {
    let scene = Scene::new(Case::shared(), NS, 1, 1);
    let case = &scene.case;
    let client = format!("virtualnode/{NS}/client");
    case.apply(
        &(pod("honest", Some(&client)) + &pod("doomed", Some(&client)) + &pod("stranger", None)),
    );
    case.run(&format!(
        "wait --for=condition=Ready pod -l stands-for=proxy -n {NS} --timeout=60s"
    ));
    let roots = case.get(&format!("configmap tulle-proxy -n {NS}"))["data"]["root.pem"]
        .as_str()
        .unwrap()
        .to_owned();
    let from_node = Door {
        address: format!("{}:15012", case.cluster_ip(NAMESPACE, RELEASE))
            .parse()
            .unwrap(),
        server: format!("{RELEASE}.{NAMESPACE}.svc.{CLUSTER_DOMAIN}"),
        roots,
        network: None,
    };
    let door = Door {
        network: Some(network_of(case, "honest")),
        ..from_node.clone()
    };
    let mut attack = Attack {
        door,
        from_node,
        failures: Vec::new(),
        count: 0,
    };
    // Others must not notice.
    let load = scene.load("load", 100, 60);

    let honest = token(case, "honest", "tulle");
    let own = own_of(case, &attack.door, &honest);

    without_proof(&mut attack, &honest);
    wrong_tokens(case, &mut attack);
    claims_of_the_node(&mut attack, &honest, &own);
    secrets_of_others(case, &mut attack, &honest);
    junk(&mut attack, &honest);

    // a stolen token, from another pod
    let thief = Door {
        network: Some(network_of(case, "stranger")),
        ..attack.from_node.clone()
    };
    let replayed = thief.attempt(&Attempt::with_token(&honest));
    attack.refused("a token replayed from another pod", replayed);

    // a pod that is gone: its stream is cut, and its token opens no other
    let doomed = token(case, "doomed", "tulle");
    let door = Door {
        network: Some(network_of(case, "doomed")),
        ..attack.from_node.clone()
    };
    own_of(case, &door, &doomed);
    let network = std::fs::File::open(door.network.as_ref().unwrap()).unwrap();
    let (given, is_given) = std::sync::mpsc::channel();
    let watching = std::thread::spawn({
        let attempt = Attempt {
            patience: Duration::from_secs(60),
            given: Some(given),
            ..Attempt::with_token(&doomed)
        };
        move || door.attempt(&attempt)
    });
    is_given
        .recv_timeout(PATIENCE)
        .expect("it is given its own first");
    case.run(&format!(
        "delete pod doomed -n {NS} --grace-period=0 --force"
    ));
    let deleted = std::time::Instant::now();
    let answered = watching.join().unwrap().unwrap();
    assert!(
        answered.end.is_some(),
        "the stream of a pod that is gone stays open"
    );
    assert!(deleted.elapsed() < Duration::from_secs(5), "{answered:?}");
    drop(network);
    attack.token_refused("the token of a pod that is gone", &doomed);

    let outcome = load.outcome();
    note(&format!("attacks: {} tried", attack.count));
    assert!(attack.failures.is_empty(), "{}", attack.failures.join("\n"));
    assert_eq!(outcome.lost, 0, "{outcome:?}");
    assert_eq!(case.metric("tulle_xds_panics_total"), 0.0);
    let again = own_of(case, &attack.door, &honest);
    assert_eq!(again, own, "others are unharmed");
    assert!(attack.count >= 40, "only {}", attack.count);
}

fn without_proof(attack: &mut Attack, honest: &str) {
    let with = |authorization: &[&str]| Attempt {
        authorization: authorization.iter().map(ToString::to_string).collect(),
        ..Attempt::with_token("")
    };
    for (what, authorization) in [
        ("no header", &[][..]),
        ("an empty header", &[""]),
        ("no token", &["Bearer "]),
        ("another scheme", &["Basic dHVsbGU6dHVsbGU="]),
        ("junk", &["Bearer junk"]),
        ("three parts of junk", &["Bearer a.b.c"]),
    ] {
        let result = attack.door.attempt(&with(authorization));
        attack.refused(what, result);
    }
    let bare = format!("{honest} ");
    let result = attack.door.attempt(&with(&[honest, &bare]));
    attack.refused("a token without its scheme", result);
    let result = attack
        .door
        .attempt(&with(&["Bearer junk", &format!("Bearer {honest}")]));
    attack.refused("a good token behind a bad one", result);
    // methods that are not served, with a good token: nothing is unguarded, nothing crashes
    for path in [
        "/envoy.service.discovery.v3.AggregatedDiscoveryService/Fetch",
        "/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets",
        "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
        "/istio.v1.auth.IstioCertificateService/CreateCertificate",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/debug/pprof",
        "//envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
    ] {
        for token in ["", honest] {
            let attempt = Attempt {
                path: path.to_owned(),
                ..Attempt::with_token(token)
            };
            let result = attack.door.attempt(&attempt);
            attack.refused(path, result);
        }
    }
    // a proxy that passes itself off as another replica
    let attempt = Attempt {
        path: "/tulle.v1.PeerService/Report".to_owned(),
        patience: Duration::from_secs(3),
        ..Attempt::with_token(honest)
    };
    attack.count += 1;
    let end = attack.door.attempt(&attempt).map(|answered| answered.end);
    if matches!(&end, Ok(None))
        || matches!(&end, Ok(Some(end)) if end.contains("\"grpc-status\": \"0\""))
    {
        attack
            .failures
            .push(format!("a proxy may report as a replica: {end:?}"));
    }
}

fn wrong_tokens(case: &Case, attack: &mut Attack) {
    let forge = Forge::new(case, &case.cluster);
    let uid = |kind_and_name: &str| {
        case.get(&format!("{kind_and_name} -n {NS}"))["metadata"]["uid"].clone()
    };
    let (pod_uid, account_uid) = (uid("pod honest"), uid("serviceaccount default"));
    let good = json!({
        "iss": ISSUER, "aud": ["tulle"], "sub": format!("system:serviceaccount:{NS}:default"),
        "iat": now(), "nbf": now(), "exp": now() + 600, "jti": "0",
        "kubernetes.io": {
            "namespace": NS,
            "pod": { "name": "honest", "uid": pod_uid },
            "serviceaccount": { "name": "default", "uid": account_uid },
        }
    });
    // The forge makes tokens as the cluster does, so that only what is changed below is wrong.
    own_of(case, &attack.door, &forge.sign(&good));
    let but = |pointer: &str, value: Value| {
        let mut claims = good.clone();
        *claims.pointer_mut(pointer).unwrap() = value;
        forge.sign(&claims)
    };
    let blue = case.pods(NS, "blue").remove(0);
    let blue_uid = uid(&format!("pod {blue}"));
    let wrong = [
        (
            "another audience",
            but("/aud", json!(["https://kubernetes.default.svc"])),
        ),
        ("no audience", but("/aud", json!([]))),
        ("expired", but("/exp", json!(now() - 120))),
        ("not valid yet", but("/nbf", json!(now() + 600))),
        (
            "another issuer",
            but("/iss", json!("https://evil.example.com")),
        ),
        (
            "no pod",
            but(
                "/kubernetes.io",
                json!({ "namespace": NS, "serviceaccount": { "name": "default", "uid": account_uid } }),
            ),
        ),
        (
            "another pod's uid",
            but("/kubernetes.io/pod/uid", blue_uid.clone()),
        ),
        (
            "another pod's name",
            but("/kubernetes.io/pod/name", json!(blue)),
        ),
        (
            "a pod that never was",
            but(
                "/kubernetes.io/pod",
                json!({ "name": "nobody", "uid": "00000000-0000-0000-0000-000000000000" }),
            ),
        ),
        (
            "another namespace",
            but("/kubernetes.io/namespace", json!("kube-system")),
        ),
        (
            "another account",
            but("/kubernetes.io/serviceaccount/name", json!("admin")),
        ),
        (
            "another subject",
            but("/sub", json!("system:serviceaccount:kube-system:default")),
        ),
        (
            "a subject with line breaks",
            but("/sub", json!("system:serviceaccount:a\n:b")),
        ),
        (
            "a pod name with a path",
            but("/kubernetes.io/pod/name", json!("../honest")),
        ),
    ];
    for (what, token) in wrong {
        attack.token_refused(what, &token);
    }
    let none = forge.sign_as(&json!({ "alg": "none" }), &good);
    let unsigned = format!("{}.", none.rsplit_once('.').unwrap().0);
    attack.token_refused("no signature", &unsigned);
    attack.token_refused("algorithm none with a signature", &none);
    let hmac = forge.sign_as(&json!({ "alg": "HS256", "kid": forge.kid }), &good);
    attack.token_refused("another algorithm", &hmac);
    let kid = forge.sign_as(&json!({ "alg": "RS256", "kid": "../../etc/passwd" }), &good);
    attack.token_refused("an unknown key", &kid);
    let sound = forge.sign(&good);
    attack.token_refused("a signature cut short", &sound[..sound.len() - 8]);
    let stranger = Forge {
        key: KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap(),
        kid: forge.kid.clone(),
    };
    attack.token_refused("another key under the same name", &stranger.sign(&good));
    attack.token_refused("the API server's own audience", &token(case, "honest", ""));
    attack.token_refused(
        "an account's token that no pod has",
        case.run(&format!("create token default -n {NS} --audience tulle"))
            .trim(),
    );
    attack.token_refused(
        "a pod that was never injected",
        &token(case, "stranger", "tulle"),
    );
    attack.token_refused("64 KiB of token", &"a".repeat(65_536));
}

/// What the node says of itself changes nothing.
fn claims_of_the_node(attack: &mut Attack, honest: &str, own: &BTreeSet<String>) {
    let blue = format!("virtualnode/{NS}/blue");
    let mut metadata = Struct::default();
    for key in [
        "NAMESPACE",
        "SERVICE_ACCOUNT",
        "tulle.dev/proxy",
        "aws.appmesh.resource",
    ] {
        let value = Kind::StringValue(blue.clone());
        metadata
            .fields
            .insert(key.to_owned(), ProtoValue { kind: Some(value) });
    }
    let mut claims = Vec::new();
    for id in [
        blue.as_str(),
        "mesh/attacks/virtualNode/blue_attacks",
        "sidecar~10.0.0.1~blue.attacks~attacks.svc.cluster.local",
        "",
        "virtualgateway/attacks/ingress\0",
    ] {
        let mut one = node(id);
        one.cluster = blue.clone();
        one.metadata = Some(metadata.clone());
        claims.push(one);
    }
    for claim in claims {
        let mut frames = vec![framed(&request(claim.clone(), LISTENER, &[]))];
        // a second node later in the stream
        frames.push(framed(&request(node(&blue), crate::xds::CLUSTER, &[])));
        let attempt = Attempt {
            frames,
            ..Attempt::with_token(honest)
        };
        attack.count += 1;
        if let Ok(answered) = attack.door.attempt(&attempt)
            && let Some(foreign) = answered.resources.difference(own).next()
        {
            attack
                .failures
                .push(format!("as {:?} it was given {foreign}", claim.id));
        }
    }
}

/// Names of others' certificates bring nothing; one's own brings one's own identity.
fn secrets_of_others(case: &Case, attack: &mut Attack, honest: &str) {
    let ask = |kind: &str, names: &[&str]| Attempt {
        frames: vec![framed(&request(node("me"), kind, names))],
        ..Attempt::with_token(honest)
    };
    for names in [
        &["spiffe://cluster.local/ns/tulle-system/sa/tulle"][..],
        &["spiffe://cluster.local/ns/attacks/sa/other"],
        &["kubernetes://tulle-ca"],
        &["kubernetes://tulle-system/tulle-ca"],
        &["tulle-ca"],
        &["default@blue"],
        &["../default"],
        &["/var/run/secrets/kubernetes.io/serviceaccount/token"],
        &["DEFAULT"],
    ] {
        let result = attack.door.attempt(&ask(SECRET, names));
        attack.refused(&format!("secret {names:?}"), result);
    }
    for kind in [
        "istio.io/debug",
        "istio.io/debug/syncz",
        "type.googleapis.com/istio.security.Authorization",
        "type.googleapis.com/envoy.config.core.v3.Node",
        "",
    ] {
        let result = attack.door.attempt(&ask(kind, &["*"]));
        attack.refused(&format!("type {kind:?}"), result);
    }
    case.eventually("its own certificate", PATIENCE, || {
        let own = attack.door.attempt(&ask(SECRET, &["default"]))?;
        let names: Vec<&String> = own.resources.iter().collect();
        anyhow::ensure!(names == ["Secret default"], "{own:?}");
        Ok(())
    });
    let everything = attack.door.attempt(&ask(SECRET, &["*"])).unwrap();
    attack.count += 1;
    let allowed = ["Secret default", "Secret ROOTCA"];
    if let Some(foreign) = everything
        .resources
        .iter()
        .find(|one| !allowed.contains(&one.as_str()))
    {
        attack.failures.push(format!("a wildcard brings {foreign}"));
    }
}

/// What is no xDS at all, or too much of it.
fn junk(attack: &mut Attack, honest: &str) {
    let long = "x".repeat(5 << 20);
    let many: Vec<String> = (0..200_000).map(|n| format!("resource-{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (what, frame) in [
        (
            "a message of 5 MiB",
            framed(&request(node(&long), LISTENER, &[])),
        ),
        ("200,000 names", framed(&request(node("me"), SECRET, &many))),
        ("a compressed frame", prefixed(1, b"\x1f\x8b")),
        (
            "a length that never comes",
            Bytes::from_static(&[0, 0x7f, 0xff, 0xff, 0xff, 0]),
        ),
        ("no protobuf", prefixed(0, &[0xff; 512])),
        (
            "a message in a message in a message",
            prefixed(0, &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        ),
    ] {
        for token in ["junk", honest] {
            let attempt = Attempt {
                frames: vec![frame.clone()],
                ..Attempt::with_token(token)
            };
            let result = attack.door.attempt(&attempt);
            attack.refused(what, result);
        }
    }
    let attempt = Attempt {
        headers: (0..2000)
            .map(|n| (format!("x-junk-{n}"), "y".repeat(64)))
            .collect(),
        ..Attempt::with_token("junk")
    };
    let result = attack.door.attempt(&attempt);
    attack.refused("128 KiB of headers", result);
    // no TLS at all, on the port of TLS alone
    for bytes in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"GET /config_dump HTTP/1.1\r\nHost: tulle\r\n\r\n",
        &[0; 4096],
    ] {
        attack.count += 1;
        let mut stream = std::net::TcpStream::connect(attack.from_node.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(8)))
            .unwrap();
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        // An alert of TLS is seven bytes.
        if answer.len() > 64 {
            attack
                .failures
                .push(format!("plaintext brings {} bytes", answer.len()));
        }
    }
    // many who never say anything
    let idle: Vec<_> = (0..300)
        .filter_map(|_| std::net::TcpStream::connect(attack.from_node.address).ok())
        .collect();
    attack.count += 1;
    let attempt = Attempt {
        patience: Duration::from_secs(5),
        ..Attempt::with_token(honest)
    };
    let result = attack.door.attempt(&attempt).unwrap();
    if result.resources.is_empty() {
        attack.failures.push(format!(
            "{} idle connections keep an honest proxy out",
            idle.len()
        ));
    }
}
