use std::time::Duration;

use serde_json::json;
use tulle_model::fragment::{BackendGroupRef, Discovery, Fragment, Listener, Workload};
use tulle_model::policy::{Protocol, Timeouts};
use tulle_model::selector::Selector;

use super::*;
use crate::names::name;

fn node(fragment: Fragment) -> Workload {
    match fragment {
        Fragment::Workload(workload) => *workload,
        other => panic!("{other:?}"),
    }
}

fn with_listener(listener: Value) -> Value {
    json!({"listeners": [listener], "serviceDiscovery": {"dns": {"hostname": "one.shop"}}})
}

fn mapping(port: i64, protocol: &str) -> Value {
    json!({"portMapping": {"port": port, "protocol": protocol}})
}

#[test]
fn a_whole_node() {
    let node = node(clean(
        "VirtualNode",
        json!({
            "meshRef": {"name": "m", "uid": "1"},
            "podSelector": {},
            "listeners": [mapping(8080, "http"), mapping(6379, "tcp")],
            "serviceDiscovery": {"dns": {"hostname": "One.Shop.svc.cluster.local."}},
            "backends": [
                {"virtualService": {"virtualServiceRef": {"name": "color"}}},
                {"virtualService": {"virtualServiceRef": {"name": "color", "namespace": "x"}}},
            ],
            "backendGroups": [
                {"name": "g"}, {"name": "*", "namespace": "x"}, {"name": "g", "namespace": "shop"},
            ],
        }),
    ));
    assert_eq!(node.mesh, Some(name("", "m")));
    assert_eq!(node.pods, Some(Selector::default()));
    let listener = |port, protocol| Listener {
        port,
        protocol,
        timeouts: Timeouts::default(),
        tls: None,
        pool: None,
        outlier_detection: None,
        health_check: None,
        rate_limit: None,
    };
    assert_eq!(
        node.listeners,
        [
            listener(8080, Protocol::Http),
            listener(6379, Protocol::Tcp)
        ]
    );
    assert_eq!(
        node.discovery,
        Some(Discovery::Dns {
            hostname: "one.shop.svc.cluster.local".into(),
            all_addresses: false
        })
    );
    assert_eq!(&*node.backends[1].field, "spec.backends[1]");
    let group = |namespace: &str, group, field: &str| BackendGroupRef {
        namespace: namespace.into(),
        group,
        field: field.into(),
    };
    assert_eq!(
        node.backend_groups,
        [
            group("shop", Some(name("shop", "g")), "spec.backendGroups[0]"),
            group("x", None, "spec.backendGroups[1]"),
        ]
    );
}

#[test]
fn an_absent_pod_selector_selects_nothing() {
    assert_eq!(node(clean("VirtualNode", json!({}))).pods, None);
}

#[test]
fn one_bad_listener_is_left_out() {
    for (port, message) in [
        (0, "0 is no port"),
        (65536, "is no port"),
        (-1, "is no port"),
        (80, "has a listener already"),
    ] {
        let mut spec = with_listener(mapping(80, "http"));
        spec["listeners"]
            .as_array_mut()
            .unwrap()
            .push(mapping(port, "http2"));
        let field = "spec.listeners[1].portMapping.port";
        let fragment = one_finding("VirtualNode", spec, Severity::Error, field, message);
        let listeners = node(fragment.unwrap()).listeners;
        assert_eq!(listeners.len(), 1);
        assert_eq!(
            (listeners[0].port, listeners[0].protocol),
            (80, Protocol::Http)
        );
    }
}

#[test]
fn timeouts_of_the_listeners_protocol_count() {
    let limits =
        json!({"perRequest": {"unit": "s", "value": 60}, "idle": {"unit": "ms", "value": 0}});
    for protocol in ["http", "http2", "grpc", "tcp"] {
        let mut listener = mapping(80, protocol);
        listener["timeout"] = json!({ protocol: limits });
        let node = node(clean("VirtualNode", with_listener(listener)));
        let expected = Timeouts {
            request: (protocol != "tcp").then_some(Duration::from_secs(60)),
            idle: Some(Duration::ZERO),
        };
        assert_eq!(node.listeners[0].timeouts, expected, "{protocol}");
    }
}

#[test]
fn timeouts_of_another_protocol_are_an_error() {
    let mut listener = mapping(80, "http2");
    listener["timeout"] = json!({
        "http": {"perRequest": {"unit": "s", "value": 60}},
        "http2": {"perRequest": {"unit": "s", "value": 1}},
    });
    let fragment = one_finding(
        "VirtualNode",
        with_listener(listener),
        Severity::Error,
        "spec.listeners[0].timeout.http",
        "the listener speaks http2",
    );
    let timeouts = node(fragment.unwrap()).listeners[0].timeouts;
    assert_eq!(timeouts.request, Some(Duration::from_secs(1)));
}

#[test]
fn durations_out_of_bounds() {
    for (value, severity, expected) in [
        (-1, Severity::Error, None),
        (i64::MAX, Severity::Warning, Some(Duration::ZERO)),
    ] {
        let mut listener = mapping(80, "http");
        listener["timeout"] = json!({"http": {"perRequest": {"unit": "s", "value": value}}});
        let field = "spec.listeners[0].timeout.http.perRequest.value";
        let fragment = one_finding("VirtualNode", with_listener(listener), severity, field, "");
        assert_eq!(
            node(fragment.unwrap()).listeners[0].timeouts.request,
            expected
        );
    }
}

#[test]
fn only_one_kind_of_pool() {
    let mut listener = mapping(80, "http");
    listener["connectionPool"] =
        json!({"http": {"maxConnections": 1}, "tcp": {"maxConnections": 1}});
    let translated = translated("VirtualNode", with_listener(listener));
    let message = "Only one type of Virtual Node Connection Pool is allowed";
    assert!(
        translated
            .findings
            .iter()
            .any(|finding| { finding.severity == Severity::Error && &*finding.message == message })
    );
}

#[test]
fn a_listener_needs_service_discovery() {
    for discovery in [None, Some(json!({}))] {
        let mut spec = json!({"listeners": [mapping(80, "http")]});
        if let Some(discovery) = discovery {
            spec["serviceDiscovery"] = discovery;
        }
        let fragment = one_finding(
            "VirtualNode",
            spec,
            Severity::Error,
            "spec.serviceDiscovery",
            "ServiceDiscovery missing for VirtualNode-one. ServiceDiscovery must be specified when a listener is specified.",
        );
        let node = node(fragment.unwrap());
        assert_eq!((node.discovery, node.listeners.len()), (None, 1));
    }
}

#[test]
fn dns_discovery() {
    for (response, all) in [("ENDPOINTS", true), ("LOADBALANCER", false)] {
        let dns = json!({"hostname": "example.com", "responseType": response});
        let node = node(clean(
            "VirtualNode",
            json!({"serviceDiscovery": {"dns": dns}}),
        ));
        let expected = Discovery::Dns {
            hostname: "example.com".into(),
            all_addresses: all,
        };
        assert_eq!(node.discovery, Some(expected));
    }
    for hostname in ["", "a b", "http://example.com", "example.com:80", "${HOST}"] {
        let fragment = one_finding(
            "VirtualNode",
            json!({"serviceDiscovery": {"dns": {"hostname": hostname}}}),
            Severity::Error,
            "spec.serviceDiscovery.dns.hostname",
            "is no host name",
        );
        assert_eq!(node(fragment.unwrap()).discovery, None);
    }
}

#[test]
fn cloud_map_gives_the_nodes_own_pods() {
    let spec = json!({"serviceDiscovery": {"awsCloudMap": {
        "namespaceName": "ns", "serviceName": "s",
        "attributes": [{"key": "z", "value": "1"}, {"key": "a", "value": "2"}, {"key": "z", "value": "1"}],
    }}});
    let fragment = clean("VirtualNode", spec);
    let expected = Discovery::Registry {
        namespace: "ns".into(),
        service: "s".into(),
        attributes: vec![(str("a"), str("2")), (str("z"), str("1"))],
    };
    assert_eq!(node(fragment).discovery, Some(expected));
}

#[test]
fn cloud_map_with_contradictions_or_gaps() {
    let cloud_map = |namespace: &str, attributes: Value| {
        json!({"serviceDiscovery": {"awsCloudMap": {
            "namespaceName": namespace, "serviceName": "s", "attributes": attributes,
        }}})
    };
    let twice = json!([{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]);
    let twice = translated("VirtualNode", cloud_map("ns", twice));
    let field = "spec.serviceDiscovery.awsCloudMap.attributes[1]";
    assert!(findings(&twice).contains(&(Severity::Error, "duplicate", field)));
    let field = "spec.serviceDiscovery.awsCloudMap.namespaceName";
    one_finding(
        "VirtualNode",
        cloud_map("", json!([])),
        Severity::Error,
        field,
        "empty",
    );
}

#[test]
fn of_two_ways_to_be_found_dns_counts() {
    let fragment = one_finding(
        "VirtualNode",
        json!({"serviceDiscovery": {
            "dns": {"hostname": "a"}, "awsCloudMap": {"namespaceName": "ns", "serviceName": "s"},
        }}),
        Severity::Error,
        "spec.serviceDiscovery.awsCloudMap",
        "dns counts",
    );
    assert!(matches!(
        node(fragment.unwrap()).discovery,
        Some(Discovery::Dns { .. })
    ));
}

#[test]
fn the_first_of_duplicate_backends_counts() {
    let by_ref = |name: &str| json!({"virtualService": {"virtualServiceRef": {"name": name}}});
    let by_arn = |account: &str| {
        let arn = format!("arn:aws:appmesh:r:{account}:mesh/m/virtualService/a");
        json!({"virtualService": {"virtualServiceARN": arn}})
    };
    for (backends, message) in [
        (
            json!([by_ref("a"), by_ref("b"), {"virtualService": {"virtualServiceRef": {"name": "a", "namespace": "shop"}}}]),
            "VirtualNode-one has duplicate VirtualServiceReferences shop/a",
        ),
        (
            json!([by_arn("1"), by_ref("a"), by_arn("2")]),
            "VirtualNode-one has duplicate VirtualServiceReferenceARNs a",
        ),
    ] {
        let fragment = one_finding(
            "VirtualNode",
            json!({"backends": backends}),
            Severity::Error,
            "spec.backends[2].virtualService",
            message,
        );
        assert_eq!(node(fragment.unwrap()).backends.len(), 2);
    }
}

#[test]
fn a_group_without_a_name_is_left_out() {
    let fragment = one_finding(
        "VirtualNode",
        json!({"backendGroups": [{"name": ""}]}),
        Severity::Error,
        "spec.backendGroups[0].name",
        "names no BackendGroup",
    );
    assert!(node(fragment.unwrap()).backend_groups.is_empty());
}

fn policies(defaults: Value, backend: Value) -> (Option<String>, Option<String>) {
    let spec = json!({
        "backendDefaults": defaults,
        "backends": [{"virtualService": {"clientPolicy": backend, "virtualServiceRef": {"name": "a"}}}],
    });
    let node = node(translated("VirtualNode", spec).fragments.remove(0));
    let text =
        |policy: Option<tulle_model::policy::ClientPolicy>| policy.map(|p| format!("{:?}", p.tls));
    (
        text(node.default_policy),
        text(node.backends[0].policy.clone()),
    )
}

#[test]
fn policies_that_say_the_same_are_equal() {
    let long = json!({"tls": {
        "enforce": true, "ports": [443, 80, 443],
        "validation": {
            "trust": {"acm": {"certificateAuthorityARNs": ["b", "a"]}},
            "subjectAlternativeNames": {"match": {"exact": ["y", "x"]}},
        },
    }});
    let short = json!({"tls": {
        "ports": [80, 443],
        "validation": {
            "subjectAlternativeNames": {"match": {"exact": ["x", "y"]}},
            "trust": {"acm": {"certificateAuthorityARNs": ["a", "b"]}},
        },
    }});
    let (default, own) = policies(json!({"clientPolicy": long}), short.clone());
    assert_eq!(default, own);
    let mut lax = short;
    lax["tls"]["enforce"] = false.into();
    assert_ne!(policies(json!({}), lax).1, own);
}

#[test]
fn an_empty_policy_counts_only_against_a_default() {
    let trust = json!({"file": {"certificateChain": "/ca"}});
    let default = json!({"clientPolicy": {"tls": {"validation": {"trust": trust}}}});
    assert_eq!(policies(default, json!({})).1.as_deref(), Some("None"));
    assert_eq!(policies(json!({}), json!({})), (None, None));
    assert_eq!(
        policies(json!({"clientPolicy": {}}), json!({})),
        (None, None)
    );
}
