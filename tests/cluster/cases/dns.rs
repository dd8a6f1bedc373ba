//! Names that the cluster's DNS does not know: Cloud Map's, and VirtualServices' outside the cluster's domain.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tulle_cluster::case::{Case, must};
use tulle_cluster::command::run;
use tulle_cluster::kubectl::Kubectl;
use tulle_cluster::manifests::{App, client_node, document, kube_service, node};
use tulle_cluster::tools::Tools;
use tulle_cluster::tulle::NAMESPACE;

const NS: &str = "names";
const ZONE: &str = "names.pvt.test";

/// The cluster's CoreDNS with more server blocks than it came with, until this is dropped.
struct CoreDns<'a> {
    kubectl: &'a Kubectl,
    before: String,
}

impl<'a> CoreDns<'a> {
    fn with(case: &'a Case, block: &str) -> Self {
        let map = case.get("configmap coredns -n kube-system");
        let before = map["data"]["Corefile"].as_str().expect("a Corefile");
        let dns = Self {
            kubectl: case.kubectl(),
            before: before.to_owned(),
        };
        dns.set(&format!("{before}\n{block}")).expect("CoreDNS");
        dns
    }

    /// It is started anew, as the cluster's has no `reload`.
    fn set(&self, corefile: &str) -> anyhow::Result<()> {
        let map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "coredns", "namespace": "kube-system"},
            "data": {"Corefile": corefile},
        });
        self.kubectl.apply(&map.to_string())?;
        self.kubectl
            .run("rollout restart deployment/coredns -n kube-system")?;
        self.kubectl
            .run("rollout status deployment/coredns -n kube-system --timeout=120s")?;
        Ok(())
    }
}

impl Drop for CoreDns<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.set(&self.before) {
            eprintln!("CoreDNS is not as it was: {error:#}");
        }
    }
}

fn tulle(case: &Case, words: &str) -> Command {
    let tools = Tools::from_environment().expect("tools");
    let mut command = case.kubectl().inside(&tools.tulle.display().to_string());
    command.args(words.split(' '));
    command
}

/// Calls a name from the client's application, which resolves it as every program does.
fn called(case: &Case, name: &str, port: u16) -> anyhow::Result<Value> {
    let to = format!("{name}:{port}");
    let report = loaded(case, &["--to", &to, "--host", name], "0.5")?;
    let line = report.lines().rev().find(|line| line.starts_with('{'));
    let outcome: Value = serde_json::from_str(line.context("a report")?)?;
    anyhow::ensure!(outcome["lost"] == 0, "{report}");
    Ok(outcome)
}

/// The report of a load from the client's application for so many seconds; an error where a name does not resolve.
fn loaded(case: &Case, words: &[&str], seconds: &str) -> anyhow::Result<String> {
    let mut all = vec!["/usr/local/bin/tulle-sample", "load", "--seconds", seconds];
    all.extend(words);
    run(&mut case.exec(NS, "deployment/client", "app", &all))
}

/// The code and the number of answers that Tulle gives for the A records of a name.
fn asked(server: Ipv4Addr, name: &str) -> anyhow::Result<(u8, u16)> {
    let mut question = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len())?);
        question.extend(label.bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.send_to(&question, (server, 53))?;
    let mut answer = [0; 512];
    let (length, _) = socket.recv_from(&mut answer)?;
    anyhow::ensure!(length >= 12, "{length} bytes");
    Ok((answer[3] & 0x0f, u16::from_be_bytes([answer[6], answer[7]])))
}

fn manifests() -> String {
    let mut text = client_node(NS, "client", &["color", "other"]);
    text += &document(
        "VirtualNode",
        NS,
        "blue",
        &format!(
            "  podSelector: {{matchLabels: {{app: blue}}}}
  listeners: [{{portMapping: {{port: 8080, protocol: http}}}}]
  serviceDiscovery: {{awsCloudMap: {{namespaceName: {ZONE}, serviceName: color}}}}
"
        ),
    );
    text += &node(NS, "green", &[]);
    text += &kube_service(NS, "green");
    for (name, provider) in [("color", "blue"), ("other", "green")] {
        text += &document(
            "VirtualService",
            NS,
            name,
            &format!(
                "  awsName: {name}.{ZONE}\n  provider: {{virtualNode: {{virtualNodeRef: {{name: {provider}}}}}}}\n"
            ),
        );
    }
    text
}

#[test]
fn names_of_cloud_map_and_beside_it_are_answered_for_meshed_pods() {
    let case = Case::alone();
    case.mesh(NS);
    case.apply(&manifests());
    let apps = ["client", "blue", "green"];
    case.apply(&apps.map(|name| App::new(NS, name).yaml()).concat());
    case.ready(NS, &apps);

    // the zone is there without a setting, and the tool prints what CoreDNS has to be told
    let block = case.eventually("the zone", Duration::from_secs(20), || {
        let block = run(&mut tulle(&case, "dns corefile"))?;
        anyhow::ensure!(block.contains(&format!("{ZONE}:53")), "{block}");
        Ok(block)
    });
    let server: Ipv4Addr = case.cluster_ip(NAMESPACE, "tulle-dns").parse().unwrap();
    assert!(block.contains(&format!("forward . {server}\n")), "{block}");

    // by UDP to the Service itself: 0 no error, 3 no such name, 5 refused; any replica may answer, and one may have
    // seen less than the one that the tool asked
    let color = format!("color.{ZONE}");
    let other = format!("other.{ZONE}");
    for (name, expected) in [
        (color.as_str(), (0, 1)),
        (&other, (0, 1)),
        (ZONE, (0, 0)),
        (&format!("nobody.{ZONE}"), (3, 0)),
        ("kubernetes.default.svc.cluster.local", (5, 0)),
    ] {
        case.eventually(name, Duration::from_secs(20), || {
            let answer = asked(server, name)?;
            anyhow::ensure!(answer == expected, "{answer:?}, not {expected:?}");
            Ok(())
        });
    }

    // an application calls the names, and Envoy takes it where the mesh says
    let dns = CoreDns::with(&case, &block);
    for (name, by) in [(&color, "blue"), (&other, "green")] {
        let outcome = case.eventually(name, Duration::from_secs(30), || called(&case, name, 8080));
        assert!(outcome.to_string().contains(by), "{name}: {outcome}");
    }
    // names of the cluster go on resolving; the CoreDNS that ends may be asked a last time
    case.eventually("green's own name", Duration::from_secs(30), || {
        let words = ["--to", "green.names:8080", "--host", &other];
        loaded(&case, &words, "0.2")
    });

    // pods come and go: each ready one has its address there, and the name stays when none is left
    for (replicas, expected) in [(3, 3), (1, 1), (0, 0)] {
        case.run(&format!(
            "scale deployment/blue -n {NS} --replicas={replicas}"
        ));
        case.eventually("the pods' addresses", Duration::from_secs(60), || {
            let answer = asked(server, &color)?;
            anyhow::ensure!(answer == (0, expected), "{answer:?}");
            Ok(())
        });
    }
    let names = must(&mut tulle(&case, "dns names"));
    assert!(names.contains(&other), "{names}");
    drop(dns);

    // when the last node of the registry goes, so does its zone
    case.run(&format!("delete virtualnode/blue -n {NS}"));
    case.eventually("the zone to go", Duration::from_secs(20), || {
        let answer = asked(server, &color)?;
        anyhow::ensure!(answer.0 == 5, "{answer:?}");
        Ok(())
    });
    assert!(case.metric("tulle_dns_answered_total") > 0.0);
    assert_eq!(case.metric("tulle_dns_panics_total"), 0.0);
}
