//! What the variables of Envoy's container do.

use super::*;

/// What Envoy is told beyond the shared bootstrap, as it will see it: the kubelet reads two dollars as one.
fn overlay(container: &Value) -> Value {
    let text = option(container, "--config-yaml").unwrap_or("{}");
    serde_json::from_str(&text.replace("$$", "$")).unwrap()
}

fn front(variables: &[(&str, &str)]) -> Value {
    let list: BTreeMap<&str, &str> = variables.iter().copied().collect();
    annotated(&[(names::ENV_JSON, &json!([list]).to_string())])
}

/// Envoy of an injected `front`, and what was warned of.
fn tuned(world: &World, variables: &[(&str, &str)]) -> (Value, Vec<String>) {
    let before = front(variables);
    let warnings = world.inject(&before).unwrap().warnings;
    (envoy_of(&world.pod(&before)).clone(), warnings)
}

fn refused(variables: &[(&str, &str)]) -> String {
    let error = World::default().inject(&front(variables)).unwrap_err();
    error.to_string()
}

fn clusters(overlay: &Value) -> Vec<&str> {
    let clusters = overlay["static_resources"]["clusters"].as_array();
    clusters.into_iter().flatten().map(edit::name).collect()
}

#[test]
fn nothing_is_told_where_nothing_is_asked() {
    let (envoy, warnings) = tuned(&World::default(), &[("FOO", "bar"), ("AWS_REGION", "x")]);
    assert_eq!(option(&envoy, "--config-yaml"), None);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert!(!arguments(&envoy).contains(&"--skip-deprecated-logs"));
}

#[test]
fn envoys_own_options() {
    let (envoy, warnings) = tuned(
        &World::default(),
        &[
            ("ENVOY_LOG_LEVEL", "WARN"),
            ("ENVOY_CONCURRENCY", "3"),
            ("ENVOY_STATS_FLUSH_INTERVAL", "1m1.5s"),
            ("ENVOY_ADMIN_ACCESS_PORT", "9902"),
            ("ENVOY_ADMIN_ACCESS_LOG_FILE", "/tmp/envoy_admin_access.log"),
            ("ENVOY_INITIAL_FETCH_TIMEOUT", "7"),
            ("ENVOY_OUTLIER_DETECTION_EVENT_LOG_PATH", "/dev/stderr"),
            ("MAX_REQUESTS_PER_IO_CYCLE", "2"),
            ("ENVOY_SKIP_DEPRECATED_LOGS", "true"),
        ],
    );
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(option(&envoy, "--log-level"), Some("warning"));
    assert_eq!(option(&envoy, "--concurrency"), Some("3"));
    assert!(arguments(&envoy).contains(&"--skip-deprecated-logs"));
    let told = overlay(&envoy);
    assert_eq!(told["stats_flush_interval"], "61.500s");
    assert_eq!(
        told["admin"]["access_log"][0]["typed_config"]["path"],
        "/tmp/envoy_admin_access.log"
    );
    assert_eq!(
        told["static_resources"]["listeners"][0]["address"]["socket_address"],
        json!({ "address": "127.0.0.1", "port_value": 9902 })
    );
    for config in ["lds_config", "cds_config"] {
        assert_eq!(
            told["dynamic_resources"][config],
            json!({ "initial_fetch_timeout": "7s" })
        );
    }
    assert_eq!(
        told["cluster_manager"],
        json!({ "outlier_detection": { "event_log_path": "/dev/stderr" } })
    );
    assert_eq!(
        told["layered_runtime"]["layers"][0]["static_layer"],
        json!({ "http.max_requests_per_io_cycle": 2 })
    );
}

#[test]
fn a_variable_counts_before_a_setting() {
    let mut world = World::default();
    world.config.log_level = LogLevel::Error;
    world.config.stats.tags_enabled = true;
    world.config.tracing.enabled = true;
    world.config.tracing.provider = TracingProvider::Jaeger;
    let (envoy, _) = tuned(&world, &[]);
    assert_eq!(option(&envoy, "--log-level"), Some("error"));
    let told = overlay(&envoy);
    assert_eq!(
        told["stats_config"]["stats_tags"],
        json!([
            { "tag_name": "appmesh.mesh", "fixed_value": "shop" },
            { "tag_name": "appmesh.virtual_node", "fixed_value": "front_shop" },
        ])
    );
    assert_eq!(clusters(&told), ["jaeger"]);
    let (envoy, _) = tuned(
        &world,
        &[
            ("ENVOY_LOG_LEVEL", "off"),
            ("ENABLE_ENVOY_STATS_TAGS", "0"),
            ("ENABLE_ENVOY_JAEGER_TRACING", "false"),
        ],
    );
    assert_eq!(option(&envoy, "--log-level"), Some("off"));
    assert_eq!(option(&envoy, "--config-yaml"), None);
    let (envoy, _) = tuned(&world, &[("ENABLE_ENVOY_DATADOG_TRACING", "1")]);
    assert_eq!(clusters(&overlay(&envoy)), ["datadog_agent"]);
}

#[test]
fn values_that_the_agent_would_not_have_started_with_are_refused() {
    for (variables, word) in [
        (&[("ENABLE_ENVOY_STATS_TAGS", "yes")][..], "no switch"),
        (&[("ENVOY_INITIAL_FETCH_TIMEOUT", "-1")], "seconds"),
        (&[("ENVOY_STATS_FLUSH_INTERVAL", "10")], "no interval"),
        (&[("ENVOY_STATS_FLUSH_INTERVAL", "5m")], "no interval"),
        (&[("MAX_REQUESTS_PER_IO_CYCLE", "many")], "no whole number"),
        (
            &[
                ("ENABLE_ENVOY_XRAY_TRACING", "1"),
                ("ENABLE_ENVOY_JAEGER_TRACING", "1"),
            ],
            "one tracer",
        ),
        (
            &[
                ("ENABLE_ENVOY_XRAY_TRACING", "1"),
                ("XRAY_SAMPLING_RATE", "1.5"),
            ],
            "XRAY_SAMPLING_RATE",
        ),
        (
            &[
                ("ENABLE_ENVOY_XRAY_TRACING", "1"),
                ("AWS_XRAY_DAEMON_ADDRESS", "xray.svc:2000"),
            ],
            "no IP address",
        ),
        (
            &[
                ("ENABLE_ENVOY_JAEGER_TRACING", "1"),
                ("JAEGER_TRACER_ADDRESS", "a b"),
            ],
            "neither an IP address nor a name",
        ),
        (
            &[
                ("ENABLE_ENVOY_DOG_STATSD", "1"),
                ("STATSD_ADDRESS", "statsd.svc"),
            ],
            "no IP address",
        ),
        (
            &[("ENABLE_ENVOY_DOG_STATSD", "1"), ("STATSD_PORT", "0")],
            "no port",
        ),
    ] {
        let error = refused(variables);
        assert!(
            error.contains(word) && error.contains("container envoy"),
            "{error}"
        );
    }
}

#[test]
fn what_has_no_effect_is_said_by_name() {
    for (variable, value) in [
        ("ENVOY_CONFIG_FILE", "/x"),
        ("APPMESH_XDS_ENDPOINT", "x:443"),
        ("ENVOY_ADMIN_MODE", "uds"),
        ("ENVOY_LOG_LEVEL", "loud"),
        ("ENVOY_ADMIN_ACCESS_PORT", "8080"),
        ("ENVOY_ADMIN_ACCESS_PORT", "80"),
        ("ENVOY_ADMIN_ACCESS_LOG_FILE", "/var/log/admin.log"),
        ("ENVOY_TRACING_CFG_FILE", "/nowhere/tracing.yaml"),
        ("ENVOY_CONCURRENCY", "$(CPUS)"),
        ("APPMESH_METRIC_EXTENSION_VERSION", "1"),
    ] {
        let world = World::default();
        let (_, warnings) = tuned(&world, &[(variable, value)]);
        assert_eq!(warnings.len(), 1, "{variable}: {warnings:?}");
        assert!(warnings[0].contains(variable), "{warnings:?}");
        let pod = world.pod(&front(&[(variable, value)]));
        let kept = pod["metadata"]["annotations"][names::WARNINGS].as_str();
        assert!(kept.unwrap().contains(variable), "{kept:?}");
    }
}

#[test]
fn xray_takes_segments_named_by_the_mesh() {
    let variables = [
        ("ENABLE_ENVOY_XRAY_TRACING", "1"),
        ("XRAY_SAMPLING_RATE", "0.256"),
    ];
    let (envoy, _) = tuned(&World::default(), &variables);
    let told = overlay(&envoy);
    let tracer = &told["tracing"]["http"];
    assert_eq!(tracer["name"], "envoy.tracers.xray");
    let config = &tracer["typed_config"];
    assert_eq!(config["segment_name"], "shop/front_shop");
    assert_eq!(
        config["segment_fields"],
        json!({
            "origin": "AWS::AppMesh::Proxy",
            "aws": { "app_mesh": { "mesh_name": "shop", "virtual_node_name": "front_shop" } },
        })
    );
    assert_eq!(
        config["daemon_endpoint"],
        json!({ "protocol": "UDP", "address": "127.0.0.1", "port_value": 2000 })
    );
    let rules: Value = serde_json::from_str(
        config["sampling_rule_manifest"]["inline_string"]
            .as_str()
            .unwrap(),
    )
    .unwrap();
    assert_eq!(
        rules,
        json!({ "version": 2, "default": { "fixed_target": 1, "rate": 0.26 }, "rules": [] })
    );
    assert!(arguments(&envoy).contains(&"--skip-deprecated-logs"));

    let (envoy, _) = tuned(
        &World::default(),
        &[
            ("ENABLE_ENVOY_XRAY_TRACING", "1"),
            ("AWS_XRAY_DAEMON_ADDRESS", "10.0.0.7:3000"),
            ("XRAY_SEGMENT_NAME", "mine"),
            ("XRAY_SAMPLING_RATE", "0.05"),
        ],
    );
    let told = overlay(&envoy);
    let config = &told["tracing"]["http"]["typed_config"];
    assert_eq!(config["daemon_endpoint"]["port_value"], 3000);
    assert_eq!(config["segment_name"], "mine");
    assert!(config["sampling_rule_manifest"].is_null());
}

#[test]
fn the_daemon_is_put_beside_envoy() {
    let mut world = World::default();
    world.config.tracing.enabled = true;
    world.config.tracing.log_level = XrayLogLevel::Debug;
    let mut before = annotated(&[(names::CPU_REQUEST, "30m")]);
    let after = world.pod(&before);
    let daemon = container(&after, "initContainers", "xray-daemon");
    super::what::is_restricted(daemon);
    assert_eq!(daemon["restartPolicy"], "Always");
    assert_eq!(daemon["args"], json!(["--log-level", "debug"]));
    assert_eq!(
        daemon["env"],
        json!([{ "name": "AWS_REGION", "value": "us-west-2" }])
    );
    assert_eq!(daemon["resources"]["requests"]["cpu"], "30m");

    before["metadata"]["annotations"][names::XRAY_CONFIG] = json!("conf:/conf/");
    world.config.native_sidecars = Some(false);
    let after = world.pod(&before);
    let daemon = container(&after, "containers", "xray-daemon");
    assert_eq!(
        daemon["command"],
        json!(["/xray", "--config", "/conf/xray-daemon.yaml"])
    );
    assert_eq!(daemon["volumeMounts"][0]["mountPath"], "/conf/");

    world.config.tracing.address = Some("ref:status.hostIP".into());
    let outcome = world.inject(&before).unwrap();
    assert!(outcome.warnings[0].contains("xrayAgentConfigMount"));
    let envoy = container(&outcome.pod, "containers", "envoy");
    assert_eq!(
        overlay(envoy)["tracing"]["http"]["typed_config"]["daemon_endpoint"]["address"],
        "$(AWS_XRAY_DAEMON_ADDRESS)"
    );
    let env = envoy["env"].as_array().unwrap();
    assert_eq!(
        env.last().unwrap()["valueFrom"]["fieldRef"]["fieldPath"],
        "status.hostIP"
    );
}

#[test]
fn other_tracers() {
    let (envoy, _) = tuned(
        &World::default(),
        &[
            ("ENABLE_ENVOY_DATADOG_TRACING", "true"),
            ("DATADOG_TRACER_ADDRESS", "ref:status.hostIP"),
            ("DATADOG_TRACER_PORT", "8127"),
        ],
    );
    let told = overlay(&envoy);
    let text = told.to_string();
    assert!(text.contains(r#""service_name":"envoy-shop/front_shop""#));
    assert!(
        text.contains(
            r#""socket_address":{"address":"$(DATADOG_TRACER_ADDRESS)","port_value":8127}"#
        )
    );
    let address = envoy["env"]
        .as_array()
        .unwrap()
        .iter()
        .find(|variable| variable["name"] == "DATADOG_TRACER_ADDRESS")
        .unwrap();
    assert_eq!(
        address["valueFrom"]["fieldRef"]["fieldPath"],
        "status.hostIP"
    );

    let (envoy, _) = tuned(
        &World::default(),
        &[
            ("ENABLE_ENVOY_JAEGER_TRACING", "1"),
            ("JAEGER_TRACER_ADDRESS", "$(POD_NAMESPACE).jaeger"),
            ("JAEGER_TRACER_VERSION", "V2_JSON"),
        ],
    );
    let text = overlay(&envoy).to_string();
    assert!(text.contains(r#""collector_endpoint":"/api/v2/spans""#));
    assert!(text.contains("HTTP_JSON") && text.contains(r#""$(POD_NAMESPACE).jaeger""#));

    let mut world = World::default();
    world.config.tracing.enabled = true;
    world.config.tracing.provider = TracingProvider::Otlp;
    world.config.tracing.sampling_rate = Some(0.0123);
    let (envoy, _) = tuned(&world, &[]);
    let told = overlay(&envoy);
    assert_eq!(clusters(&told), ["otlp_collector"]);
    assert_eq!(
        told["layered_runtime"]["layers"][0]["static_layer"]["tracing.random_sampling"],
        json!({ "numerator": 123, "denominator": "TEN_THOUSAND" })
    );
}

#[test]
fn figures_go_where_they_are_asked_for() {
    let address =
        |envoy: &Value| overlay(envoy)["stats_sinks"][0]["typed_config"]["address"].clone();
    let (envoy, _) = tuned(&World::default(), &[("ENABLE_ENVOY_DOG_STATSD", "1")]);
    assert_eq!(
        address(&envoy),
        json!({ "socket_address": { "protocol": "UDP", "address": "127.0.0.1", "port_value": 8125 } })
    );
    let mut world = World::default();
    world.config.stats.statsd_enabled = true;
    world.config.stats.statsd_address = "ref:status.hostIP".into();
    let (envoy, _) = tuned(&world, &[]);
    assert_eq!(
        address(&envoy)["socket_address"]["address"],
        "$(STATSD_ADDRESS)"
    );
    let (envoy, warnings) = tuned(&world, &[("STATSD_SOCKET_PATH", "/dsd/dsd.socket")]);
    assert_eq!(
        address(&envoy),
        json!({ "pipe": { "path": "/dsd/dsd.socket" } })
    );
    assert!(warnings[0].contains("/dsd/dsd.socket"), "{warnings:?}");
    let (envoy, _) = tuned(&world, &[("APPMESH_METRIC_EXTENSION_VERSION", "1")]);
    let told = overlay(&envoy);
    let names: Vec<&Value> = told["stats_config"]["stats_tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["tag_name"])
        .collect();
    assert_eq!(names, ["Mesh", "VirtualNode", "TargetVirtualNode"]);
}

#[test]
fn files_are_merged_by_an_init_container() {
    let mut before = front(&[
        ("ENVOY_TRACING_CFG_FILE", "/conf/tracing.yaml"),
        ("ENVOY_STATS_CONFIG_FILE", "/conf/stats.yaml"),
        ("ENABLE_ENVOY_XRAY_TRACING", "1"),
        ("ENABLE_ENVOY_STATS_TAGS", "1"),
    ]);
    before["metadata"]["annotations"][names::VOLUME_MOUNTS] = json!("conf:/conf, other:/other");
    before["spec"]["volumes"] =
        json!([{ "name": "conf", "emptyDir": {} }, { "name": "other", "emptyDir": {} }]);
    let after = World::default().pod(&before);
    let init: Vec<&str> = edit::items(&after, "initContainers")
        .map(edit::name)
        .collect();
    assert_eq!(init, ["tulle-capture", "tulle-bootstrap", "envoy"]);
    let merge = container(&after, "initContainers", "tulle-bootstrap");
    super::what::is_restricted(merge);
    assert_eq!(
        arguments(merge),
        [
            "merge-bootstrap",
            "--base",
            "/etc/tulle/envoy.yaml",
            "--out",
            "/etc/tulle-merged/envoy.json",
            "/conf/tracing.yaml",
            "/conf/stats.yaml"
        ]
    );
    let paths: Vec<&Value> = merge["volumeMounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| &mount["mountPath"])
        .collect();
    assert_eq!(paths, ["/etc/tulle", "/conf", "/etc/tulle-merged"]);
    let envoy = envoy_of(&after);
    assert_eq!(
        option(envoy, "--config-path"),
        Some("/etc/tulle-merged/envoy.json")
    );
    assert!(arguments(envoy).contains(&"--skip-deprecated-logs"));
    assert_eq!(
        option(envoy, "--config-yaml"),
        None,
        "the files' tracer and tags replace the others"
    );
}

#[test]
fn a_gateways_variables_are_its_containers() {
    let mut before = json!({
        "metadata": { "name": "in-1", "labels": { "app": "in" } },
        "spec": { "containers": [{
            "name": "envoy",
            "image": "x",
            "env": [
                { "name": "ENABLE_ENVOY_STATS_TAGS", "value": "1" },
                { "name": "ENABLE_ENVOY_JAEGER_TRACING", "value": "1" },
                { "name": "JAEGER_TRACER_ADDRESS", "valueFrom": { "fieldRef": { "fieldPath": "status.hostIP" } } },
                { "name": "ENVOY_RESOURCES_CONFIG_FILE", "value": "/conf/more.yaml" },
                { "name": "LISTENER_DRAIN_WAIT_TIME_S", "value": "40" },
                { "name": "APPMESH_SDS_SOCKET_PATH", "value": "/mine/agent.sock" },
            ],
            "volumeMounts": [{ "name": "conf", "mountPath": "/conf" }],
        }] },
    });
    let mut world = World::default();
    let after = world.pod(&before);
    let envoy = container(&after, "containers", "envoy");
    let told = overlay(envoy);
    assert_eq!(
        told["stats_config"]["stats_tags"][1],
        json!({ "tag_name": "appmesh.virtual_gateway", "fixed_value": "in_shop" })
    );
    assert_eq!(
        clusters(&told),
        ["jaeger", "static_cluster_sds_unix_socket"]
    );
    assert!(told.to_string().contains(r#""$(JAEGER_TRACER_ADDRESS)""#));
    assert!(told.to_string().contains("/mine/agent.sock"));
    assert_eq!(envoy["lifecycle"]["preStop"]["sleep"]["seconds"], 40);
    assert_eq!(after["spec"]["terminationGracePeriodSeconds"], 45);
    assert_eq!(option(envoy, "--drain-time-s"), Some("35"));
    container(&after, "initContainers", "tulle-bootstrap");

    world.config.sds.enabled = true;
    before["spec"]["volumes"] = json!([
        { "name": "spire", "hostPath": { "path": "/run/spire/sockets/agent.sock" } },
    ]);
    let after = world.pod(&before);
    let envoy = container(&after, "containers", "envoy");
    assert!(envoy["volumeMounts"].as_array().unwrap().contains(
        &json!({ "name": "spire", "mountPath": "/run/spire/sockets/agent.sock", "readOnly": true })
    ));
    assert!(
        overlay(envoy)
            .to_string()
            .contains("/run/spire/sockets/agent.sock")
    );
}

#[test]
fn new_probes_leave_the_rest_of_the_overlay_alone() {
    let world = World::default();
    let variables = [
        ("ENABLE_ENVOY_JAEGER_TRACING", "1"),
        ("JAEGER_TRACER_ADDRESS", "$(POD_NAMESPACE).jaeger"),
        ("APPMESH_METRIC_EXTENSION_VERSION", "1"),
    ];
    let mut pod = world.pod(&front(&variables));
    let before = overlay(envoy_of(&pod));
    pod["spec"]["containers"][0]["readinessProbe"] = json!({ "tcpSocket": { "port": 8080 } });
    let after = world.inject(&pod).unwrap().pod;
    let mut now = overlay(envoy_of(&after));
    assert_eq!(clusters(&now), ["tulle_probe_tcp_8080", "jaeger"]);
    let statics = &mut now["static_resources"];
    statics["clusters"].as_array_mut().unwrap().remove(0);
    assert_eq!(
        statics["listeners"].as_array_mut().unwrap().remove(0)["name"],
        "tulle_probes"
    );
    statics.as_object_mut().unwrap().remove("listeners");
    assert_eq!(now, before);
}
