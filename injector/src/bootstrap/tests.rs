use std::os::unix::fs::PermissionsExt;
use std::{fs, path::Path};

use tulle_proto::bootstrap::Bootstrap;
use tulle_proto::{from_json, message_to_json, prost};

use super::*;

fn spec() -> BootstrapSpec {
    BootstrapSpec {
        node_id: "mesh/shop/virtualNode/front_shop".into(),
        node_cluster: "mesh/shop/virtualNode/front_shop".into(),
        control_plane: "127.0.0.1".into(),
        control_plane_port: 15012,
        control_plane_identity: "spiffe://cluster.local/ns/tulle-system/sa/tulle".into(),
        admin: "127.0.0.1:9901".parse().unwrap(),
        token: "header.claims.signature".into(),
        root_pem: "-----BEGIN CERTIFICATE-----\n".into(),
        directory: "/etc/tulle".into(),
    }
}

#[test]
fn text_is_the_typed_bootstrap() {
    let spec = spec();
    let files = files(spec.clone()).unwrap();
    let value: serde_json::Value = tulle_proto::from_yaml(&files.bootstrap).unwrap();
    let bytes = from_json("envoy.config.bootstrap.v3.Bootstrap", value).unwrap();
    let read: Bootstrap = prost::Message::decode(bytes.as_slice()).unwrap();
    let typed = envoy::bootstrap(
        &spec,
        &Server::Address,
        "/etc/tulle/token-sds.yaml",
        "/etc/tulle/root-sds.yaml",
    );
    assert_eq!(
        message_to_json(&read).unwrap(),
        message_to_json(&typed).unwrap()
    );
    assert_eq!(files, super::files(spec).unwrap(), "the same every time");
}

#[test]
fn token_is_only_in_its_file() {
    let spec = spec();
    let files = files(spec.clone()).unwrap();
    for text in [
        &files.bootstrap,
        &files.token_sds,
        &files.root_sds,
        &format!("{spec:?} {files:?}"),
    ] {
        assert!(!text.contains("signature"), "{text}");
    }
    assert!(files.token_sds.contains("/etc/tulle/token"));
    assert!(
        files.root_sds.contains("/etc/tulle/root.pem")
            && files
                .root_sds
                .contains("spiffe://cluster.local/ns/tulle-system/sa/tulle")
    );
}

#[test]
fn names_are_resolved_and_addresses_are_not() {
    let named = files(BootstrapSpec {
        control_plane: "tulle.tulle-system.svc".into(),
        ..spec()
    })
    .unwrap()
    .bootstrap;
    assert!(
        named.contains("STRICT_DNS") && named.contains("sni: tulle.tulle-system.svc"),
        "{named}"
    );
    let six = files(BootstrapSpec {
        control_plane: "fd00::1".into(),
        ..spec()
    })
    .unwrap()
    .bootstrap;
    assert!(
        !six.contains("STRICT_DNS") && !six.contains("sni:"),
        "{six}"
    );
}

#[test]
fn what_envoy_would_not_understand_is_refused() {
    let refused = |change: fn(&mut BootstrapSpec), word: &str| {
        let mut spec = spec();
        change(&mut spec);
        let error = files(spec).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    refused(|s| s.node_id.clear(), "node id");
    refused(|s| s.control_plane = "a b".into(), "a b");
    refused(|s| s.control_plane = "http://x".into(), "http://x");
    refused(|s| s.control_plane_port = 0, "control plane");
    refused(|s| s.admin.set_port(0), "admin");
    refused(|s| s.token = "a\nb".into(), "token");
}

#[test]
fn files_are_replaced_whole_and_token_is_private() {
    let top = tempfile::tempdir().unwrap();
    let directory = top.path().join("front");
    write(&directory, &files(spec()).unwrap()).unwrap();
    write(
        &directory,
        &files(BootstrapSpec {
            token: "second".into(),
            ..spec()
        })
        .unwrap(),
    )
    .unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&directory.join(TOKEN_FILE)), 0o600);
    assert_eq!(
        fs::read_to_string(directory.join(TOKEN_FILE)).unwrap(),
        "second"
    );
    let mut names: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            BOOTSTRAP_FILE,
            ROOT_SDS_FILE,
            ROOT_FILE,
            TOKEN_FILE,
            TOKEN_SDS_FILE
        ]
    );

    fs::write(top.path().join("file"), "").unwrap();
    assert!(write(&top.path().join("file"), &files(spec()).unwrap()).is_err());
}
