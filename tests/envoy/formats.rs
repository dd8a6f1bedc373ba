//! Formats of access logs: what is taken for right is what every supported Envoy takes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tulle_tests::process::{Process, wait_for};
use tulle_tests::programs;

/// The texts with the verdicts that the reader of formats is held to.
const TRIED: &str = include_str!("../../control-plane/model/src/logging/format/tried.txt");

/// So many listeners in one Envoy.
const AT_ONCE: usize = 1500;

fn listener(index: usize, text: &str) -> Value {
    let types = "type.googleapis.com/envoy";
    let format = json!({"text_format_source": {"inline_string": text}});
    let log = json!({"name": "log", "typed_config": {
        "@type": format!("{types}.extensions.access_loggers.file.v3.FileAccessLog"), "path": "/dev/null", "log_format": format,
    }});
    let proxy = json!({"name": "proxy", "typed_config": {
        "@type": format!("{types}.extensions.filters.network.tcp_proxy.v3.TcpProxy"), "stat_prefix": "a", "cluster": "a", "access_log": [log],
    }});
    json!({
        "@type": format!("{types}.config.listener.v3.Listener"), "name": index.to_string(), "bind_to_port": false,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 20_000 + index}},
        "filter_chains": [{"filters": [proxy]}],
    })
}

/// Which of the texts an Envoy takes.
fn taken(envoy: &Path, texts: &[&str]) -> Vec<bool> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let listeners: Vec<Value> = (0..)
        .zip(texts)
        .map(|(n, text)| listener(n, text))
        .collect();
    let save = |name: &str, content: Value| {
        std::fs::write(file(name), content.to_string()).expect("writable");
    };
    save("lds.json", json!({"resources": listeners}));
    let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": 0}});
    save(
        "bootstrap.json",
        json!({
            "node": {"id": "a", "cluster": "a"}, "admin": {"address": address},
            "dynamic_resources": {"lds_config": {"path_config_source": {"path": file("lds.json")}}},
            "static_resources": {"clusters": [{"name": "a", "type": "STATIC"}]},
        }),
    );
    let mut command = Command::new(envoy);
    command.arg("-c").arg(file("bootstrap.json"));
    command.arg("--admin-address-path").arg(file("admin"));
    command.args(["--use-dynamic-base-id", "--concurrency", "1", "-l", "error"]);
    let _envoy = Process::start(&mut command, &file("log"));
    let page = wait_for("the listeners", Duration::from_secs(60), || {
        let admin = std::fs::read_to_string(file("admin")).ok()?;
        let get = |path: &str| {
            let answer = Command::new("curl")
                .args(["-sf", &format!("http://{admin}{path}")])
                .output()
                .ok()?;
            answer.status.success().then_some(answer.stdout)
        };
        get("/ready")?;
        let page: Value =
            serde_json::from_slice(&get("/config_dump?resource=dynamic_listeners")?).ok()?;
        let shown = page["configs"].as_array()?;
        (shown.len() >= texts.len()).then(|| shown.clone())
    });
    let mut taken = vec![true; texts.len()];
    for entry in page {
        let error = &entry["error_state"];
        if error.is_object() {
            let name = error["failed_configuration"]["name"]
                .as_str()
                .expect("a name");
            taken[name.parse::<usize>().expect("an index")] = false;
        }
    }
    taken
}

#[test]
fn every_supported_envoy_agrees_with_the_reader_of_formats() {
    let lines = TRIED.lines().map(|line| {
        let (verdict, text) = line.split_once(' ').expect("a verdict and a text");
        let text: String = serde_json::from_str(text).expect("a JSON string");
        (verdict == "takes", text)
    });
    let (verdicts, texts): (Vec<bool>, Vec<String>) = lines.unzip();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut by_all = vec![true; texts.len()];
    for (_, envoy) in programs::envoys() {
        for (n, part) in texts.chunks(AT_ONCE).enumerate() {
            for (m, taken) in taken(&envoy, part).into_iter().enumerate() {
                by_all[n * AT_ONCE + m] &= taken;
            }
        }
    }
    let wrong: Vec<&&str> = texts
        .iter()
        .zip(by_all.iter().zip(&verdicts))
        .filter_map(|(text, (taken, verdict))| (taken != verdict).then_some(text))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(texts.len() > 3000);
}
