//! Who is who, and what is on the wire.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;
use tulle_cluster::case::{Case, call, must};
use tulle_cluster::load::{Load, Plan};
use tulle_cluster::note::note;
use tulle_cluster::tools::Tools;
use tulle_cluster::tulle::{self, NAMESPACE};

use crate::scene::Scene;

/// What `tcpdump` saw of a pod's application port, as raw bytes.
struct Wire {
    tcpdump: Child,
    file: std::path::PathBuf,
}

impl Wire {
    fn watch(case: &Case, name: &str, address: &str) -> Self {
        let file = case.cluster.path(&format!("{name}.pcap"));
        let tcpdump = Command::new("tcpdump")
            .args(["-i", "any", "--immediate-mode", "-U", "-s", "0", "-w"])
            .arg(&file)
            .args(["tcp", "port", "8080", "and", "host", address])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tcpdump");
        case.eventually("tcpdump to listen", Duration::from_secs(10), || {
            anyhow::ensure!(file.metadata()?.len() >= 24, "no header yet");
            Ok(())
        });
        // The header is written when the file is opened, a moment before packets are taken.
        std::thread::sleep(Duration::from_millis(500));
        Self { tcpdump, file }
    }

    /// Waits until what was captured so far is such: every packet is written as it is taken, but not at once.
    fn until(&self, case: &Case, what: &str, is_such: impl Fn(&[u8]) -> bool) {
        case.eventually(what, Duration::from_secs(10), || {
            let bytes = std::fs::read(&self.file)?;
            anyhow::ensure!(is_such(&bytes), "{} bytes captured", bytes.len());
            Ok(())
        });
    }

    fn stop(mut self) -> Vec<u8> {
        std::thread::sleep(Duration::from_millis(500));
        self.tcpdump.kill().expect("tcpdump runs");
        self.tcpdump.wait().expect("tcpdump ends");
        let bytes = std::fs::read(&self.file).expect("a capture");
        std::fs::remove_file(&self.file).expect("removable");
        bytes
    }
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// The address of the pod that stays: after a rollout its predecessor may be ending still.
fn pod_address(case: &Case, ns: &str, app: &str) -> String {
    let pods = case.list(&format!("pods -n {ns} -l app={app}"));
    let pod = pods
        .iter()
        .find(|pod| pod["metadata"]["deletionTimestamp"].is_null())
        .expect("a pod");
    pod["status"]["podIP"]
        .as_str()
        .expect("an address")
        .to_owned()
}

const MARK: &str = "/a-secret-that-must-not-be-read";

#[test]
fn identities_and_what_is_on_the_wire() {
    let scene = Scene::new(Case::shared(), "wire", 1, 1);
    let (case, ns) = (&scene.case, scene.ns);

    // /certs of both sides names the workload's identity
    for app in ["client", "blue"] {
        let text = case
            .envoy(ns, &format!("deployment/{app}"), "/certs")
            .unwrap();
        let certs: Value = serde_json::from_str(&text).unwrap();
        assert!(
            text.contains(&format!("spiffe://cluster.local/ns/{ns}/sa/default")),
            "{app}: {certs}"
        );
    }

    let blue = pod_address(case, ns, "blue");
    // two workloads of the mesh
    let wire = Wire::watch(case, "inside", &blue);
    let to = format!("{}:80", case.cluster_ip(ns, "color"));
    let answer = case
        .play(ns, "deployment/client", &[call(&to, &scene.host(), MARK)])
        .unwrap()
        .remove(0);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.seen.as_ref().map(|seen| seen.path.as_str()),
        Some(MARK)
    );
    // an application data record of TLS
    wire.until(case, "TLS on the wire", |bytes| {
        bytes.len() > 1000 && holds(bytes, &[0x17, 0x03, 0x03])
    });
    assert!(
        !holds(&wire.stop(), MARK.as_bytes()),
        "the request can be read on the wire"
    );

    // someone outside the mesh, in plaintext, is served under permissive; and the capture does see what can be read
    let wire = Wire::watch(case, "outside", &blue);
    let answer = case
        .play_outside(&[call(&format!("{blue}:8080"), "blue", MARK)])
        .remove(0);
    assert_eq!(answer.status, 200, "{answer:?}");
    wire.until(case, "the request to be read", |bytes| {
        holds(bytes, MARK.as_bytes())
    });
    drop(wire.stop());
}

#[test]
fn strict_refuses_plaintext_and_keeps_probes_true() {
    let scene = Scene::new(Case::shared(), "strict", 1, 1);
    let (case, ns) = (&scene.case, scene.ns);
    case.run(&format!("annotate namespace {ns} tulle.dev/mtls=strict"));
    let blue = pod_address(case, ns, "blue");
    case.eventually("plaintext to be refused", Duration::from_secs(15), || {
        let answer = case
            .play_outside(&[call(&format!("{blue}:8080"), "blue", "/")])
            .remove(0);
        anyhow::ensure!(answer.status == 0, "{answer:?}");
        Ok(())
    });
    scene.answered_by(&["blue"]);
    // The kubelet has no certificate; the application's probes are asked all the same.
    std::thread::sleep(Duration::from_secs(8));
    let pods = case.list(&format!("pods -n {ns} -l app=blue"));
    let conditions = pods[0]["status"]["conditions"].as_array().unwrap();
    let ready = conditions
        .iter()
        .find(|one| one["type"] == "Ready")
        .unwrap();
    assert_eq!(ready["status"], "True", "{ready}");
    // and a pod that starts under strict becomes ready
    case.run(&format!("rollout restart deployment/blue -n {ns}"));
    case.ready(ns, &["blue"]);
    case.run(&format!(
        "annotate namespace {ns} tulle.dev/mtls=off --overwrite"
    ));
    let blue = pod_address(case, ns, "blue");
    let wire = case.eventually("plaintext within the mesh", Duration::from_secs(20), || {
        let wire = Wire::watch(case, "off", &blue);
        let to = format!("{}:80", case.cluster_ip(ns, "color"));
        let answer = case.play(ns, "deployment/client", &[call(&to, &scene.host(), MARK)])?;
        let bytes = wire.stop();
        anyhow::ensure!(answer[0].status == 200, "{answer:?}");
        anyhow::ensure!(holds(&bytes, MARK.as_bytes()), "still encrypted");
        Ok(bytes)
    });
    assert!(!wire.is_empty());
}

/// Two service accounts in one namespace are two identities, and a client takes none for the other.
#[test]
fn another_account_is_another_identity() {
    let scene = Scene::new(Case::shared(), "accounts", 1, 1);
    let (case, ns) = (&scene.case, scene.ns);
    case.run(&format!("create serviceaccount other -n {ns}"));
    let load = scene.load("load", 100, 25);
    // A new account must be known to clients before its endpoints are.
    case.run(&format!("set serviceaccount deployment/blue other -n {ns}"));
    case.ready(ns, &["blue"]);
    let text = case.envoy(ns, "deployment/blue", "/certs").unwrap();
    assert!(
        text.contains(&format!("spiffe://cluster.local/ns/{ns}/sa/other")),
        "{text}"
    );
    let outcome = load.outcome();
    assert_eq!(outcome.lost, 0, "{outcome:?}");
}

/// The serial numbers of the certificates that an Envoy holds.
fn serials(case: &Case, ns: &str, pod: &str) -> Vec<String> {
    let text = case.envoy(ns, pod, "/certs").unwrap();
    let certs: Value = serde_json::from_str(&text).unwrap();
    let mut serials: Vec<String> = certs["certificates"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|one| one["cert_chain"].as_array().cloned().unwrap_or_default())
        .filter_map(|one| one["serial_number"].as_str().map(str::to_owned))
        .collect();
    serials.sort();
    serials.dedup();
    serials
}

/// Gives certificates this life, under an authority that never signed longer ones: it would wait for their end before
/// it goes. A replica that runs would write the old one again; helm brings replicas back.
fn certificate_ttl(case: &Case, ttl: &str) {
    case.run(&format!(
        "scale deployment/tulle -n {NAMESPACE} --replicas=0"
    ));
    case.run(&format!(
        "wait --for=delete pod -l app.kubernetes.io/name=tulle -n {NAMESPACE} --timeout=90s"
    ));
    case.run(&format!("delete secret tulle-ca -n {NAMESPACE}"));
    let mut command = tulle::helm(&case.cluster);
    command
        .args(["upgrade", tulle::RELEASE])
        .arg(
            Tools::from_environment()
                .expect("tools")
                .checkout
                .join("deploy/helm/tulle"),
        )
        .args(["--namespace", NAMESPACE, "--reuse-values"])
        .args(["--set", &format!("config.mtls.certificateTtl={ttl}")]);
    must(&mut command);
    case.ready(NAMESPACE, &["tulle"]);
}

/// The roots that proxies of a namespace are given.
fn roots(case: &Case, ns: &str) -> String {
    let files = case.get(&format!("configmap tulle-proxy -n {ns}"));
    files["data"]["root.pem"]
        .as_str()
        .expect("roots")
        .to_owned()
}

/// Leaves live for a minute and the authority is replaced, for ten minutes under load.
#[test]
#[ignore = "ten minutes: --long"]
fn ten_minutes_of_rotation_lose_nothing() {
    let case = Case::alone();
    certificate_ttl(&case, "60s");
    let scene = Scene::new(case, "rotation", 2, 1);
    let (case, ns) = (&scene.case, scene.ns);
    let load = scene.load("load", 200, 600);
    let first = serials(case, ns, "deployment/blue");
    assert!(!first.is_empty(), "no certificate");
    std::thread::sleep(Duration::from_secs(120));
    let then = serials(case, ns, "deployment/blue");
    assert!(
        then.iter().any(|serial| !first.contains(serial)),
        "no leaf was rotated: {first:?}"
    );
    let (old, started) = (roots(case, ns), Instant::now());
    case.run(&format!(
        "annotate secret tulle-ca -n {NAMESPACE} tulle.dev/rotate=now --overwrite"
    ));
    case.eventually(
        "the new root beside the old",
        Duration::from_secs(60),
        || {
            let now = roots(case, ns);
            anyhow::ensure!(now != old && now.contains(old.trim()), "{now}");
            Ok(())
        },
    );
    case.eventually("the old root to be gone", Duration::from_secs(450), || {
        anyhow::ensure!(!roots(case, ns).contains(old.trim()), "still there");
        Ok(())
    });
    note(&format!(
        "mtls: authority replaced under load in {:.0} s, with leaves of 60 s",
        started.elapsed().as_secs_f64()
    ));
    let outcome = load.outcome();
    certificate_ttl(case, "24h");
    assert_eq!(outcome.lost, 0, "{outcome:?}");
    assert!(outcome.requests > 100_000, "{outcome:?}");
}

/// Someone of the cluster without a sidecar calls a workload of the mesh by its own name.
#[test]
fn a_pod_without_sidecar_is_served_under_permissive() {
    let scene = Scene::new(Case::shared(), "permissive", 1, 1);
    let (case, ns) = (&scene.case, scene.ns);
    // The node's rules for the Service come a moment after its pods are ready.
    let blue = format!("{}:8080", case.cluster_ip(ns, "blue"));
    case.eventually("the Service", Duration::from_secs(15), || {
        let answer = case.play_outside(&[call(&blue, "blue", "/")]).remove(0);
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    });
    let plan = Plan {
        namespace: ns,
        pod: "plain",
        app: "plain",
        to: "blue:8080",
        host: "blue",
        rate: 50,
        seconds: 5,
        injected: false,
    };
    let outcome = Load::start(case, &plan).outcome();
    assert_eq!(outcome.lost, 0, "{outcome:?}");
    let who = outcome.answers.keys().next().context("an answer").unwrap();
    assert_eq!(who, "blue");
}
