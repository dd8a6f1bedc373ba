//! TLS with certificates from files, between real Envoys: every client against every server of App Mesh's table, mutual TLS,
//! a CA that nobody trusts, and a file that is not there.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use tulle_tests::bed::Bed;
use tulle_tests::manifests::{document, kube_service, mesh, service};
use tulle_tests::netns::Host;
use tulle_tests::process::wait_for;
use tulle_tests::sample::http_client::Call;
use tulle_tests::static_envoy::{Authority, Certificate};
use tulle_tests::stats;

use crate::table::SOON;

const HOST: &str = "web.shop.svc.cluster.local";

const PLAIN: u16 = 8080;
const STRICT: u16 = 8081;
const PERMISSIVE: u16 = 8082;
const DISABLED: u16 = 8083;
const MUTUAL: u16 = 8084;
const MISSING: u16 = 8085;
const HTTP2: u16 = 8086;
const PORTS: [u16; 7] = [PLAIN, STRICT, PERMISSIVE, DISABLED, MUTUAL, MISSING, HTTP2];

/// Writes a certificate as `NAME.pem`, `NAME.key` and `NAME-ca.pem`, the way that a mounted Secret changes: by renaming.
fn write(folder: &Path, name: &str, certificate: &Certificate) {
    for (file, text) in [
        (format!("{name}-ca.pem"), &certificate.roots),
        (format!("{name}.key"), &certificate.key),
        (format!("{name}.pem"), &certificate.chain),
    ] {
        let beside = folder.join(".tmp");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, folder.join(file)).unwrap();
    }
}

/// The server: a port for each thing that a listener may say.
fn server(certs: &Path) -> String {
    let certs = certs.display();
    let file = |name: &str| {
        format!(
            "{{file: {{certificateChain: {certs}/{name}.pem, privateKey: {certs}/{name}.key}}}}"
        )
    };
    let tls = |mode: &str, name: &str| format!("{{mode: {mode}, certificate: {}}}", file(name));
    let trust = format!("{{file: {{certificateChain: {certs}/web-ca.pem}}}}");
    let validation = format!(
        "{{trust: {trust}, subjectAlternativeNames: {{match: {{exact: [client.example.com]}}}}}}"
    );
    let mutual = format!(
        "{{mode: STRICT, certificate: {}, validation: {validation}}}",
        file("web")
    );
    let mut spec = String::from("  podSelector: {matchLabels: {app: web}}\n  listeners:\n");
    for (port, protocol, tls) in [
        (PLAIN, "http", None),
        (STRICT, "http", Some(tls("STRICT", "web"))),
        (PERMISSIVE, "http", Some(tls("PERMISSIVE", "web"))),
        (DISABLED, "http", Some(tls("DISABLED", "web"))),
        (MUTUAL, "http", Some(mutual)),
        (MISSING, "http", Some(tls("STRICT", "late"))),
        (HTTP2, "http2", Some(tls("STRICT", "web"))),
    ] {
        let _ = writeln!(
            spec,
            "  - portMapping: {{port: {port}, protocol: {protocol}}}"
        );
        if let Some(tls) = tls {
            let _ = writeln!(spec, "    tls: {tls}");
        }
    }
    let _ = writeln!(spec, "  serviceDiscovery: {{dns: {{hostname: {HOST}}}}}");
    document("VirtualNode", "web", &spec)
}

/// A client of the server under this policy.
fn client(name: &str, policy: Option<&str>) -> String {
    let mut spec = format!(
        "  podSelector: {{matchLabels: {{app: {name}}}}}\n  backends: [{{virtualService: {{virtualServiceRef: {{name: web}}}}}}]\n"
    );
    if let Some(policy) = policy {
        let _ = writeln!(
            spec,
            "  backendDefaults: {{clientPolicy: {{tls: {policy}}}}}"
        );
    }
    document("VirtualNode", name, &spec)
}

/// The status of a request to each port.
fn statuses(from: &Host, ports: &[u16]) -> Vec<u16> {
    let call = |port: &u16| Call {
        id: port.to_string(),
        to: ([10, 96, 7, 7], *port).into(),
        host: format!("{HOST}:{port}"),
        method: "GET".to_owned(),
        path: "/".to_owned(),
        headers: Default::default(),
        http2: *port == HTTP2,
    };
    let calls: Vec<Call> = ports.iter().map(call).collect();
    let answers = stats::play(from, &calls).into_iter();
    answers.map(|answer| answer.status).collect()
}

fn cluster_stat(host: &Host, port: u16, protocol: &str, stat: &str) -> u64 {
    let name = format!("cluster.cds_egress_shop_web_shop_{protocol}_{port}.{stat}");
    stats::stats(host, &name).remove(&name).unwrap_or_default()
}

fn server_stat(host: &Host, stat: &str) -> u64 {
    let name = format!("listener.0.0.0.0_15000.ssl.{stat}");
    stats::stats(host, &name).remove(&name).unwrap_or_default()
}

#[test]
fn clients_and_servers_secure_their_calls_as_the_table_says() {
    let mut bed = Bed::new();
    let web = bed.network.host();
    let [silent, checked, lax, wrong, mutual] = [(); 5].map(|()| bed.network.host());
    let stranger = bed.network.host();
    let certs = bed.work().join("certs");
    std::fs::create_dir(&certs).unwrap();
    let authority = Authority::new();
    write(&certs, "web", &authority.certificate_for(HOST));
    write(
        &certs,
        "client",
        &authority.certificate_for("client.example.com"),
    );
    let other = Authority::new();
    write(&certs, "other", &other.certificate_for("other.example.com"));

    let at = certs.display();
    let trust =
        |ca: &str| format!("validation: {{trust: {{file: {{certificateChain: {at}/{ca}.pem}}}}}}");
    let own = format!(
        "certificate: {{file: {{certificateChain: {at}/client.pem, privateKey: {at}/client.key}}}}"
    );
    let mut text = mesh("DROP_ALL");
    text += &server(&certs);
    text += &service("web", HOST, "virtualNode", "web");
    text += &kube_service("web", &PORTS.map(|port| (port, port)), web.address);
    text += &client("silent", None);
    text += &client("checked", Some(&format!("{{{}}}", trust("web-ca"))));
    text += &client(
        "lax",
        Some(&format!("{{enforce: false, {}}}", trust("web-ca"))),
    );
    text += &client("wrong", Some(&format!("{{{}}}", trust("other-ca"))));
    text += &client("mutual", Some(&format!("{{{own}, {}}}", trust("web-ca"))));
    bed.save("mesh.yaml", &text);
    bed.serve();
    let listens: Vec<String> = PORTS.iter().map(|port| format!("0.0.0.0:{port}")).collect();
    let arguments: Vec<&str> = listens.iter().flat_map(|to| ["--http", to]).collect();
    bed.application(&web, "web", &arguments);
    bed.sidecar(&web, "virtualnode/shop/web", &PORTS);
    for (name, host) in [
        ("silent", &silent),
        ("checked", &checked),
        ("lax", &lax),
        ("wrong", &wrong),
        ("mutual", &mutual),
    ] {
        bed.sidecar(host, &format!("virtualnode/shop/{name}"), &[]);
    }

    // plain, strict, permissive, disabled, mutual, missing, http2
    assert_eq!(
        statuses(&silent, &PORTS),
        [200, 200, 200, 200, 503, 503, 200]
    );
    assert_eq!(
        statuses(&checked, &PORTS),
        [503, 200, 200, 503, 503, 503, 200]
    );
    assert_eq!(statuses(&lax, &PORTS), [200, 200, 200, 200, 503, 503, 200]);
    assert_eq!(
        statuses(&wrong, &PORTS),
        [503, 503, 503, 503, 503, 503, 503]
    );
    assert_eq!(
        statuses(&mutual, &PORTS),
        [503, 200, 200, 503, 200, 503, 200]
    );
    // Who has no proxy speaks plaintext, which a permissive port takes and a strict one does not.
    let direct = |port: u16| {
        let call = Call {
            id: String::new(),
            to: (web.address, port).into(),
            host: HOST.to_owned(),
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: Default::default(),
            http2: false,
        };
        stats::play(&stranger, &[call]).remove(0).status
    };
    assert_eq!([direct(PERMISSIVE), direct(PLAIN)], [200, 200]);
    assert_ne!(direct(STRICT), 200);

    // The figures that people look at.
    assert!(server_stat(&web, "handshake") >= 3);
    assert!(server_stat(&web, "fail_verify_no_cert") >= 1);
    assert_eq!(
        cluster_stat(&silent, PERMISSIVE, "http", "ssl.handshake"),
        1
    );
    assert_eq!(cluster_stat(&silent, PLAIN, "http", "ssl.handshake"), 0);
    assert_eq!(cluster_stat(&lax, DISABLED, "http", "ssl.handshake"), 0);
    assert!(cluster_stat(&wrong, STRICT, "http", "ssl.fail_verify_error") >= 1);
    assert_eq!(cluster_stat(&mutual, MUTUAL, "http", "ssl.handshake"), 1);

    // What is wrong with the missing files is told of the node, once for each file's secret.
    let findings = |bed: &mut Bed| {
        bed.control_plane()
            .get("/debug/findings")
            .unwrap_or_default()
    };
    let told = format!("file-cert:{at}/late.pem~{at}/late.key");
    wait_for("the refusal", SOON, || {
        let page = findings(&mut bed);
        (page.contains(&told) && page.contains("secretMounts")).then_some(())
    });
    let page = findings(&mut bed);
    assert!(page.contains("\"tls-to-plaintext\"") && page.contains("\"no-client-certificate\""));
    // They come, and nobody does anything.
    write(&certs, "late", &authority.certificate_for(HOST));
    wait_for("the late certificate", SOON, || {
        (statuses(&checked, &[MISSING]) == [200]).then_some(())
    });
    wait_for("the end of the refusal", Duration::from_secs(60), || {
        (!findings(&mut bed).contains(&told)).then_some(())
    });

    // A certificate is exchanged as a mounted Secret is, and the next connection shows it.
    write(&certs, "web", &other.certificate_for(HOST));
    wait_for("the new certificate", SOON, || {
        (statuses(&wrong, &[STRICT, HTTP2]) == [200, 200]).then_some(())
    });
}
