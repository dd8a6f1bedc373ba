//! The command line's contract: what is printed where, and exit codes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tulle_tests::programs;

fn tulle(arguments: &[&str]) -> Output {
    let output = Command::new(programs::tulle()).args(arguments).output();
    output.expect("tulle runs")
}

fn case(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden/appmesh")
        .join(name)
        .join("in.yaml");
    path.display().to_string()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_owned()).expect("text")
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("writable");
    path
}

#[test]
fn compile_prints_sections_in_both_forms() {
    let arguments = [
        "compile",
        "--manifests",
        &case("two-nodes"),
        "--proxy",
        "virtualnode/shop/client",
    ];
    let yaml = tulle(&arguments);
    assert_eq!(yaml.status.code(), Some(0));
    assert_eq!(text(&yaml.stderr), "");
    let json = tulle(&[&arguments[..], &["-o", "json"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    for section in ["clusters", "endpoints", "listeners", "routes"] {
        assert!(text(&yaml.stdout).contains(&format!("{section}:\n")));
        assert!(json[section].is_array(), "{section}");
    }
}

#[test]
fn a_static_bootstrap_is_accepted_by_envoy() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = [
        "compile",
        "--manifests",
        &case("tcp"),
        "--proxy",
        "virtualnode/shop/client",
        "--static",
    ];
    let bootstrap = file(&folder, "envoy.yaml", &text(&tulle(&arguments).stdout));
    let output = Command::new(programs::envoy())
        .args([
            "--mode",
            "validate",
            "--use-dynamic-base-id",
            "-l",
            "error",
            "-c",
        ])
        .arg(bootstrap)
        .output()
        .expect("Envoy runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn compile_exits_with_1_for_errors_of_that_proxy_alone() {
    let bad = case("bad-objects");
    let client = tulle(&[
        "compile",
        "--manifests",
        &bad,
        "--proxy",
        "virtualnode/shop/client",
    ]);
    assert_eq!(client.status.code(), Some(1));
    let told = text(&client.stderr);
    assert!(
        told.contains(
            "VirtualService shop/dangling: spec.provider: VirtualRouter shop/nowhere does not exist"
        ),
        "{told}"
    );
    let good = tulle(&[
        "compile",
        "--manifests",
        &bad,
        "--proxy",
        "virtualnode/shop/good",
    ]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    let folder = tempfile::tempdir().expect("a folder");
    let unreadable = file(&folder, "broken.yaml", "a: [\n");
    let two = case("two-nodes");
    let unreadable = unreadable.display().to_string();
    let output = tulle(&[
        "compile",
        "--manifests",
        &two,
        &unreadable,
        "--proxy",
        "virtualnode/shop/client",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("broken.yaml:"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn what_cannot_be_done_exits_with_2_and_says_why() {
    let two = case("two-nodes");
    let folder = tempfile::tempdir().expect("a folder");
    let config = file(
        &folder,
        "settings.yaml",
        "apiVersion: tulle.dev/v1alpha1\nkind: MeshConfig\nspec: {listen: {xds: many}}\n",
    );
    let config = config.display().to_string();
    let nowhere = folder.path().join("nowhere").display().to_string();
    let out = folder.path().join("out").display().to_string();
    for (arguments, told) in [
        (
            vec![
                "compile",
                "--manifests",
                &two,
                "--proxy",
                "virtualnode/shop/nobody",
            ],
            "no object declares virtualnode/shop/nobody",
        ),
        (
            vec![
                "compile",
                "--manifests",
                &nowhere,
                "--proxy",
                "virtualnode/shop/client",
            ],
            "no such file",
        ),
        (
            vec!["compile", "--manifests", &two, "--proxy", "node/client"],
            "virtualnode/NAMESPACE/NAME",
        ),
        (
            vec![
                "compile",
                "--manifests",
                &two,
                "--proxy",
                "virtualnode/shop/client",
                "--config",
                &config,
            ],
            "spec.listen.xds",
        ),
        (
            vec![
                "bootstrap",
                "--proxy",
                "virtualnode/shop/client",
                "--out",
                &out,
                "--state",
                &nowhere,
            ],
            "tulle serve --state",
        ),
        (
            vec![
                "bootstrap",
                "--proxy",
                "virtualnode/shop/client",
                "--out",
                &out,
                "--state",
                &nowhere,
                "--capture",
                "loopback=10.0.0.0/29",
            ],
            "127.0.0.0/8",
        ),
    ] {
        let output = tulle(&arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(
            text(&output.stderr).contains(told),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn settings_reach_what_is_compiled() {
    let folder = tempfile::tempdir().expect("a folder");
    let compile = |case_name: &str, proxy: &str, spec: &str| {
        let config =
            format!("apiVersion: tulle.dev/v1alpha1\nkind: MeshConfig\nspec: {{{spec}}}\n");
        let config = file(&folder, "settings.yaml", &config)
            .display()
            .to_string();
        text(
            &tulle(&[
                "compile",
                "--manifests",
                &case(case_name),
                "--proxy",
                proxy,
                "--config",
                &config,
            ])
            .stdout,
        )
    };
    let client = "virtualnode/shop/client";
    assert!(compile("two-nodes", client, "").contains("retry_policy"));
    assert!(!compile("two-nodes", client, "implicitRetry: false").contains("retry_policy"));
    assert!(compile("two-nodes", client, "").contains("type: EDS"));
    assert!(!compile("two-nodes", client, "plainDNS: true").contains("type: EDS"));
    assert!(!compile("two-nodes", client, "clusterDomain: other.local").contains("type: EDS"));
    let gateway = "virtualgateway/shop/in";
    assert!(
        compile("gateway", gateway, "gateways: {trustedHops: 2}")
            .contains("xff_num_trusted_hops: 2")
    );
}

#[test]
fn the_rest_prints_what_it_says() {
    let rules = text(
        &tulle(&[
            "capture",
            "--dry-run",
            "--app-ports",
            "8080,8081",
            "--ignore-ports",
            "3306",
        ])
        .stdout,
    );
    assert!(
        rules.contains("table inet tulle") && rules.contains("3306") && rules.contains("8081"),
        "{rules}"
    );
    let version: serde_json::Value =
        serde_json::from_slice(&tulle(&["version", "-o", "json"]).stdout).expect("JSON");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            text(&tulle(&["completion", shell]).stdout).contains("bootstrap"),
            "{shell}"
        );
    }
    let help = text(&tulle(&["--help"]).stdout);
    assert!(
        help.contains("Exit codes") && !help.contains("exec-tied"),
        "{help}"
    );
}
