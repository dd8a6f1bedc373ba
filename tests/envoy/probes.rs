//! An application's probes as an injected pod's Envoy answers them: they tell the truth of a living application and of a dead one.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tulle_injector::bootstrap::{SharedSpec, shared};
use tulle_injector::inject::{Candidate, InjectConfig, Namespace, PodRequest, inject};
use tulle_model::selector::Selector;
use tulle_tests::netns::{Host, Network};
use tulle_tests::process::{Process, wait_for};
use tulle_tests::programs;

const LIMIT: Duration = Duration::from_secs(10);

/// A pod whose container asks every kind of probe of ports that are captured.
fn pod() -> Value {
    let request = |path: &str, port: u16, scheme: &str| json!({ "httpGet": { "path": path, "port": port, "scheme": scheme } });
    let pod = json!({
        "metadata": { "name": "front-1" },
        "spec": { "containers": [
            {
                "name": "app",
                "livenessProbe": request("/alive?full=1&of=$(X)", 8080, "HTTP"),
                "readinessProbe": { "tcpSocket": { "port": 8081 } },
                "startupProbe": { "grpc": { "port": 8082 } },
                "lifecycle": { "preStop": request("/stop", 8443, "HTTPS") },
            },
            { "name": "other", "livenessProbe": request("/alive", 8443, "HTTPS") },
        ] },
    });
    let candidate = Candidate {
        id: "virtualnode/shop/front".parse().unwrap(),
        mesh: Some("shop".into()),
        alias: "front_shop".into(),
        pods: Some(Selector::default()),
        access_log: None,
        ports: [8080, 8081, 8082, 8443].into(),
    };
    let request = PodRequest {
        namespace: Namespace {
            name: "shop",
            labels: &BTreeMap::new(),
        },
        pod: &pod,
        candidates: &vec![candidate].into(),
        system_namespace: "tulle-system",
    };
    inject(&request, &InjectConfig::default()).unwrap().pod
}

/// The injected Envoy as the kubelet would start it, without a control plane to wait for.
fn envoy(host: &Host, folder: &Path, program: &Path, pod: &Value) -> Process {
    let files = shared(SharedSpec {
        control_plane: "tulle.tulle-system.svc.cluster.local".into(),
        control_plane_port: 15012,
        control_plane_identity: "spiffe://cluster.local/ns/tulle-system/sa/tulle".into(),
        root_pem: "none".into(),
        ipv6: false,
    })
    .unwrap();
    let mut bootstrap: Value = tulle_proto::from_yaml(&files.bootstrap).unwrap();
    bootstrap
        .as_object_mut()
        .unwrap()
        .remove("dynamic_resources");
    let clusters = bootstrap["static_resources"]["clusters"]
        .as_array_mut()
        .unwrap();
    clusters.retain(|cluster| cluster["name"] != "xds");
    let path = folder.join("envoy.json");
    std::fs::write(&path, bootstrap.to_string()).unwrap();

    let container = &pod["spec"]["initContainers"][1];
    let arguments = container["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|argument| {
            argument
                .as_str()
                .unwrap()
                .replace("/etc/tulle/envoy.yaml", path.to_str().unwrap())
                .replace("$(POD_NAME)", "front-1")
                .replace("$(POD_NAMESPACE)", "shop")
                .replace("$$", "$")
        });
    Process::start(
        host.command(program).args(arguments),
        &folder.join("envoy.log"),
    )
}

/// What a kubelet on another host is answered: the status, and gRPC's own if there is one.
fn asked(from: &Host, to: Ipv4Addr, probe: &Value) -> String {
    let mut command = from.command("curl");
    command.args(["-s", "-o", "/dev/null", "--max-time", "10", "-D", "-"]);
    if let Some(get) = probe["httpGet"].as_object() {
        assert_eq!(get["scheme"], "HTTP");
        command.arg(format!(
            "http://{to}:{}{}",
            get["port"],
            get["path"].as_str().unwrap()
        ));
    } else {
        let check = "/grpc.health.v1.Health/Check";
        command
            .args([
                "--http2-prior-knowledge",
                "-X",
                "POST",
                "-H",
                "content-type: application/grpc",
                "-H",
                "te: trailers",
            ])
            .arg(format!("http://{to}:{}{check}", probe["grpc"]["port"]));
    }
    let output = command.output().unwrap();
    let headers = String::from_utf8_lossy(&output.stdout).to_lowercase();
    let status = headers
        .split_whitespace()
        .nth(1)
        .unwrap_or("none")
        .to_owned();
    match headers
        .lines()
        .find_map(|line| line.strip_prefix("grpc-status: "))
    {
        Some(grpc) => format!("{status} grpc {}", grpc.trim()),
        None => status,
    }
}

/// Every probe of the injected pod, by what it asks.
fn probes(pod: &Value) -> [(&'static str, Value); 5] {
    let containers = &pod["spec"]["containers"];
    [
        ("http", containers[0]["livenessProbe"].clone()),
        ("tcp", containers[0]["readinessProbe"].clone()),
        ("grpc", containers[0]["startupProbe"].clone()),
        ("https hook", containers[0]["lifecycle"]["preStop"].clone()),
        ("https", containers[1]["livenessProbe"].clone()),
    ]
}

fn certificate(folder: &Path) -> [String; 2] {
    let made = rcgen::generate_simple_self_signed(["unknown.example".to_owned()]).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    [
        write("app.pem", made.cert.pem()),
        write("app.key", made.signing_key.serialize_pem()),
    ]
}

#[test]
fn probes_succeed_while_the_application_lives_and_fail_when_it_is_dead() {
    let pod = pod();
    for (version, program) in programs::envoys() {
        let mut network = Network::new();
        let (kubelet, host) = (network.host(), network.host());
        let folder = tempfile::tempdir().unwrap();
        let _envoy = envoy(&host, folder.path(), &program, &pod);
        let ask = |probe: &Value| asked(&kubelet, host.address, probe);
        let of_envoy = |port: u16, path: &str| {
            ask(&json!({ "httpGet": { "path": path, "port": port, "scheme": "HTTP" } }))
        };
        wait_for("Envoy", LIMIT, || {
            (of_envoy(15021, "/healthz/ready") == "200").then_some(())
        });

        // Nobody listens yet.
        for (what, probe) in probes(&pod) {
            let answer = ask(&probe);
            let expected = if what == "grpc" { "200 grpc 14" } else { "503" };
            assert_eq!(answer, expected, "{version}: {what} of a dead application");
        }

        let mut serve = host.command(programs::sample());
        serve.args([
            "serve",
            "--name",
            "app",
            "--http",
            "127.0.0.1:8080",
            "--http",
            "127.0.0.1:8082",
            "--tcp",
            "127.0.0.1:8081",
        ]);
        let mut application = Process::start(&mut serve, &folder.path().join("app.log"));
        let [pem, key] = certificate(folder.path());
        let mut tls = host.command("openssl");
        tls.args([
            "s_server",
            "-accept",
            "127.0.0.1:8443",
            "-cert",
            &pem,
            "-key",
            &key,
            "-www",
            "-quiet",
        ]);
        let mut tls = Process::start(&mut tls, &folder.path().join("tls.log"));
        for (what, probe) in probes(&pod) {
            wait_for(
                &format!("{version}: {what} of a living application"),
                LIMIT,
                || {
                    let answer = ask(&probe);
                    (answer == "200" || answer == "200 grpc 0").then_some(())
                },
            );
        }

        application.kill();
        tls.kill();
        for (what, probe) in probes(&pod) {
            // A TCP probe tells what was true a second ago.
            wait_for(
                &format!("{version}: {what} to fail"),
                Duration::from_secs(3),
                || {
                    let answer = ask(&probe);
                    (answer == "503" || answer == "200 grpc 14").then_some(())
                },
            );
        }

        // Nothing else is answered on these ports.
        for (port, path) in [
            (15020, "/alive"),
            (15020, "/app-health/app/livez?full=2"),
            (15020, "/app-health/app/livez/"),
            (15020, "/app-health/nobody/livez"),
            (15021, "/ready"),
            (15021, "/quitquitquit"),
            (15021, "/healthz/ready?x"),
            (15021, "/healthz/ready/../../quitquitquit"),
            (15030, "/grpc.health.v1.Health/Watch"),
            (15090, "/stats"),
            (15090, "/config_dump"),
            (15090, "/stats/prometheus/../../config_dump"),
            (15090, "/stats%2fprometheus"),
        ] {
            assert_eq!(of_envoy(port, path), "404", "{version}: {port}{path}");
        }
        assert_eq!(of_envoy(15090, "/stats/prometheus"), "200", "{version}");
        assert_eq!(
            of_envoy(9901, "/ready"),
            "none",
            "{version}: the admin interface is on loopback"
        );
    }
}
