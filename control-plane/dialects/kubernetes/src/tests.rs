use std::net::IpAddr;

use proptest::prelude::*;
use serde_json::{Value, json};
use tulle_crds::{Object, decode};
use tulle_model::Severity;
use tulle_model::fragment::{
    EndpointSlice, Fragment, KubeService, Namespace, Pod, SliceEndpoint, Translated,
};
use tulle_model::policy::MtlsMode;

use crate::translate;

fn object(api_version: &str, kind: &str, value: Value) -> Object {
    decode(api_version, kind, value).unwrap().unwrap().object
}

fn translated(api_version: &str, kind: &str, value: Value) -> Translated {
    translate(&object(api_version, kind, value)).unwrap()
}

fn clean(translated: Translated) -> Fragment {
    assert_eq!(translated.findings, []);
    translated.fragments.into_iter().next().unwrap()
}

fn findings(translated: &Translated) -> Vec<(Severity, &str)> {
    let findings = translated.findings.iter();
    findings
        .map(|finding| (finding.severity, &*finding.field))
        .collect()
}

fn service(spec: Value) -> Translated {
    translated(
        "v1",
        "Service",
        json!({"metadata": {"name": "s", "namespace": "ns"}, "spec": spec}),
    )
}

fn kube(fragment: Fragment) -> KubeService {
    match fragment {
        Fragment::KubeService(service) => *service,
        other => panic!("{other:?}"),
    }
}

fn slice(value: Value) -> Translated {
    let mut object = json!({
        "metadata": {"name": "s-1", "namespace": "ns", "labels": {"kubernetes.io/service-name": "s"}},
        "addressType": "IPv4", "endpoints": [],
    });
    for (key, value) in value.as_object().unwrap() {
        object[key] = value.clone();
    }
    translated("discovery.k8s.io/v1", "EndpointSlice", object)
}

fn slice_of(fragment: Fragment) -> EndpointSlice {
    match fragment {
        Fragment::EndpointSlice(slice) => *slice,
        other => panic!("{other:?}"),
    }
}

fn pod(metadata: Value, status: Value) -> Translated {
    let mut object = json!({"metadata": {"name": "p", "namespace": "ns"}, "status": status});
    for (key, value) in metadata.as_object().unwrap() {
        object["metadata"][key] = value.clone();
    }
    translated("v1", "Pod", object)
}

fn pod_of(translated: Translated) -> Pod {
    match clean(translated) {
        Fragment::Pod(pod) => *pod,
        other => panic!("{other:?}"),
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn namespaces_have_a_label_with_their_name() {
    for labels in [
        json!({"mesh": "m"}),
        json!({"mesh": "m", "kubernetes.io/metadata.name": "lie"}),
    ] {
        let value = json!({"metadata": {"name": "ns", "labels": labels}});
        let Fragment::Namespace(namespace) = clean(translated("v1", "Namespace", value)) else {
            panic!("a namespace");
        };
        let Namespace { name, labels, .. } = *namespace;
        assert_eq!(&*name, "ns");
        let labels: Vec<_> = labels
            .iter()
            .map(|(key, value)| (&**key, &**value))
            .collect();
        assert_eq!(
            labels,
            [("kubernetes.io/metadata.name", "ns"), ("mesh", "m")]
        );
    }
}

#[test]
fn services_have_addresses_and_tcp_ports() {
    let service = kube(clean(service(json!({
        "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"],
        "ports": [
            {"port": 80, "name": "http", "targetPort": "web"}, {"port": 53, "protocol": "UDP"},
            {"port": 53, "protocol": "TCP", "name": "dns"},
        ],
    }))));
    assert_eq!(
        (&*service.namespace, &*service.name, service.external),
        ("ns", "s", false)
    );
    assert_eq!(service.addresses, [ip("10.0.0.1"), ip("fd00::1")]);
    let ports: Vec<_> = service
        .ports
        .iter()
        .map(|(port, name)| (*port, &**name))
        .collect();
    assert_eq!(ports, [(80, "http"), (53, "dns")]);
}

#[test]
fn services_with_one_address_none_or_a_name() {
    for (spec, addresses, external) in [
        (
            json!({"clusterIP": "10.0.0.1"}),
            vec![ip("10.0.0.1")],
            false,
        ),
        (
            json!({"clusterIP": "None", "clusterIPs": ["None"]}),
            vec![],
            false,
        ),
        (json!({"clusterIP": ""}), vec![], false),
        (json!({}), vec![], false),
        (Value::Null, vec![], false),
        (
            json!({"type": "ExternalName", "externalName": "a.b", "ports": [{"port": 1}]}),
            vec![],
            true,
        ),
    ] {
        let service = kube(clean(service(spec.clone())));
        assert_eq!(
            (service.addresses, service.external),
            (addresses, external),
            "{spec}"
        );
        assert!(service.ports.is_empty());
    }
}

#[test]
fn bad_ports_and_addresses_of_services_are_passed_over() {
    let translated = service(json!({
        "clusterIP": "10.0.0.300",
        "ports": [{"port": 0}, {"port": 70000}, {"port": 80}, {"port": 80, "name": "again"}],
    }));
    let error = Severity::Error;
    assert_eq!(
        findings(&translated),
        [
            (error, "spec.clusterIP"),
            (error, "spec.ports[0].port"),
            (error, "spec.ports[1].port"),
            (error, "spec.ports[3].port"),
        ]
    );
    let service = kube(translated.fragments[0].clone());
    assert_eq!(service.ports, [(80, "".into())]);
}

#[test]
fn endpoints_and_their_conditions() {
    let endpoint = |conditions: Value| json!({"addresses": ["127.0.0.1", "127.0.0.2"], "conditions": conditions});
    for (conditions, ready, serving, terminating) in [
        (json!({}), true, true, false),
        (Value::Null, true, true, false),
        (json!({"ready": true}), true, true, false),
        (json!({"ready": false}), false, false, false),
        (
            json!({"ready": false, "serving": true, "terminating": true}),
            false,
            true,
            true,
        ),
        (json!({"ready": true, "serving": false}), true, false, false),
    ] {
        let slice = slice_of(clean(slice(
            json!({"endpoints": [endpoint(conditions.clone())]}),
        )));
        let ip = ip("127.0.0.1");
        let expected = SliceEndpoint {
            ip,
            ready,
            serving,
            terminating,
            zone: None,
        };
        assert_eq!(slice.endpoints, [expected], "{conditions}");
    }
}

#[test]
fn slices_name_their_service_ports_and_zones() {
    let slice = slice_of(clean(slice(json!({
        "addressType": "IPv6",
        "ports": [{"port": 8080, "name": "http"}, {"port": 53, "name": "dns", "protocol": "UDP"}, {"port": 9, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["fd00::1"], "zone": "a"}],
    }))));
    assert_eq!((&*slice.name, &*slice.service), ("s-1", "s"));
    assert_eq!(slice.ports, [("http".into(), 8080), ("".into(), 9)]);
    assert_eq!(
        (slice.endpoints[0].ip, slice.endpoints[0].zone.as_deref()),
        (ip("fd00::1"), Some("a"))
    );
}

#[test]
fn slices_that_cannot_be_used() {
    let names = slice(json!({"addressType": "FQDN", "endpoints": [{"addresses": ["a.b"]}]}));
    assert_eq!(findings(&names), [(Severity::Warning, "addressType")]);
    let orphan = slice(json!({"metadata": {"name": "s-1", "namespace": "ns"}}));
    assert_eq!(findings(&orphan), [(Severity::Info, "metadata.labels")]);
    assert!(names.fragments.is_empty() && orphan.fragments.is_empty());
}

#[test]
fn one_bad_endpoint_or_port_is_passed_over() {
    let translated = slice(json!({
        "ports": [{"name": "all"}, {"port": 0}, {"port": 1}, {"port": 2}],
        "endpoints": [{"addresses": ["a.b"]}, {"addresses": []}, {"addresses": ["10.0.0.1"]}],
    }));
    let error = Severity::Error;
    assert_eq!(
        findings(&translated),
        [
            (Severity::Warning, "ports[0]"),
            (error, "ports[1].port"),
            (error, "ports[3].name"),
            (error, "endpoints[0].addresses[0]"),
            (error, "endpoints[1].addresses"),
        ]
    );
    let slice = slice_of(translated.fragments[0].clone());
    assert_eq!(
        (slice.ports, slice.endpoints.len()),
        (vec![("".into(), 1)], 1)
    );
}

#[test]
fn pods_have_labels_addresses_and_readiness() {
    let condition = |name: &str, status: &str| json!({"type": name, "status": status});
    let pod = pod_of(pod(
        json!({"labels": {"app": "a"}}),
        json!({
            "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}],
            "conditions": [condition("Ready", "False"), condition("ContainersReady", "True")],
        }),
    ));
    assert_eq!((&*pod.namespace, &*pod.name), ("ns", "p"));
    assert_eq!(pod.labels.get("app").map(|value| &**value), Some("a"));
    assert_eq!(pod.ips, [ip("10.0.0.1"), ip("fd00::1")]);
    assert!(pod.ready && !pod.terminating);
}

#[test]
fn readiness_of_pods() {
    let condition = |name: &str, status: &str| json!({"type": name, "status": status});
    for (conditions, ready) in [
        (json!([]), false),
        (json!([condition("Ready", "True")]), true),
        (json!([condition("Ready", "Unknown")]), false),
        (
            json!([
                condition("ContainersReady", "False"),
                condition("Ready", "True")
            ]),
            false,
        ),
        (json!([condition("PodScheduled", "True")]), false),
    ] {
        let status = json!({"podIP": "10.0.0.1", "conditions": conditions});
        let pod = pod_of(pod(json!({}), status));
        assert_eq!(
            (pod.ready, pod.ips),
            (ready, vec![ip("10.0.0.1")]),
            "{conditions}"
        );
    }
}

#[test]
fn pods_without_network_and_pods_that_go_away() {
    let young = pod_of(pod(json!({}), Value::Null));
    assert!(young.ips.is_empty() && !young.ready && !young.terminating);
    assert!(pod_of(pod(json!({}), json!({"podIP": ""}))).ips.is_empty());
    let leaving = pod(
        json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        json!({}),
    );
    assert!(pod_of(leaving).terminating);
    let translated = pod(json!({}), json!({"podIPs": [{"ip": "x"}]}));
    assert_eq!(
        findings(&translated),
        [(Severity::Error, "status.podIPs[0].ip")]
    );
}

#[test]
fn pods_say_who_they_are_and_whether_they_are_over() {
    let object = json!({
        "metadata": {"name": "p", "namespace": "ns", "uid": "u-1"},
        "spec": {"containers": [], "serviceAccountName": "front", "nodeName": "m",
            "hostNetwork": true},
        "status": {"phase": "Running"},
    });
    let full = pod_of(translated("v1", "Pod", object));
    assert_eq!(
        (&*full.uid, &*full.service_account, full.node.as_deref()),
        ("u-1", "front", Some("m"))
    );
    assert!(full.host_network && !full.finished);
    let bare = pod_of(pod(json!({}), Value::Null));
    assert_eq!(
        (&*bare.uid, &*bare.service_account, bare.node.as_deref()),
        ("", "", None)
    );
    assert!(!bare.host_network && !bare.finished && bare.proxy.is_none());
    for (phase, finished) in [
        ("Pending", false),
        ("Running", false),
        ("Succeeded", true),
        ("Failed", true),
        ("Unknown", false),
    ] {
        let pod = pod_of(pod(json!({}), json!({"phase": phase})));
        assert_eq!(pod.finished, finished, "{phase}");
    }
}

#[test]
fn a_pod_has_the_proxy_that_the_injector_wrote_down() {
    let proxy =
        |annotations: Value| pod_of(pod(json!({"annotations": annotations}), json!({}))).proxy;
    let sidecar = |ports: &str| {
        let proxy = proxy(json!({
            "tulle.dev/proxy": "virtualnode/ns/front", "tulle.dev/inbound-ports": ports}));
        let proxy = proxy.unwrap();
        assert_eq!(proxy.id.to_string(), "virtualnode/ns/front");
        proxy.inbound.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(sidecar("8080,9090"), [8080, 9090]);
    assert_eq!(sidecar(" 9090 , 8080, 8080"), [8080, 9090]);
    assert_eq!(sidecar(""), [0_u16; 0]);
    let gateway = proxy(json!({"tulle.dev/proxy": "virtualgateway/ns/in"})).unwrap();
    assert_eq!(gateway.id.to_string(), "virtualgateway/ns/in");
    assert!(gateway.inbound.is_empty());
    assert_eq!(proxy(json!({"other": "x"})), None);
}

#[test]
fn a_proxy_that_cannot_be_right_is_reported_and_none() {
    const PROXY: &str = "metadata.annotations[tulle.dev/proxy]";
    const PORTS: &str = "metadata.annotations[tulle.dev/inbound-ports]";
    let cases = [
        (
            json!({"tulle.dev/proxy": "front"}),
            (Severity::Error, PROXY),
        ),
        (json!({"tulle.dev/proxy": ""}), (Severity::Error, PROXY)),
        (
            json!({"tulle.dev/proxy": "virtualnode/ns/a/b"}),
            (Severity::Error, PROXY),
        ),
        // Another namespace's proxy.
        (
            json!({"tulle.dev/proxy": "virtualnode/bank/vault"}),
            (Severity::Error, PROXY),
        ),
        (
            json!({"tulle.dev/inbound-ports": "80"}),
            (Severity::Warning, PORTS),
        ),
    ];
    for (annotations, finding) in cases {
        let translated = pod(json!({"annotations": annotations}), json!({}));
        assert_eq!(findings(&translated), [finding], "{annotations}");
        let Fragment::Pod(pod) = &translated.fragments[0] else {
            panic!("a pod");
        };
        assert_eq!(pod.proxy, None, "{annotations}");
    }
    for (kind, ports, left, found) in [
        (
            "virtualnode",
            "80,x,443",
            vec![80, 443],
            vec![(Severity::Error, PORTS)],
        ),
        (
            "virtualnode",
            "0,65536,-1,+5",
            vec![],
            vec![(Severity::Error, PORTS); 4],
        ),
        (
            "virtualnode",
            "80,",
            vec![80],
            vec![(Severity::Error, PORTS)],
        ),
        (
            "virtualgateway",
            "80",
            vec![],
            vec![(Severity::Warning, PORTS)],
        ),
    ] {
        let translated = pod(
            json!({"annotations": {"tulle.dev/proxy": format!("{kind}/ns/front"),
                "tulle.dev/inbound-ports": ports}}),
            json!({}),
        );
        assert_eq!(findings(&translated), found, "{ports}");
        let Fragment::Pod(pod) = &translated.fragments[0] else {
            panic!("a pod");
        };
        let inbound: Vec<u16> = pod.proxy.clone().unwrap().inbound.into_iter().collect();
        assert_eq!(inbound, left, "{ports}");
    }
}

#[test]
fn namespaces_say_how_far_traffic_is_secured() {
    let mtls = |metadata: Value| {
        let mut object = json!({"metadata": {"name": "ns"}});
        for (key, value) in metadata.as_object().unwrap() {
            object["metadata"][key] = value.clone();
        }
        let translated = translated("v1", "Namespace", object);
        let found: Vec<Severity> = findings(&translated).iter().map(|(it, _)| *it).collect();
        match &translated.fragments[0] {
            Fragment::Namespace(namespace) => (namespace.mtls, found),
            other => panic!("{other:?}"),
        }
    };
    let said = |value: &str| json!({"tulle.dev/mtls": value});
    assert_eq!(mtls(json!({})), (None, vec![]));
    for (text, mode) in [
        ("off", MtlsMode::Off),
        ("permissive", MtlsMode::Permissive),
        ("strict", MtlsMode::Strict),
    ] {
        assert_eq!(mtls(json!({"labels": said(text)})), (Some(mode), vec![]));
        assert_eq!(
            mtls(json!({"annotations": said(text)})),
            (Some(mode), vec![])
        );
    }
    let both = json!({"labels": said("off"), "annotations": said("strict")});
    assert_eq!(
        mtls(both),
        (Some(MtlsMode::Strict), vec![Severity::Warning])
    );
    assert_eq!(
        mtls(json!({"labels": said("on")})),
        (None, vec![Severity::Error])
    );
    let half = json!({"labels": said("off"), "annotations": said("Strict!")});
    assert_eq!(mtls(half), (Some(MtlsMode::Off), vec![Severity::Error]));
}

#[test]
fn nodes_have_a_zone() {
    let zone = |labels: Value| {
        let object = json!({"metadata": {"name": "m", "labels": labels}});
        match clean(translated("v1", "Node", object)) {
            Fragment::Node(node) => {
                assert_eq!(&*node.name, "m");
                node.zone.map(|zone| zone.to_string())
            }
            other => panic!("{other:?}"),
        }
    };
    let (new, old) = (
        "topology.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/zone",
    );
    assert_eq!(zone(json!({})), None);
    assert_eq!(zone(json!({new: "a", old: "b"})).as_deref(), Some("a"));
    assert_eq!(zone(json!({new: "", old: "b"})).as_deref(), Some("b"));
}

#[test]
fn other_kinds_are_not_kubernetes_own() {
    let mesh = json!({"metadata": {"name": "m"}});
    assert_eq!(
        translate(&object("appmesh.k8s.aws/v1beta2", "Mesh", mesh)),
        None
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_equal_input_gives_equal_output(
        addresses in prop::collection::vec("[0-9a-f:.]{0,12}|None|é", 0..4),
        ports in prop::collection::vec((any::<i32>(), "[a-z]{0,2}", "TCP|UDP|"), 0..5),
        kind in "ClusterIP|ExternalName|",
    ) {
        let listed: Vec<Value> = ports
            .iter()
            .map(|(port, name, protocol)| json!({"port": port, "name": name, "protocol": protocol}))
            .collect();
        let service = object("v1", "Service", json!({
            "metadata": {"name": "s"},
            "spec": {"clusterIPs": addresses, "type": kind, "ports": listed},
        }));
        prop_assert_eq!(translate(&service), translate(&service));
        let slice = object("discovery.k8s.io/v1", "EndpointSlice", json!({
            "metadata": {"name": "s", "labels": {"kubernetes.io/service-name": "s"}},
            "addressType": "IPv4", "ports": listed, "endpoints": [{"addresses": addresses}],
        }));
        prop_assert_eq!(translate(&slice), translate(&slice));
        let ips: Vec<Value> = addresses.iter().map(|ip| json!({"ip": ip})).collect();
        let texts: String = addresses.concat();
        let pod = object("v1", "Pod", json!({"metadata": {"name": "p", "annotations": {
            "tulle.dev/proxy": format!("virtualnode/default/{texts}"),
            "tulle.dev/inbound-ports": texts,
        }}, "status": {"podIPs": ips}}));
        prop_assert_eq!(translate(&pod), translate(&pod));
    }
}
