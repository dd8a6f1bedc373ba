//! What a gateway pod looks like.

use super::what::is_restricted;
use super::*;

fn gateway_pod() -> Value {
    json!({
        "metadata": { "name": "in-1", "labels": { "app": "in" } },
        "spec": { "containers": [{
            "name": "envoy",
            "image": "840364872350.dkr.ecr.us-west-2.amazonaws.com/aws-appmesh-envoy:v1.34",
            "env": [{ "name": "APPMESH_RESOURCE_ARN", "value": "mesh/shop/virtualGateway/in_shop" }, { "name": "POD_NAME", "value": "old" }],
            "ports": [{ "containerPort": 8088 }],
        }] },
    })
}

#[test]
fn a_gateway_pod_runs_stock_envoy() {
    let world = World::default();
    let after = world.pod(&gateway_pod());
    assert!(after["spec"]["initContainers"].is_null());
    let envoy = container(&after, "containers", "envoy");
    is_restricted(envoy);
    assert_eq!(envoy["image"], world.config.envoy_image);
    assert_eq!(envoy["command"], json!(["envoy"]));
    assert_eq!(
        arguments(envoy),
        [
            "--config-path",
            "/etc/tulle/envoy.yaml",
            "--service-node",
            "$(POD_NAME).$(POD_NAMESPACE)",
            "--service-cluster",
            "mesh/shop/virtualGateway/in_shop",
            "--drain-time-s",
            "15",
            "--log-level",
            "warning",
            "--disable-hot-restart"
        ]
    );
    assert_eq!(envoy["env"][0]["name"], "APPMESH_RESOURCE_ARN");
    assert_eq!(
        envoy["env"][1]["valueFrom"]["fieldRef"]["fieldPath"],
        "metadata.name"
    );
    assert_eq!(
        envoy["ports"][1],
        json!({ "name": "stats", "containerPort": 15090, "protocol": "TCP" })
    );
    assert_eq!(envoy["readinessProbe"]["httpGet"]["port"], 15021);
    assert_eq!(
        envoy["lifecycle"],
        json!({ "preStop": { "sleep": { "seconds": 20 } } })
    );
    assert!(
        after["spec"]["terminationGracePeriodSeconds"].is_null(),
        "30 seconds are enough"
    );
    assert_eq!(
        after["metadata"]["annotations"],
        json!({ PROXY: "virtualgateway/shop/in" })
    );
}

#[test]
fn a_gateways_user_keeps_what_is_theirs() {
    let world = World::default();
    let mut before = gateway_pod();
    before["metadata"]["annotations"] = json!({ names::SKIP_IMAGE: "enabled" });
    let envoy = &mut before["spec"]["containers"][0];
    envoy["securityContext"] =
        json!({ "runAsUser": 0, "capabilities": { "add": ["NET_BIND_SERVICE"] } });
    envoy["lifecycle"] = json!({ "preStop": { "sleep": { "seconds": 40 } } });
    envoy["readinessProbe"] = json!({ "httpGet": { "path": "/", "port": 8088 } });
    envoy["resources"] = json!({ "limits": { "cpu": "2" } });
    let image = envoy["image"].clone();
    let after = world.pod(&before);
    let envoy = container(&after, "containers", "envoy");
    assert_eq!(envoy["image"], image);
    assert_eq!(envoy["securityContext"]["runAsUser"], 0);
    assert!(envoy["securityContext"]["runAsNonRoot"].is_null());
    assert_eq!(
        envoy["securityContext"]["capabilities"],
        json!({ "add": ["NET_BIND_SERVICE"] })
    );
    assert_eq!(envoy["lifecycle"]["preStop"]["sleep"]["seconds"], 40);
    assert_eq!(envoy["readinessProbe"]["httpGet"]["port"], 8088);
    assert_eq!(option(envoy, "--concurrency"), Some("2"));
    assert!(after["spec"]["terminationGracePeriodSeconds"].is_null());
}

#[test]
fn probes_that_stock_envoy_cannot_answer_give_way() {
    let world = World::default();
    let mut before = gateway_pod();
    let envoy = &mut before["spec"]["containers"][0];
    envoy["readinessProbe"] = json!({ "exec": { "command": ["sh", "-c", "curl localhost:9901"] } });
    envoy["livenessProbe"] = json!({ "httpGet": { "path": "/ready", "port": 9901 } });
    envoy["ports"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "stats", "containerPort": 9901 }));
    let outcome = world.inject(&before).unwrap();
    assert_eq!(outcome.warnings.len(), 2);
    let envoy = container(&outcome.pod, "containers", "envoy");
    assert_eq!(envoy["readinessProbe"]["httpGet"]["port"], 15021);
    assert!(envoy["livenessProbe"].is_null());
    assert_eq!(
        envoy["ports"],
        json!([{ "containerPort": 8088 }, { "name": "stats", "containerPort": 15090 }])
    );
}

#[test]
fn a_gateway_has_the_time_and_the_ports_it_needs() {
    let mut world = World::default();
    world.config.gateway_stop_seconds = 60;
    world.candidates[1].ports = [80, 443].into();
    let after = world.pod(&gateway_pod());
    assert_eq!(after["spec"]["terminationGracePeriodSeconds"], 65);
    assert_eq!(
        after["spec"]["securityContext"],
        json!({ "sysctls": [{ "name": "net.ipv4.ip_unprivileged_port_start", "value": "0" }] })
    );
    assert_eq!(
        option(container(&after, "containers", "envoy"), "--drain-time-s"),
        Some("45")
    );
    world.config.sleep_hooks = Some(false);
    let after = world.pod(&gateway_pod());
    assert!(after["spec"]["terminationGracePeriodSeconds"].is_null());
}

#[test]
fn a_gateway_pod_without_the_container_is_let_in_with_a_word() {
    let world = World::default();
    let mut before = gateway_pod();
    before["spec"]["containers"][0]["name"] = json!("proxy");
    let outcome = world.inject(&before).unwrap();
    assert!(outcome.patch.0.is_empty() && outcome.proxy.is_none());
    assert!(outcome.warnings[0].contains("none of its containers is named envoy"));

    let mut taken = gateway_pod();
    taken["spec"]["containers"][0]["volumeMounts"] =
        json!([{ "name": "mine", "mountPath": "/etc/tulle" }]);
    assert!(world.inject(&taken).is_err());
}
