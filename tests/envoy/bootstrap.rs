//! Real Envoys of every supported version read the bootstrap.

use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tulle_injector::bootstrap::{self, BOOTSTRAP_FILE, BootstrapSpec};

fn root() -> String {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap()
        .pem()
}

fn spec(node_cluster: &str, control_plane: &str, directory: &Path) -> BootstrapSpec {
    BootstrapSpec {
        node_id: "mesh/shop/virtualNode/front_shop".into(),
        node_cluster: node_cluster.into(),
        control_plane: control_plane.into(),
        control_plane_port: 15012,
        control_plane_identity: "spiffe://cluster.local/ns/tulle-system/sa/tulle".into(),
        admin: "127.80.1.4:9901".parse().unwrap(),
        token: "header.claims.signature".into(),
        root_pem: root(),
        directory: directory.to_owned(),
    }
}

/// Lets a real Envoy read the files; nothing may be wrong with them, nor old-fashioned.
fn check(envoy: &Path, node_cluster: &str, control_plane: &str) {
    let top = tempfile::tempdir().unwrap();
    let files = bootstrap::files(spec(node_cluster, control_plane, top.path())).unwrap();
    bootstrap::write(top.path(), &files).unwrap();
    let output = Command::new(envoy)
        .args(["--mode", "validate", "--log-level", "warning", "-c"])
        .arg(top.path().join(BOOTSTRAP_FILE))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let good =
        output.status.success() && !said.contains("[warning]") && !said.contains("deprecated");
    assert!(good, "{}: {said}\n{}", envoy.display(), files.bootstrap);
}

#[test]
fn envoy_accepts_the_bootstrap() {
    for (_, envoy) in tulle_tests::programs::envoys() {
        for control_plane in ["127.0.0.1", "::1", "localhost"] {
            check(&envoy, "mesh/shop/virtualNode/front_shop", control_plane);
        }
        // A name that Envoy's YAML reader took for a number, a truth or nothing would not fit the field.
        for name in [
            "yes",
            "off",
            "y",
            "true",
            "null",
            "~",
            "1",
            "010",
            "0x1f",
            "0o17",
            "1e3",
            "1_000",
            ".5",
            "+1",
            ".inf",
            "-",
            "a: b #",
            "'",
            "\"",
            "*a",
            "2026-11-21",
            " ",
            "[x]",
        ] {
            check(&envoy, name, "127.0.0.1");
        }
    }
}
