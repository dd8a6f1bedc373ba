use tulle_proto::envoy_types::pb::envoy::config::core::v3 as core;
use tulle_proto::envoy_types::pb::envoy::service::discovery::v3 as discovery;
use tulle_proto::envoy_types::pb::envoy::r#type::v3::SemanticVersion as EnvoyVersion;
use tulle_proto::envoy_types::pb::google;

use super::*;

fn node() -> core::Node {
    core::Node {
        id: "sidecar~10.0.0.1".into(),
        cluster: "c".into(),
        user_agent_name: "envoy".into(),
        user_agent_version_type: Some(core::node::UserAgentVersionType::UserAgentBuildVersion(
            core::BuildVersion {
                version: Some(EnvoyVersion {
                    major_number: 1,
                    minor_number: 40,
                    patch: 2,
                }),
                metadata: None,
            },
        )),
        extensions: (0..500)
            .map(|n| core::Extension {
                name: format!("envoy.filters.http.number_{n}"),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

fn error(message: &str) -> Option<google::rpc::Status> {
    Some(google::rpc::Status {
        code: 13,
        message: message.into(),
        details: vec![],
    })
}

#[test]
fn delta_requests_of_envoys_own_types_are_read() {
    let sent = discovery::DeltaDiscoveryRequest {
        node: Some(node()),
        type_url: "t".into(),
        resource_names_subscribe: vec!["a".into(), "*".into()],
        resource_names_unsubscribe: vec!["b".into()],
        initial_resource_versions: [("c".into(), "1".into())].into(),
        response_nonce: "7".into(),
        error_detail: error("why"),
        // p10: known to the language, not to this server
        resource_locators_subscribe: vec![discovery::ResourceLocator {
            name: "x".into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let read = decode_delta(&sent.encode_to_vec()).unwrap();
    let node = read.node.unwrap();
    assert_eq!(
        (node.id(), node.client()),
        ("sidecar~10.0.0.1", "envoy/1.40.2")
    );
    assert_eq!(
        (&*read.type_url, &*read.nonce, read.error.as_deref()),
        ("t", "7", Some("why"))
    );
    let Ask::Delta {
        subscribe,
        unsubscribe,
        initial,
    } = read.ask
    else {
        panic!()
    };
    assert_eq!(
        (subscribe, unsubscribe),
        (vec!["a".to_owned(), "*".to_owned()], vec!["b".to_owned()])
    );
    assert_eq!(initial, [("c".to_owned(), "1".to_owned())]);
}

#[test]
fn state_of_the_world_requests_of_envoys_own_types_are_read() {
    let mut grpc = node();
    grpc.user_agent_name = "gRPC C-core".into();
    grpc.user_agent_version_type = Some(core::node::UserAgentVersionType::UserAgentVersion(
        "C-core 1.85".into(),
    ));
    let sent = discovery::DiscoveryRequest {
        version_info: "v".into(),
        node: Some(grpc),
        resource_names: vec!["a".into()],
        type_url: "t".into(),
        response_nonce: "7".into(),
        error_detail: None,
        resource_locators: vec![discovery::ResourceLocator {
            name: "x".into(),
            ..Default::default()
        }],
    };
    let read = decode_sotw(&sent.encode_to_vec()).unwrap();
    assert_eq!(read.node.unwrap().client(), "gRPC C-core/C-core 1.85");
    assert_eq!(read.error, None);
    let Ask::Sotw {
        names,
        version_info,
    } = read.ask
    else {
        panic!()
    };
    assert_eq!((names, &*version_info), (vec!["a".to_owned()], "v"));
}

#[test]
fn an_empty_error_is_an_error() {
    let sent = discovery::DiscoveryRequest {
        error_detail: error(""),
        ..Default::default()
    };
    assert_eq!(
        decode_sotw(&sent.encode_to_vec()).unwrap().error.as_deref(),
        Some("")
    );
}

#[test]
fn nodes_are_bounded_and_harmless() {
    let mut node = node();
    node.id = format!("a\nb{}", "x".repeat(10_000));
    node.user_agent_name = "y".repeat(10_000);
    let sent = discovery::DiscoveryRequest {
        node: Some(node),
        ..Default::default()
    };
    let node = decode_sotw(&sent.encode_to_vec()).unwrap().node.unwrap();
    assert!(node.id().starts_with("a\\nbxx") && node.id().len() <= 256);
    assert!(node.client().len() <= 64);
}

proptest::proptest! {
    #[test]
    fn junk_does_no_harm(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let _ = decode_delta(&bytes);
        let _ = decode_sotw(&bytes);
    }
}
