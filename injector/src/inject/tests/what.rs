//! What an injected pod looks like.

use super::*;

fn names_of<'a>(pod: &'a Value, list: &str) -> Vec<&'a str> {
    edit::items(pod, list).map(edit::name).collect()
}

/// Each field of the Pod Security Standard `restricted` that a container can break.
pub(super) fn is_restricted(container: &Value) {
    let security = &container["securityContext"];
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["privileged"], false);
    assert_eq!(security["runAsNonRoot"], true);
    assert_ne!(security["runAsUser"], 0);
    assert_eq!(security["capabilities"], json!({ "drop": ["ALL"] }));
    assert_eq!(
        security["seccompProfile"],
        json!({ "type": "RuntimeDefault" })
    );
    assert_eq!(
        security["readOnlyRootFilesystem"], true,
        "more than restricted"
    );
    for absent in [
        "procMount",
        "seLinuxOptions",
        "windowsOptions",
        "appArmorProfile",
    ] {
        assert!(security[absent].is_null(), "{absent}");
    }
    for port in container["ports"].as_array().into_iter().flatten() {
        assert!(port["hostPort"].is_null());
    }
}

#[test]
fn everything_added_but_capture_is_restricted() {
    let mut world = World::default();
    for native in [true, false] {
        world.config.native_sidecars = Some(native);
        let before = pod();
        let after = world.pod(&before);
        for list in ["containers", "initContainers"] {
            for container in edit::items(&after, list) {
                let added =
                    !edit::items(&before, list).any(|c| edit::name(c) == edit::name(container));
                if added && edit::name(container) != "tulle-capture" {
                    is_restricted(container);
                }
            }
        }
        for volume in edit::items(&after, "volumes") {
            let kinds: Vec<&String> = volume
                .as_object()
                .unwrap()
                .keys()
                .filter(|k| *k != "name")
                .collect();
            assert!(
                ["configMap", "projected", "emptyDir"].contains(&kinds[0].as_str()),
                "{volume}"
            );
        }
        assert!(
            after["spec"]["securityContext"].is_null(),
            "the pod's own settings are the user's"
        );
    }
}

#[test]
fn capture_has_net_admin_and_nothing_else() {
    let after = World::default().pod(&pod());
    let capture = container(&after, "initContainers", "tulle-capture");
    assert_eq!(
        capture["securityContext"],
        json!({
            "runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": false, "privileged": false,
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"], "add": ["NET_ADMIN"] },
            "seccompProfile": { "type": "RuntimeDefault" },
        })
    );
    assert_eq!(
        arguments(capture),
        [
            "capture",
            "--app-ports",
            "8080",
            "--ignore-uid",
            "1337",
            "--ignore-ports",
            "22",
            "--ignore-cidrs",
            "169.254.169.254",
            "--ipv6"
        ]
    );
    assert!(capture["volumeMounts"].is_null());
}

#[test]
fn a_native_sidecar_stands_last_among_the_init_containers() {
    let mut before = pod();
    before["spec"]["initContainers"] = json!([{ "name": "own", "image": "own:1" }]);
    before["spec"]["terminationGracePeriodSeconds"] = json!(5);
    let after = World::default().pod(&before);
    assert_eq!(
        names_of(&after, "initContainers"),
        ["own", "tulle-capture", "envoy"]
    );
    assert_eq!(names_of(&after, "containers"), ["app"]);
    let envoy = envoy_of(&after);
    assert_eq!(envoy["restartPolicy"], "Always");
    assert_eq!(
        envoy["startupProbe"]["httpGet"],
        json!({ "path": "/healthz/ready", "port": 15021, "scheme": "HTTP" })
    );
    assert_eq!(envoy["readinessProbe"]["httpGet"]["port"], 15021);
    assert!(
        envoy["lifecycle"].is_null(),
        "it ends after the application, and a job ends at once"
    );
    assert_eq!(after["spec"]["terminationGracePeriodSeconds"], 5);
    let metadata = &after["metadata"]["annotations"];
    assert_eq!(metadata[PROXY], "virtualnode/shop/front");
    assert_eq!(metadata[INBOUND_PORTS], "8080");
    assert_eq!(metadata["kubectl.kubernetes.io/default-container"], "app");
}

#[test]
fn a_plain_sidecar_stands_first_and_outlasts_the_pods_end() {
    let mut world = World::default();
    world.config.native_sidecars = Some(false);
    let mut before = pod();
    before["spec"]["terminationGracePeriodSeconds"] = json!(7);
    before["spec"]["restartPolicy"] = json!("Never");
    let after = world.pod(&before);
    assert_eq!(names_of(&after, "initContainers"), ["tulle-capture"]);
    assert_eq!(names_of(&after, "containers"), ["envoy", "app"]);
    let envoy = container(&after, "containers", "envoy");
    assert_eq!(
        envoy["lifecycle"],
        json!({ "preStop": { "sleep": { "seconds": 7 } } })
    );
    assert!(envoy["restartPolicy"].is_null());
    assert!(world.inject(&before).unwrap().warnings[0].contains("does not complete"));
    world.config.sleep_hooks = Some(false);
    assert!(container(&world.pod(&before), "containers", "envoy")["lifecycle"].is_null());
}

#[test]
fn the_servers_version_decides_what_is_left_open() {
    for (minor, native, sleep) in [(28, false, false), (29, true, false), (30, true, true)] {
        let config = InjectConfig::default().for_server(1, minor);
        assert_eq!(
            (config.native_sidecars, config.sleep_hooks),
            (Some(native), Some(sleep)),
            "1.{minor}"
        );
    }
    let said = InjectConfig {
        native_sidecars: Some(false),
        ..InjectConfig::default()
    };
    assert_eq!(said.for_server(1, 35).native_sidecars, Some(false));
}

#[test]
fn envoys_arguments_say_who_it_is() {
    let mut world = World::default();
    world.candidates[0].alias = "a$(HOME)".into();
    let after = world.pod(&pod());
    let envoy = envoy_of(&after);
    assert_eq!(
        arguments(envoy),
        [
            "--config-path",
            "/etc/tulle/envoy.yaml",
            "--service-node",
            "$(POD_NAME).$(POD_NAMESPACE)",
            "--service-cluster",
            "mesh/shop/virtualNode/a$$(HOME)",
            "--drain-time-s",
            "45",
            "--concurrency",
            "2",
            "--log-level",
            "warning",
            "--disable-hot-restart"
        ]
    );
    let env: Vec<_> = envoy["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["valueFrom"]["fieldRef"]["fieldPath"].clone())
        .collect();
    assert_eq!(env, ["metadata.name", "metadata.namespace"]);
    assert_eq!(envoy["image"], world.config.envoy_image);
    assert!(envoy["imagePullPolicy"].is_null());

    world.config.image_pull_policy = Some(ImagePullPolicy::Never);
    world.config.image_pull_secrets = vec!["registry".into()];
    let after = world.pod(&pod());
    assert_eq!(envoy_of(&after)["imagePullPolicy"], "Never");
    assert_eq!(
        after["spec"]["imagePullSecrets"],
        json!([{ "name": "registry" }])
    );
}

#[test]
fn the_token_is_bound_to_our_audience_and_mounted_in_envoy_alone() {
    let after = World::default().pod(&pod());
    let token = edit::items(&after, "volumes")
        .find(|v| edit::name(v) == "tulle-token")
        .unwrap();
    assert_eq!(
        token["projected"]["sources"],
        json!([{ "serviceAccountToken": { "audience": "tulle", "expirationSeconds": 3600, "path": "token" } }])
    );
    let mounts: Vec<&str> = envoy_of(&after)["volumeMounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["mountPath"].as_str().unwrap())
        .collect();
    assert_eq!(mounts, ["/etc/tulle", "/var/run/secrets/tulle.dev", "/tmp"]);
    assert!(container(&after, "containers", "app")["volumeMounts"].is_null());
}

#[test]
fn every_annotation_of_app_mesh_is_heard() {
    let mut before = annotated(&[
        (names::CPU_REQUEST, "100m"),
        (names::MEMORY_REQUEST, "128Mi"),
        (names::CPU_LIMIT, "3500m"),
        (names::MEMORY_LIMIT, "1Gi"),
        (names::PORTS, "9080, 8080"),
        (names::IGNORED_IPS, "10.0.0.0/8,fd00::1"),
        (names::IGNORED_PORTS, "3306,5432"),
        (names::IPV6, "disabled"),
        (names::ENV, "A=1, B = two ,POD_NAME=forged"),
        (names::ENV_JSON, r#"[{"B":"2","C":"a,b=c\n"}]"#),
        (names::SECRET_MOUNTS, "certs:/certs"),
        (names::VOLUME_MOUNTS, "config:/config"),
    ]);
    before["spec"]["volumes"] = json!([{ "name": "config", "emptyDir": {} }]);
    let after = World::default().pod(&before);
    let envoy = envoy_of(&after);
    assert_eq!(
        envoy["resources"],
        json!({ "requests": { "cpu": "100m", "memory": "128Mi" }, "limits": { "cpu": "3500m", "memory": "1Gi" } })
    );
    assert_eq!(option(envoy, "--concurrency"), Some("4"));
    let capture = container(&after, "initContainers", "tulle-capture");
    assert_eq!(option(capture, "--app-ports"), Some("8080,9080"));
    assert_eq!(
        option(capture, "--ignore-cidrs"),
        Some("10.0.0.0/8,fd00::1")
    );
    assert_eq!(option(capture, "--ignore-ports"), Some("22,3306,5432"));
    assert!(!arguments(capture).contains(&"--ipv6"));
    assert_eq!(after["metadata"]["annotations"][INBOUND_PORTS], "8080,9080");
    let env = envoy["env"].as_array().unwrap();
    assert_eq!(env.len(), 5, "{env:?}");
    assert_eq!(
        env[2..],
        [
            json!({ "name": "A", "value": "1" }),
            json!({ "name": "B", "value": "2" }),
            json!({ "name": "C", "value": "a,b=c\n" }),
        ]
    );
    let mounts = envoy["volumeMounts"].as_array().unwrap();
    assert!(mounts.contains(&json!({ "name": "certs", "mountPath": "/certs", "readOnly": true })));
    assert!(
        mounts.contains(&json!({ "name": "config", "mountPath": "/config", "readOnly": true }))
    );
    assert!(
        edit::items(&after, "volumes")
            .any(|v| *v == json!({ "name": "certs", "secret": { "secretName": "certs" } }))
    );
}

#[test]
fn malformed_annotations_reject_and_name_themselves() {
    let world = World::default();
    for (key, value, told) in [
        (names::CPU_REQUEST, "many", "quantity"),
        (names::MEMORY_LIMIT, "1\n2", "quantity"),
        (names::PORTS, "8080;9090", "expected format: 8080,9080"),
        (names::PORTS, "8080,", "expected format"),
        (names::PORTS, "0", "0 is no port"),
        (names::PORTS, "70000", "expected format"),
        (
            names::PORTS,
            "8080,15001",
            "port 15001, which is Envoy's own",
        ),
        (names::PORTS, "15035", "Envoy's own"),
        (names::IGNORED_IPS, "example.org", "expected format"),
        (names::IGNORED_PORTS, "a", "expected format"),
        (
            names::ENV,
            "A",
            "malformed annotation appmesh.k8s.aws/sidecarEnv, expected format: EnvVariableKey=EnvVariableValue",
        ),
        (names::ENV, "A=b=c", "expected format"),
        (names::ENV, "A\nB=c", "no name of a variable"),
        (
            names::ENV_JSON,
            r#"[{"A":1}]"#,
            "malformed annotation appmesh.k8s.aws/sidecarEnvJson",
        ),
        (names::ENV_JSON, "{", "expected format"),
        (names::ENV_JSON, r#"[{"A":"\u0000"}]"#, "NUL"),
        (
            names::SECRET_MOUNTS,
            "certs",
            "malformed annotation appmesh.k8s.aws/secretMounts, expected format: secretName:mountPath",
        ),
        (names::SECRET_MOUNTS, "a:b:c", "expected format"),
        (names::SECRET_MOUNTS, "certs:certs", "absolute path"),
        (
            names::SECRET_MOUNTS,
            "certs:/etc/tulle/x",
            "nothing can be mounted",
        ),
        (
            names::SECRET_MOUNTS,
            "certs:/a/../etc/tulle",
            "nothing can be mounted",
        ),
        (names::SECRET_MOUNTS, "Certs:/certs", "name of a volume"),
        (
            names::VOLUME_MOUNTS,
            "config",
            "malformed annotation appmesh.k8s.aws/volumeMounts, expected format: volumeName:mountPath",
        ),
    ] {
        let error = world
            .inject(&annotated(&[(key, value)]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(told) && error.contains(key),
            "{key}={value:?}: {error}"
        );
    }
    let mut clashing = World::default();
    clashing.candidates[0].ports = [15090].into();
    let error = clashing.inject(&pod()).unwrap_err().to_string();
    assert!(
        error.starts_with("virtualnode/shop/front names port 15090"),
        "{error}"
    );
}

#[test]
fn lists_that_are_empty_are_lists() {
    let after = World::default().pod(&annotated(&[(names::PORTS, ""), (names::IGNORED_IPS, " ")]));
    let capture = container(&after, "initContainers", "tulle-capture");
    assert_eq!(option(capture, "--app-ports"), None);
    assert_eq!(option(capture, "--ignore-cidrs"), Some("127.0.0.0/8"));
    assert!(after["metadata"]["annotations"][INBOUND_PORTS].is_null());
}

#[test]
fn the_cni_plugin_gets_annotations_in_place_of_the_init_container() {
    let world = World::default();
    let mut fargate = annotated(&[(names::IGNORED_IPS, "10.1.0.0/16")]);
    fargate["metadata"]["labels"][names::FARGATE_PROFILE] = json!("fp");
    for before in [
        annotated(&[(names::CNI, "enabled"), (names::IGNORED_IPS, "10.1.0.0/16")]),
        fargate.clone(),
    ] {
        let after = world.pod(&before);
        assert_eq!(names_of(&after, "initContainers"), ["envoy"]);
        let metadata = &after["metadata"]["annotations"];
        for (key, value) in [
            ("ports", "8080"),
            ("egressIgnoredIPs", "10.1.0.0/16"),
            ("egressIgnoredPorts", "22"),
            ("proxyEgressPort", "15001"),
            ("proxyIngressPort", "15000"),
            ("ignoredUID", "1337"),
            ("sidecarInjectorWebhook", "enabled"),
        ] {
            assert_eq!(metadata[format!("appmesh.k8s.aws/{key}")], value, "{key}");
        }
    }
    fargate["metadata"]["annotations"][names::CNI] = json!("disabled");
    assert_eq!(
        names_of(&world.pod(&fargate), "initContainers"),
        ["tulle-capture", "envoy"]
    );
}

#[test]
fn what_is_there_already_is_not_added_again() {
    let world = World::default();
    let mut captured = pod();
    captured["spec"]["initContainers"] = json!([{ "name": "proxyinit", "image": "x" }]);
    assert_eq!(
        names_of(&world.pod(&captured), "initContainers"),
        ["proxyinit", "envoy"]
    );

    let mut foreign = pod();
    foreign["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "envoy", "image": "mine" }));
    let outcome = world.inject(&foreign).unwrap();
    assert_eq!(outcome.proxy, None);
    assert!(outcome.warnings[0].contains("no part of Tulle's mesh"));
    assert_eq!(names_of(&outcome.pod, "initContainers"), ["tulle-capture"]);
    assert!(edit::annotation(&outcome.pod, PROXY).is_none());
    assert!(outcome.pod["spec"]["volumes"].is_null());
    assert!(world.inject(&outcome.pod).unwrap().patch.0.is_empty());

    for (list, own) in [
        (
            "volumes",
            json!([{ "name": "tulle-token", "emptyDir": {} }]),
        ),
        (
            "volumes",
            json!([{ "name": "tulle-proxy", "emptyDir": {} }]),
        ),
        (
            "volumes",
            json!([{ "name": "tulle-tmp", "hostPath": { "path": "/tmp" } }]),
        ),
    ] {
        let mut taken = pod();
        taken["spec"][list] = own;
        assert!(
            world
                .inject(&taken)
                .unwrap_err()
                .to_string()
                .contains("the pod's own already")
        );
    }
}

#[test]
fn a_port_of_the_applications_keeps_its_name() {
    let mut before = pod();
    before["spec"]["containers"][0]["ports"][0]["name"] = json!("stats");
    let after = World::default().pod(&before);
    assert_eq!(
        envoy_of(&after)["ports"],
        json!([{ "name": "envoy-stats", "containerPort": 15090, "protocol": "TCP" }])
    );
    let after = World::default().pod(&pod());
    assert_eq!(envoy_of(&after)["ports"][0]["name"], "stats");
}

#[test]
fn an_sds_server_of_the_node_is_mounted_unless_the_pod_says_no() {
    let mut world = World::default();
    world.config.sds.enabled = true;
    let after = world.pod(&pod());
    let envoy = envoy_of(&after);
    assert!(
        option(envoy, "--config-yaml")
            .unwrap()
            .contains("static_cluster_sds_unix_socket")
    );
    assert!(
        envoy["volumeMounts"]
            .as_array()
            .unwrap()
            .iter()
            .any(|m| m["mountPath"] == "/run/spire/sockets")
    );
    let after = world.pod(&annotated(&[(names::SDS, "disabled")]));
    assert!(option(envoy_of(&after), "--config-yaml").is_none());
}

#[test]
fn users_are_told_what_will_not_work() {
    let mut before = pod();
    before["spec"]["securityContext"] = json!({ "runAsUser": 1337 });
    before["spec"]["containers"][0]["ports"] = json!([{ "containerPort": 15021 }]);
    let warnings = World::default().inject(&before).unwrap().warnings;
    assert!(
        warnings[0].contains("user 1337") && warnings[1].contains("15021"),
        "{warnings:?}"
    );
}

#[test]
fn settings_are_read_and_checked() {
    let config: InjectConfig = serde_json::from_value(json!({
        "envoyImage": "envoy:1", "image": "tulle:1", "imagePullPolicy": "Always", "imagePullSecrets": ["a"],
        "resources": { "requests": { "cpu": "1" }, "limits": { "memory": "1Gi" } }, "nativeSidecars": true,
        "sleepHooks": true, "ipv6": true, "ignoredIPs": ["10.0.0.0/8"], "ignoredPorts": [22, 25], "istioLabel": true,
        "drainSeconds": 1, "gatewayStopSeconds": 2, "sidecarStopSeconds": 3, "logLevel": "debug", "concurrency": 4,
        "sds": { "enabled": true, "udsPath": "/run/agent.sock" }, "xray": { "image": "xray:3" },
        "tracing": {
            "enabled": true, "provider": "x-ray", "address": "ref:status.hostIP", "port": 2001, "samplingRate": 0.5,
            "logLevel": "dev", "role": "arn:aws:iam::1:role/x",
        },
        "stats": {
            "tagsEnabled": true, "statsdEnabled": true, "statsdAddress": "10.0.0.1", "statsdPort": 1, "statsdSocketPath": "/s",
        },
    }))
    .unwrap();
    config.check().unwrap();
    let written = serde_json::to_value(&config).unwrap();
    assert_eq!(
        serde_json::from_value::<InjectConfig>(written).unwrap(),
        config
    );
    assert!(serde_json::from_value::<InjectConfig>(json!({ "envoyimage": "x" })).is_err());
    assert_eq!(
        serde_json::from_value::<InjectConfig>(json!({})).unwrap(),
        InjectConfig::default()
    );
    InjectConfig::default().check().unwrap();
    for (wrong, field) in [
        (json!({ "image": "a b" }), "image"),
        (
            json!({ "resources": { "limits": { "cpu": "x" } } }),
            "resources.limits.cpu",
        ),
        (json!({ "ignoredPorts": [0] }), "ignoredPorts"),
        (json!({ "drainSeconds": 100000 }), "drainSeconds"),
        (json!({ "sds": { "udsPath": "agent.sock" } }), "sds.udsPath"),
        (
            json!({ "sds": { "udsPath": "/".repeat(108) } }),
            "sds.udsPath",
        ),
        (
            json!({ "tracing": { "address": "daemon.example" } }),
            "tracing.address",
        ),
        (
            json!({ "tracing": { "provider": "jaeger", "address": "a b" } }),
            "tracing.address",
        ),
        (json!({ "tracing": { "port": 0 } }), "tracing.port"),
        (
            json!({ "tracing": { "samplingRate": 5 } }),
            "tracing.samplingRate",
        ),
        (json!({ "tracing": { "role": "me" } }), "tracing.role"),
        (json!({ "xray": { "image": "" } }), "xray.image"),
        (
            json!({ "stats": { "statsdAddress": "statsd.example" } }),
            "stats.statsdAddress",
        ),
        (json!({ "stats": { "statsdPort": 0 } }), "stats.statsdPort"),
        (
            json!({ "stats": { "statsdSocketPath": "s" } }),
            "stats.statsdSocketPath",
        ),
    ] {
        let config: InjectConfig = serde_json::from_value(wrong).unwrap();
        assert_eq!(config.check().unwrap_err().field, field);
    }
}

#[test]
fn annotations_of_tulles_that_a_pod_comes_with_do_not_count() {
    let copied = [
        (PROXY, "virtualnode/shop/other"),
        (INBOUND_PORTS, "1"),
        (PROBES, "{}"),
        (names::PORTS, ""),
    ];
    let after = World::default().pod(&annotated(&copied));
    let annotations = &after["metadata"]["annotations"];
    assert_eq!(annotations[PROXY], "virtualnode/shop/front");
    assert!(
        annotations[INBOUND_PORTS].is_null() && annotations[PROBES].is_null(),
        "{annotations}"
    );
}
