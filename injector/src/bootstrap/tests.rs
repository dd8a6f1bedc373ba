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
    let typed = envoy::bootstrap(envoy::Parts {
        node: Some(Node {
            id: spec.node_id.clone(),
            cluster: spec.node_cluster.clone(),
            ..Default::default()
        }),
        admin: spec.admin,
        control_plane: &spec.control_plane,
        control_plane_port: spec.control_plane_port,
        server: &Server::Address,
        token_sds: "/etc/tulle/token-sds.yaml",
        root_sds: "/etc/tulle/root-sds.yaml",
        watched: None,
        listeners: Vec::new(),
        clusters: Vec::new(),
        tags: Vec::new(),
        outlier_log: None,
    });
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
        named.contains("v3.DnsCluster") && named.contains("sni: tulle.tulle-system.svc"),
        "{named}"
    );
    let six = files(BootstrapSpec {
        control_plane: "fd00::1".into(),
        ..spec()
    })
    .unwrap()
    .bootstrap;
    assert!(
        !six.contains("v3.DnsCluster") && !six.contains("sni:"),
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

fn shared_spec() -> SharedSpec {
    SharedSpec {
        control_plane: "tulle.tulle-system.svc.cluster.local".into(),
        control_plane_port: 15012,
        control_plane_identity: "spiffe://cluster.local/ns/tulle-system/sa/tulle".into(),
        root_pem: "-----BEGIN CERTIFICATE-----\n".into(),
        ipv6: false,
    }
}

#[test]
fn shared_files_are_of_no_pod_and_watch_the_folder() {
    let data = shared(shared_spec()).unwrap().into_data();
    let names: Vec<_> = data.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [BOOTSTRAP_FILE, ROOT_SDS_FILE, ROOT_FILE, TOKEN_SDS_FILE]
    );
    let bootstrap: serde_json::Value = tulle_proto::from_yaml(&data[BOOTSTRAP_FILE]).unwrap();
    assert!(bootstrap["node"].is_null(), "{bootstrap}");
    assert_eq!(
        bootstrap["admin"]["address"]["socket_address"]["address"],
        "127.0.0.1"
    );
    assert_eq!(
        data[BOOTSTRAP_FILE].matches("path: /etc/tulle\n").count(),
        2,
        "both SDS files are watched: {}",
        data[BOOTSTRAP_FILE]
    );
    let server = "tulle.tulle-system.svc.cluster.local";
    for part in [
        format!("address: {server}.\n"),
        format!("sni: {server}\n"),
        format!("authority: {server}\n"),
    ] {
        assert!(data[BOOTSTRAP_FILE].contains(&part), "{part}");
    }
    assert!(data[TOKEN_SDS_FILE].contains("/var/run/secrets/tulle.dev/token"));
    assert!(data[ROOT_SDS_FILE].contains("/etc/tulle/root.pem"));
    assert_eq!(data, shared(shared_spec()).unwrap().into_data());
}

#[test]
fn shared_listeners_answer_two_exact_paths() {
    let bootstrap = |ipv6| -> serde_json::Value {
        let files = shared(SharedSpec {
            ipv6,
            ..shared_spec()
        });
        tulle_proto::from_yaml(&files.unwrap().bootstrap).unwrap()
    };
    let four = bootstrap(false);
    let listeners = four["static_resources"]["listeners"].as_array().unwrap();
    let ports: Vec<_> = listeners
        .iter()
        .map(|l| l["address"]["socket_address"]["port_value"].clone())
        .collect();
    assert_eq!(ports, [15021, 15090]);
    for listener in listeners {
        assert_eq!(listener["address"]["socket_address"]["address"], "0.0.0.0");
        let manager = &listener["filter_chains"][0]["filters"][0]["typed_config"];
        let routes = manager["route_config"]["virtual_hosts"][0]["routes"]
            .as_array()
            .unwrap();
        assert_eq!(routes.len(), 1);
        assert!(routes[0]["match"]["path"].is_string(), "{}", routes[0]);
    }
    let six = bootstrap(true);
    let address = &six["static_resources"]["listeners"][0]["address"]["socket_address"];
    assert_eq!(address["address"], "::");
    assert_eq!(address["ipv4_compat"], true);
}

#[test]
fn shared_files_refuse_what_envoy_would_not_understand() {
    let refused = |change: fn(&mut SharedSpec), word: &str| {
        let mut spec = shared_spec();
        change(&mut spec);
        let error = shared(spec).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    refused(|s| s.control_plane = "a b".into(), "a b");
    refused(|s| s.control_plane_port = 0, "control plane");
    refused(|s| s.control_plane_identity.clear(), "identity");
    refused(|s| s.root_pem.clear(), "root");
}
