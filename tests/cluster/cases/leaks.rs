//! Keys and tokens are nowhere to be read: not in logs, pages, dumps, events, nor in objects that others may see.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tulle_cluster::case::{Case, call, must};
use tulle_cluster::forward::Forwarded;
use tulle_cluster::tulle::NAMESPACE;

use crate::scene::Scene;

/// How any private key begins, as PEM and as base64 of PEM, and how any token of this cluster does.
const ANY: &[(&str, &str)] = &[
    ("a key", "PRIVATE KEY-----"),
    ("a key in base64", "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS"),
    ("an EC key in base64", "LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS"),
    ("a token", "eyJhbGciOiJSUzI1NiIs"),
];

/// What must not be found, by what it is.
#[derive(Default)]
struct Needles(BTreeMap<String, Vec<u8>>);

impl Needles {
    /// Every key of the authority as it is stored, and as the parts of it that may stand alone.
    fn authority(&mut self, case: &Case) -> usize {
        let secret = case.get(&format!("secret tulle-ca -n {NAMESPACE}"));
        let mut keys = 0;
        for (name, stored) in secret["data"].as_object().unwrap() {
            if !name.ends_with(".key") {
                continue;
            }
            keys += 1;
            let stored = stored.as_str().unwrap();
            let pem = String::from_utf8(decoded(stored)).unwrap();
            let body: Vec<&str> = pem
                .lines()
                .filter(|line| !line.starts_with("-----"))
                .collect();
            let der = decoded(&body.concat());
            self.add(format!("{name}, raw"), der.clone());
            self.add(format!("{name}, as stored"), stored);
            self.add(format!("{name}, DER in base64"), body.concat());
            for (at, line) in body.iter().enumerate() {
                self.add(format!("{name}, line {at}"), *line);
            }
            // Of a P-256 key in PKCS#8, the 32 bytes of the secret number.
            let number = &der[36..68];
            let hex: String = number.iter().map(|byte| format!("{byte:02x}")).collect();
            self.add(format!("{name}, secret number"), number);
            self.add(format!("{name}, secret number in hex"), hex);
        }
        keys
    }

    /// A pod's token: the whole would be found by its parts.
    fn token(&mut self, of: &str, token: &str) {
        let (rest, signature) = token.trim().rsplit_once('.').expect("a token");
        let (_, claims) = rest.rsplit_once('.').expect("a token");
        self.add(format!("token of {of}, claims"), claims);
        self.add(format!("token of {of}, signature"), signature);
    }

    fn add(&mut self, what: String, needle: impl Into<Vec<u8>>) {
        let needle = needle.into();
        assert!(needle.len() >= 16, "{what} is too short to look for");
        self.0.insert(what, needle);
    }

    fn found_in(&self, text: &[u8]) -> Vec<&str> {
        let all = self
            .0
            .iter()
            .map(|(what, needle)| (what.as_str(), needle.as_slice()));
        let any = ANY.iter().map(|(what, needle)| (*what, needle.as_bytes()));
        all.chain(any)
            .filter(|(_, needle)| text.windows(needle.len()).any(|window| window == *needle))
            .map(|(what, _)| what)
            .collect()
    }
}

/// Of standard base64.
fn decoded(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = LETTERS
            .iter()
            .position(|known| *known == letter)
            .expect("base64");
        bits = (bits << 6) | u32::try_from(value).expect("six bits");
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).expect("eight bits"));
        }
    }
    bytes
}

/// A token as the kubelet has written it for a pod. Envoy's container has no shell, and the files are in the node's mounts.
fn token_on_disk(case: &Case, pod: &Value, volume: &str) -> String {
    let node = std::fs::read_to_string(case.cluster.path("pid")).unwrap();
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    let inside = case.cluster.path(&format!(
        "kubelet/pods/{uid}/volumes/kubernetes.io~projected/{volume}/token"
    ));
    let path = format!("/proc/{}/root{}", node.trim(), inside.display());
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Everything that somebody may read who may not read Secrets, by where it is.
#[derive(Default)]
struct Readable(BTreeMap<String, String>);

impl Readable {
    fn objects(&mut self, case: &Case) {
        for kind in [
            "events",
            "events.events.k8s.io",
            "configmaps",
            "pods",
            "leases",
            "services",
            "meshes",
            "virtualnodes",
            "virtualservices",
            "virtualrouters",
            "virtualgateways",
            "gatewayroutes",
            "backendgroups",
            "mutatingwebhookconfigurations",
            "validatingwebhookconfigurations",
        ] {
            let text = case.run(&format!("get {kind} -A -o json"));
            self.0.insert(kind.to_owned(), text);
        }
    }

    fn logs(&mut self, case: &Case, ns: &str, pods: &[Value]) {
        for pod in pods {
            let name = pod["metadata"]["name"].as_str().unwrap();
            let text = case.run(&format!("logs {name} -n {ns} --all-containers --tail=-1"));
            self.0.insert(format!("log of {ns}/{name}"), text);
        }
    }

    fn envoys(&mut self, case: &Case, ns: &str) {
        for app in ["client", "blue", "green"] {
            for page in [
                "/config_dump?include_eds",
                "/certs",
                "/stats",
                "/clusters",
                "/listeners",
                "/server_info",
                "/init_dump",
            ] {
                let text = case.envoy(ns, &format!("deployment/{app}"), page).unwrap();
                self.0.insert(format!("{page} of {app}"), text);
            }
        }
    }

    fn pages(&mut self, case: &Case, ns: &str, replica: &str) {
        let port = Forwarded::to(case.kubectl(), NAMESPACE, replica, 15014).unwrap();
        for page in [
            "/metrics",
            "/debug",
            "/debug/findings",
            "/debug/changes",
            "/debug/proxies",
            "/debug/report",
            &format!("/debug/config?proxy=virtualnode/{ns}/client&capture=transparent"),
            &format!("/debug/config?proxy=virtualnode/{ns}/blue&capture=transparent"),
        ] {
            let answer = case
                .play_outside(&[call(port.address(), "localhost", page)])
                .remove(0);
            assert_eq!(answer.status, 200, "{page}: {}", answer.text);
            self.0.insert(format!("{page} of {replica}"), answer.text);
        }
    }
}

fn certificates(case: &Case, ns: &str) -> anyhow::Result<String> {
    let text = case.envoy(ns, "deployment/blue", "/certs")?;
    let page: Value = serde_json::from_str(&text)?;
    let chain = page["certificates"]
        .as_array()
        .and_then(|all| all.iter().find_map(|one| one["cert_chain"].get(0)))
        .context("no certificate")?;
    Ok(chain["serial_number"].to_string())
}

/// Another authority and other certificates, by every step of a rotation; the keys of both are looked for.
fn rotate(case: &Case, ns: &str, needles: &mut Needles) {
    let step = |step: &str| {
        case.run(&format!(
            "annotate secret tulle-ca -n {NAMESPACE} tulle.dev/rotate={step} --overwrite"
        ));
    };
    let keys = needles.authority(case);
    let before = certificates(case, ns).unwrap();
    step("now");
    case.eventually("a new authority", Duration::from_secs(60), || {
        anyhow::ensure!(needles.authority(case) > keys, "no new key");
        Ok(())
    });
    // A proxy that has not read the new root yet comes back when the kubelet has brought it the file.
    step("advance");
    let patience = Duration::from_secs(2);
    case.eventually("new certificates", Duration::from_secs(200), || {
        std::thread::sleep(patience);
        anyhow::ensure!(certificates(case, ns)? != before, "still {before}");
        Ok(())
    });
    // It retires the old one, and then forgets it.
    case.eventually("the old authority to go", Duration::from_secs(60), || {
        step("advance");
        std::thread::sleep(patience);
        anyhow::ensure!(Needles::default().authority(case) == keys, "still there");
        Ok(())
    });
}

#[test]
fn keys_and_tokens_are_nowhere_to_be_read() {
    // Alone: a new authority gives every proxy of the cluster a new certificate.
    let scene = Scene::new(Case::alone(), "leaks", 1, 1);
    let (case, ns) = (&scene.case, scene.ns);
    let mut needles = Needles::default();
    rotate(case, ns, &mut needles);
    scene.weights(0, 100);
    scene.answered_by(&["green"]);
    // An error, for an event and a status.
    case.apply(&tulle_cluster::manifests::service(
        ns,
        "nobody",
        "virtualNode",
        "absent",
    ));
    case.eventually("the error to be told", Duration::from_secs(30), || {
        let events = case
            .kubectl()
            .list(&format!("events.events.k8s.io -n {ns}"))?;
        let told = events.iter().any(|event| {
            event["reportingController"] == "tulle" && event["regarding"]["name"] == "nobody"
        });
        let object = case
            .kubectl()
            .get(&format!("virtualservice nobody -n {ns}"))?;
        let status = &object["status"]["conditions"];
        anyhow::ensure!(told && status.is_array(), "event {told}, {status}");
        Ok(())
    });

    let replicas = case.list(&format!(
        "pods -n {NAMESPACE} -l app.kubernetes.io/name=tulle"
    ));
    let pods = case.list(&format!("pods -n {ns}"));
    for (pod, volume) in replicas
        .iter()
        .map(|pod| (pod, "token"))
        .chain(pods.iter().map(|pod| (pod, "tulle-token")))
    {
        let name = pod["metadata"]["name"].as_str().unwrap();
        needles.token(name, &token_on_disk(case, pod, volume));
    }

    let mut readable = Readable::default();
    readable.objects(case);
    readable.logs(case, NAMESPACE, &replicas);
    readable.logs(case, ns, &pods);
    readable.envoys(case, ns);
    for replica in &replicas {
        readable.pages(case, ns, replica["metadata"]["name"].as_str().unwrap());
    }
    assert!(readable.0.len() > 50, "only {} places", readable.0.len());

    // What is looked for is found where it is.
    let mut get = case
        .kubectl()
        .command(["get", "secret", "-n", NAMESPACE, "tulle-ca", "-o", "json"]);
    assert!(!needles.found_in(must(&mut get).as_bytes()).is_empty());

    let found: Vec<String> = readable
        .0
        .iter()
        .flat_map(|(place, text)| {
            let found = needles.found_in(text.as_bytes());
            found
                .into_iter()
                .map(move |what| format!("{what} in {place}"))
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
