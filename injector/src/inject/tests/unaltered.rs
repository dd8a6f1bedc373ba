//! Whatever a pod holds, nothing but what injection is about changes.

use proptest::prelude::*;

use super::*;

/// Text with what has broken templates: quotes, newlines, braces, YAML and JSON syntax.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9]{0,8}",
        "[ -~\n\r\t\u{0}\u{7f}é]{0,24}",
        Just("a\"}]}\n- name: evil\n  image: evil".to_owned()),
        Just("$(HOME)".to_owned()),
        Just("8080,9090".to_owned()),
        Just("a:/b".to_owned()),
        Just("A=b".to_owned()),
        Just("ENVOY_RESOURCES_CONFIG_FILE=/b/x, ENABLE_ENVOY_STATS_TAGS=1".to_owned()),
        Just("10m".to_owned()),
    ]
}

fn annotations() -> impl Strategy<Value = BTreeMap<String, String>> {
    let key = prop_oneof![
        prop::sample::select(vec![
            names::CPU_REQUEST,
            names::MEMORY_LIMIT,
            names::PORTS,
            names::IGNORED_IPS,
            names::IGNORED_PORTS,
            names::IPV6,
            names::CNI,
            names::ENV,
            names::ENV_JSON,
            names::SECRET_MOUNTS,
            names::VOLUME_MOUNTS,
            names::SDS,
            PROXY,
            INBOUND_PORTS,
            PROBES,
        ])
        .prop_map(str::to_owned),
        text(),
    ];
    prop::collection::btree_map(key, text(), 0..4)
}

fn handler() -> impl Strategy<Value = Value> {
    let port = prop_oneof![
        Just(json!(8080)),
        Just(json!("http")),
        Just(json!(9999)),
        Just(json!(15020)),
        Just(json!(null)),
        text().prop_map(|t| json!(t))
    ];
    prop_oneof![
        (port.clone(), text()).prop_map(|(port, path)| json!({ "httpGet": { "path": path, "port": port, "extra": 1 }, "periodSeconds": 2 })),
        port.clone().prop_map(|port| json!({ "tcpSocket": { "port": port } })),
        port.prop_map(|port| json!({ "grpc": { "port": port } })),
        Just(json!({ "exec": { "command": ["x"] } })),
        Just(json!(null)),
        text().prop_map(|t| json!(t)),
    ]
}

fn any_container() -> impl Strategy<Value = Value> {
    let name = prop_oneof![4 => Just("app".to_owned()), 2 => Just("other".to_owned()), 1 => Just("envoy".to_owned()), 1 => text()];
    (name, handler(), handler(), text()).prop_map(|(name, one, other, image)| {
        json!({ "name": name, "image": image, "livenessProbe": one, "lifecycle": { "preStop": other }, "unknown": { "a": [1, 2.5] },
                "ports": [{ "name": "http", "containerPort": 8080 }] })
    })
}

fn any_pod() -> impl Strategy<Value = Value> {
    (annotations(), prop::collection::vec(any_container(), 0..3), prop::collection::vec(any_container(), 0..2), prop::sample::select(vec!["front", "in"]), text())
        .prop_map(|(annotations, containers, init, app, odd)| {
            json!({
                "metadata": { "name": odd, "labels": { "app": app }, "annotations": annotations, "unknown": odd },
                "spec": { "containers": containers, "initContainers": init, "unknown": [odd], "volumes": [{ "name": "data", "emptyDir": {} }] },
                "status": { "unknown": true },
            })
        })
}

const WRITTEN: [&str; 12] = [
    names::WARNINGS,
    PROXY,
    INBOUND_PORTS,
    PROBES,
    names::DEFAULT_CONTAINER,
    names::PORTS,
    names::IGNORED_IPS,
    names::IGNORED_PORTS,
    names::CNI_EGRESS_PORT,
    names::CNI_INGRESS_PORT,
    names::CNI_IGNORED_UID,
    names::WEBHOOK,
];

/// Takes out of both pods what injection may add or change, by path.
fn without_ours(pod: &Value, before: &Value) -> Value {
    let mut pod = pod.clone();
    if let Some(annotations) = pod["metadata"]["annotations"].as_object_mut() {
        for key in WRITTEN {
            annotations.remove(key);
        }
    }
    let gateway = before["metadata"]["labels"]["app"] == "in";
    let names_before = |list: &str| -> Vec<String> {
        edit::items(before, list)
            .map(|c| edit::name(c).to_owned())
            .collect()
    };
    for (list, ours) in [
        ("containers", vec!["envoy"]),
        (
            "initContainers",
            vec!["envoy", "tulle-capture", "tulle-bootstrap"],
        ),
    ] {
        let had = names_before(list);
        let Some(containers) = pod["spec"][list].as_array_mut() else {
            continue;
        };
        containers.retain(|c| {
            had.iter().any(|name| name == edit::name(c)) || !ours.contains(&edit::name(c))
        });
        for container in containers.iter_mut() {
            let fields = container.as_object_mut().unwrap();
            if list == "containers" {
                for field in ["livenessProbe", "lifecycle"] {
                    fields.remove(field);
                }
            }
            if gateway && fields["name"] == "envoy" {
                for field in [
                    "image",
                    "command",
                    "args",
                    "env",
                    "volumeMounts",
                    "ports",
                    "readinessProbe",
                    "securityContext",
                ] {
                    fields.remove(field);
                }
            }
        }
    }
    let had = names_before("volumes");
    if let Some(volumes) = pod["spec"]["volumes"].as_array_mut() {
        volumes.retain(|v| {
            let ours = [names::TMP_VOLUME, names::MERGED_VOLUME].contains(&edit::name(v));
            had.iter().any(|name| name == edit::name(v)) || (v.get("emptyDir").is_some() && !ours)
        });
    }
    if gateway {
        let spec = pod["spec"].as_object_mut().unwrap();
        spec.remove("terminationGracePeriodSeconds");
    }
    pod
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn only_what_injection_is_about_changes(pod in any_pod(), native in any::<bool>()) {
        let mut world = World::default();
        world.config.native_sidecars = Some(native);
        let Ok(outcome) = world.inject(&pod) else { return Ok(()) };
        prop_assert_eq!(without_ours(&outcome.pod, &pod), without_ours(&pod, &pod));

        // Containers that were not there are exactly ours.
        for (list, most) in [("containers", usize::from(!native)), ("initContainers", 2 + usize::from(native))] {
            let before = edit::items(&pod, list).count();
            let after = edit::items(&outcome.pod, list).count();
            prop_assert!((before..=before + most).contains(&after), "{} {}", list, after);
        }
        // A container's image is never a user's text.
        if outcome.proxy.is_some() {
            for list in ["containers", "initContainers"] {
                for container in edit::items(&outcome.pod, list) {
                    if !edit::items(&pod, list).any(|c| edit::name(c) == edit::name(container)) {
                        let image = container["image"].as_str().unwrap();
                        prop_assert!(image == world.config.envoy_image || image == world.config.image);
                    }
                }
            }
        }
        let mut patched = pod.clone();
        json_patch::patch(&mut patched, &outcome.patch).unwrap();
        prop_assert_eq!(&patched, &outcome.pod);
        let again = world.inject(&outcome.pod).unwrap();
        prop_assert!(again.patch.0.is_empty(), "second time: {:?}", again.patch);
    }
}
