use std::collections::HashMap;

use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::google::protobuf::{
    Duration, Struct, UInt32Value, Value as ProtoValue, value::Kind,
};
use prost::{Message, Name};
use serde_json::json;

use super::*;
use crate::{any, cluster, core, http_connection_manager as hcm, listener, upstream_http};

fn reread<M: Name + Default>(message: &M) -> (Value, M) {
    let value = message_to_json(message).unwrap();
    let bytes = from_json(&M::type_url(), value.clone()).unwrap();
    (value, M::decode(bytes.as_slice()).unwrap())
}

#[test]
fn cluster_with_protocol_options() {
    let options = upstream_http::HttpProtocolOptions {
        upstream_protocol_options: Some(
            upstream_http::http_protocol_options::UpstreamProtocolOptions::ExplicitHttpConfig(
                upstream_http::http_protocol_options::ExplicitHttpConfig {
                    protocol_config: Some(
                        upstream_http::http_protocol_options::explicit_http_config::ProtocolConfig::Http2ProtocolOptions(
                            core::Http2ProtocolOptions {
                                max_concurrent_streams: Some(UInt32Value { value: 0 }),
                                ..Default::default()
                            },
                        ),
                    ),
                },
            ),
        ),
        ..Default::default()
    };
    let message = cluster::Cluster {
        name: "cds_egress_mesh_front_http_8080".into(),
        connect_timeout: Some(Duration {
            seconds: 1,
            nanos: 500_000_000,
        }),
        typed_extension_protocol_options: HashMap::from([(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions".into(),
            any(&options),
        )]),
        metadata: Some(core::Metadata {
            filter_metadata: HashMap::from([(
                "tulle.dev".into(),
                Struct {
                    fields: HashMap::from([(
                        "kind".into(),
                        ProtoValue {
                            kind: Some(Kind::StringValue("virtualnode".into())),
                        },
                    )]),
                },
            )]),
            ..Default::default()
        }),
        ..Default::default()
    };

    let (value, again) = reread(&message);
    assert_eq!(
        value,
        json!({
            "name": "cds_egress_mesh_front_http_8080",
            "connect_timeout": "1.500s",
            "metadata": {"filter_metadata": {"tulle.dev": {"kind": "virtualnode"}}},
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    // A wrapper that holds zero is not a default.
                    "explicit_http_config": {"http2_protocol_options": {"max_concurrent_streams": 0}}
                }
            }
        })
    );
    assert_eq!(again, message);
}

#[test]
fn listener_with_router() {
    let manager = hcm::HttpConnectionManager {
        stat_prefix: "ingress".into(),
        http_filters: vec![hcm::HttpFilter {
            name: "envoy.filters.http.router".into(),
            config_type: Some(hcm::http_filter::ConfigType::TypedConfig(any(
                &Router::default(),
            ))),
            ..Default::default()
        }],
        ..Default::default()
    };
    let message = listener::Listener {
        name: "lds_ingress_0.0.0.0_15000".into(),
        filter_chains: vec![listener::FilterChain {
            filters: vec![listener::Filter {
                name: "envoy.filters.network.http_connection_manager".into(),
                config_type: Some(listener::filter::ConfigType::TypedConfig(any(&manager))),
            }],
            ..Default::default()
        }],
        ..Default::default()
    };

    let (value, again) = reread(&message);
    assert_eq!(
        value["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"][0]["typed_config"],
        json!({"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"})
    );
    assert_eq!(again, message);

    let packed = any_to_json(&any(&message)).unwrap();
    assert_eq!(
        packed["@type"],
        "type.googleapis.com/envoy.config.listener.v3.Listener"
    );
    assert_eq!(
        from_json("envoy.config.listener.v3.Listener", packed).unwrap(),
        message.encode_to_vec()
    );
}

#[test]
fn same_bytes_same_text() {
    let keys: Vec<String> = (0..50).map(|i| format!("key-{i}")).collect();
    let struct_of = |keys: &mut dyn Iterator<Item = &String>| Struct {
        fields: keys
            .map(|key| {
                let kind = Some(Kind::NumberValue(1.5));
                (key.clone(), ProtoValue { kind })
            })
            .collect(),
    };
    let one = message_to_json(&struct_of(&mut keys.iter())).unwrap();
    let other = message_to_json(&struct_of(&mut keys.iter().rev())).unwrap();
    assert_eq!(one.to_string(), other.to_string());
}

#[test]
fn errors_name_the_type() {
    let unknown = Any {
        type_url: "type.googleapis.com/envoy.Nothing".into(),
        value: Vec::new(),
    };
    let error = any_to_json(&unknown).unwrap_err();
    assert!(matches!(error, JsonError::UnknownType { .. }));
    assert!(error.to_string().contains("envoy.Nothing"), "{error}");

    let outer = listener::Filter {
        name: "x".into(),
        config_type: Some(listener::filter::ConfigType::TypedConfig(unknown)),
    };
    let error = message_to_json(&outer).unwrap_err().to_string();
    assert!(
        error.contains("envoy.config.listener.v3.Filter") && error.contains("envoy.Nothing"),
        "{error}"
    );

    let cluster = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
    let error = to_json(cluster, &[0xff]).unwrap_err().to_string();
    assert!(error.contains(cluster), "{error}");
    let error = from_json(cluster, json!({"nmae": "x"}))
        .unwrap_err()
        .to_string();
    assert!(error.contains("nmae"), "{error}");
    let error = from_json(cluster, json!({"@type": "type.googleapis.com/x.Y"})).unwrap_err();
    assert!(matches!(error, JsonError::TypeMismatch { .. }));
    let error = from_json(
        cluster,
        json!({"transport_socket": {"name": "x", "typed_config": {"@type": "x.y/a.B"}}}),
    )
    .unwrap_err();
    assert!(error.to_string().contains("a.B"), "{error}");
}

#[test]
fn well_known_types_inside_any() {
    let duration = Duration {
        seconds: 3,
        nanos: 0,
    };
    let value = any_to_json(&any(&duration)).unwrap();
    assert_eq!(
        value,
        json!({"@type": "type.googleapis.com/google.protobuf.Duration", "value": "3s"})
    );
}

#[test]
fn yaml_keeps_the_kind_of_scalars() {
    let words = vec![
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "true",
        "null",
        "~",
        "",
        "1",
        "010",
        "0x1f",
        "1e3",
        "1_000",
        ".inf",
        "-",
        "a: b",
        "#x",
        "1.2.3.4",
        "2026-11-21",
        "*",
        "&x",
        "@x",
        "%REQ(:path)%",
        "a\nb",
        " x",
        "[::1]",
        "{}",
        "!tag",
        "`",
        "'",
        "\"",
        "\\",
        "é\u{7f}",
    ];
    let value =
        json!({ "words": words, "number": 15001, "truth": true, "nothing": {}, "none": [] });
    let text = to_yaml(&value).unwrap();
    let again = from_yaml(&text).unwrap();
    assert_eq!(again, value, "{text}");
    for word in [
        "yes", "no", "on", "off", "y", "n", "true", "null", "~", "1", "010", "0x1f", "1e3", ".inf",
    ] {
        assert!(
            text.contains(&format!("\"{word}\"")) || text.contains(&format!("'{word}'")),
            "{word}: {text}"
        );
    }
}

#[test]
fn whole_numbers_have_no_fraction() {
    let number = |n: f64| {
        message_to_json(&ProtoValue {
            kind: Some(Kind::NumberValue(n)),
        })
        .unwrap()
        .to_string()
    };
    assert_eq!(number(32_768.0), "32768");
    assert_eq!(number(-1.0), "-1");
    assert_eq!(number(-0.0), "0");
    assert_eq!(number(1.5), "1.5");
    assert_eq!(number(1e300), "1e+300");
}
