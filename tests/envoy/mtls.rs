//! Mutual TLS between real Envoys, with certificates made for the test: who is served, who is refused,
//! and what the wire shows.

use tulle_control_plane::engine::Group;
use tulle_control_plane::offline;
use tulle_model::Capture;
use tulle_model::policy::MtlsMode;
use tulle_model::settings::Settings;
use tulle_tests::manifests::{kube_service, mesh, node, service};
use tulle_tests::netns::{Host, Network};
use tulle_tests::process::{Process, output, wait_for};
use tulle_tests::sample::http_client::{Answer, Call};
use tulle_tests::sample::tcp;
use tulle_tests::static_envoy::{self, Authority};
use tulle_tests::wire::Tap;
use tulle_tests::{programs, sidecar, stats};

use crate::table::SOON;

const HTTP: u16 = 8080;
const GRPC: u16 = 9000;
const TCP: u16 = 7000;

/// What nobody may read on the wire.
const SECRET: &str = "/a-path-that-is-nobody-elses";

/// A client and two servers that declare the service account `server`; the second one shows another's
/// certificate. A stranger has no proxy.
struct Pair {
    // Dropped in this order: processes before the network they are in.
    _processes: Vec<Process>,
    client: Host,
    server: Host,
    impostor: Host,
    stranger: Host,
    network: Network,
    _work: tempfile::TempDir,
}

fn pod(name: &str, account: &str, ports: &str, host: &Host) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  namespace: shop\n  labels: {{app: {name}}}\n  \
         annotations: {{tulle.dev/proxy: virtualnode/shop/{name}, tulle.dev/inbound-ports: \"{ports}\"}}\n\
         spec: {{serviceAccountName: {account}}}\n\
         status: {{podIP: {ip}, podIPs: [{{ip: {ip}}}], conditions: [{{type: Ready, status: \"True\"}}]}}\n",
        ip = host.address
    )
}

impl Pair {
    fn new(mode: MtlsMode) -> Self {
        let mut network = Network::new();
        let [client, server, impostor, stranger] = [(); 4].map(|()| network.host());
        let work = tempfile::tempdir().unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(work.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut text = mesh("DROP_ALL");
        text += &node("client", &[], &["server", "impostor"]);
        let ports = [(HTTP, "http"), (GRPC, "grpc"), (TCP, "tcp")];
        for (name, host) in [("server", &server), ("impostor", &impostor)] {
            text += &node(name, &ports, &[]);
            let address = format!("{name}.shop.svc.cluster.local");
            text += &service(name, &address, "virtualNode", name);
            text += &kube_service(name, &ports.map(|(port, _)| (port, port)), host.address);
            text += &pod(name, "server", "8080,9000,7000", host);
        }
        let manifests = work.path().join("manifests.yaml");
        std::fs::write(&manifests, text).unwrap();
        let settings = Settings {
            mtls: Some(mode),
            ..Settings::default()
        };
        let mut loaded = offline::load(&[manifests], settings).unwrap();
        assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
        let authority = Authority::new();
        let mut processes = Vec::new();
        for (name, account, host) in [
            ("server", "server", &server),
            ("impostor", "impostor", &impostor),
            ("client", "client", &client),
        ] {
            let id = format!("spiffe://cluster.local/ns/shop/sa/{account}");
            let group = Group {
                proxy: format!("virtualnode/shop/{name}").parse().unwrap(),
                capture: Capture::Transparent,
            };
            let admin = Some(([127, 0, 0, 1], 9901).into());
            let certificate = authority.certificate(&id);
            let bootstrap =
                static_envoy::bootstrap(&mut loaded.engine, &group, &certificate, admin);
            let mut ports = Vec::new();
            if name != "client" {
                ports = vec![HTTP, GRPC, TCP];
                let [http, grpc] = [HTTP, GRPC].map(|port| format!("0.0.0.0:{port}"));
                let raw = format!("0.0.0.0:{TCP}");
                let listens = ["--http", &http, "--http", &grpc, "--tcp", &raw];
                processes.push(sidecar::application(host, work.path(), name, &listens));
            }
            let envoy = static_envoy::start(host, work.path(), name, &bootstrap, &ports);
            processes.push(envoy);
        }
        Self {
            _processes: processes,
            client,
            server,
            impostor,
            stranger,
            network,
            _work: work,
        }
    }

    /// A request from `from` to a server's port, asking for it by its name.
    fn ask(&self, from: &Host, to: &str, port: u16) -> Answer {
        let host = match to {
            "impostor" => &self.impostor,
            _ => &self.server,
        };
        let forged = "URI=spiffe://cluster.local/ns/shop/sa/forged";
        let call = Call {
            id: to.to_owned(),
            to: (host.address, port).into(),
            host: format!("{to}.shop.svc.cluster.local:{port}"),
            method: "POST".to_owned(),
            path: SECRET.to_owned(),
            headers: [("x-forwarded-client-cert".to_owned(), forged.to_owned())].into(),
            http2: port == GRPC,
        };
        stats::play(from, &[call]).remove(0)
    }

    /// A TCP connection on which the server speaks first.
    fn greet(&self, from: &Host) -> tcp::Outcome {
        let to = format!("{}:{TCP}", self.server.address);
        let printed = output(
            from.command(programs::sample())
                .args(["tcp", "--to", &to, "--count", "3"]),
            b"",
        );
        serde_json::from_slice(&printed).unwrap()
    }

    /// What a stranger sees that speaks TLS to the server as applications do.
    fn says_hello(&self, port: u16) -> String {
        let to = format!("{}:{port}", self.server.address);
        let hello = format!("openssl s_client -connect {to} </dev/null 2>&1 || true");
        let seen = output(self.stranger.command("sh").args(["-c", &hello]), b"");
        String::from_utf8_lossy(&seen).into_owned()
    }

    /// How many connections the server's Envoy has taken by mutual TLS.
    fn handshakes(&self) -> u64 {
        let all = stats::stats(&self.server, "listener.0.0.0.0_15000.ssl.handshake");
        all.values().sum()
    }
}

fn caller(answer: &Answer) -> Option<&str> {
    let seen = answer.seen.as_ref()?;
    let header = seen.headers.get("x-forwarded-client-cert")?;
    Some(header.as_str())
}

#[test]
fn proxies_speak_mtls_among_themselves_and_others_are_served_while_it_is_permissive() {
    let pair = Pair::new(MtlsMode::Permissive);
    let tap = Tap::new(&pair.network.hub());
    for (n, port) in [HTTP, GRPC].into_iter().enumerate() {
        let answer = pair.ask(&pair.client, "server", port);
        assert_eq!(answer.status, 200, "{answer:?}");
        let told = caller(&answer).expect("the application is told who calls");
        let mut told: Vec<&str> = told.split(';').collect();
        told.retain(|part| !part.starts_with("Hash="));
        assert_eq!(
            told,
            [
                "By=spiffe://cluster.local/ns/shop/sa/server",
                "URI=spiffe://cluster.local/ns/shop/sa/client"
            ]
        );
        assert_eq!(pair.handshakes(), n as u64 + 1);
    }
    // A server that speaks first must not wait: if it had to, it would have to every time.
    let mut handshakes = 2;
    wait_for("connections without a wait", SOON, || {
        let outcome = pair.greet(&pair.client);
        assert_eq!(outcome.lost, 0, "{outcome:?}");
        handshakes += 3;
        (outcome.slowest_ms < 500).then_some(())
    });
    assert_eq!(pair.handshakes(), handshakes);
    let seen = tap.seen();
    assert!(!seen.is_empty());
    assert!(
        !contains(&seen, SECRET),
        "a request can be read on the wire"
    );
    assert!(!contains(&seen, "spiffe://"), "certificates can be read");
    assert!(contains(&seen, "istio-http/1.1"), "no hello of a proxy");

    // Whoever shows another's certificate is not spoken to.
    for port in [HTTP, GRPC] {
        let answer = pair.ask(&pair.client, "impostor", port);
        assert_ne!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.seen, None);
    }
    let refused = stats::stats(&pair.client, "impostor.*ssl.fail_verify_san");
    assert!(refused.values().sum::<u64>() >= 1, "{refused:?}");

    // A stranger is served in plaintext, and cannot say that it is somebody.
    let tap = Tap::new(&pair.network.hub());
    for port in [HTTP, GRPC] {
        let answer = pair.ask(&pair.stranger, "server", port);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(caller(&answer), None);
    }
    assert!(contains(&tap.seen(), SECRET), "the tap sees nothing");
    // As long as a hello is waited for.
    wait_for("connections with one wait each", SOON, || {
        let outcome = pair.greet(&pair.stranger);
        assert_eq!(outcome.lost, 0, "{outcome:?}");
        assert!(outcome.slowest_ms >= 900, "{outcome:?}");
        (outcome.slowest_ms < 2500).then_some(())
    });
    // So is one whose application speaks TLS itself: what it says goes to the application.
    let taken = || -> u64 {
        let name = "tcp.ingress.tcp.7000.downstream_cx_total";
        stats::stats(&pair.server, name).values().sum()
    };
    let before = taken();
    assert!(!pair.says_hello(TCP).contains("BEGIN CERTIFICATE"));
    assert_eq!(taken(), before + 1);
    assert_eq!(pair.handshakes(), handshakes);
}

#[test]
fn strangers_are_refused_where_it_is_strict() {
    let pair = Pair::new(MtlsMode::Strict);
    let answer = pair.ask(&pair.client, "server", HTTP);
    assert_eq!(answer.status, 200, "{answer:?}");
    let outcome = pair.greet(&pair.client);
    assert_eq!(outcome.lost, 0, "{outcome:?}");
    let refused = || -> u64 {
        let name = "listener.0.0.0.0_15000.no_filter_chain_match";
        stats::stats(&pair.server, name).values().sum()
    };
    assert_eq!(refused(), 0);
    for port in [HTTP, GRPC] {
        let answer = pair.ask(&pair.stranger, "server", port);
        assert_eq!((answer.status, answer.seen), (0, None));
    }
    assert_eq!(refused(), 2);
    // TLS that is not a proxy's.
    assert!(!pair.says_hello(HTTP).contains("BEGIN CERTIFICATE"));
    assert_eq!(refused(), 3);
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
