//! What becomes of the application's probes.

use super::*;

fn probed(container_name: &str, fields: Value) -> Value {
    let mut pod = pod();
    let container = pod["spec"]["containers"][0].as_object_mut().unwrap();
    container.insert("name".into(), json!(container_name));
    for (field, value) in fields.as_object().unwrap() {
        container.insert(field.clone(), value.clone());
    }
    pod
}

fn overlay(pod: &Value) -> Value {
    let text = option(envoy_of(pod), "--config-yaml")
        .unwrap()
        .replace("$$", "$");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn probes_of_captured_ports_are_asked_through_envoy() {
    let before = probed(
        "app",
        json!({
            "livenessProbe": { "httpGet": { "path": "live?full=$(X)#part", "port": "http", "httpHeaders": [{ "name": "Host", "value": "x" }] }, "periodSeconds": 3 },
            "readinessProbe": { "tcpSocket": { "port": 8080 }, "failureThreshold": 7 },
            "startupProbe": { "grpc": { "port": 8080, "service": "s" } },
            "lifecycle": { "preStop": { "httpGet": { "path": "/stop", "port": "8080", "scheme": "HTTPS" } }, "postStart": { "exec": { "command": ["true"] } } },
        }),
    );
    let after = World::default().pod(&before);
    let app = container(&after, "containers", "app");
    assert_eq!(
        app["livenessProbe"],
        json!({ "httpGet": { "path": "/app-health/app/livez", "port": 15020, "scheme": "HTTP", "httpHeaders": [{ "name": "Host", "value": "x" }] }, "periodSeconds": 3 })
    );
    assert_eq!(
        app["readinessProbe"],
        json!({ "httpGet": { "path": "/app-health/app/readyz", "port": 15020, "scheme": "HTTP" }, "failureThreshold": 7 })
    );
    assert_eq!(
        app["startupProbe"],
        json!({ "grpc": { "port": 15030, "service": "s" } })
    );
    assert_eq!(
        app["lifecycle"]["preStop"]["httpGet"],
        json!({ "path": "/app-health/app/prestop", "port": 15020, "scheme": "HTTP" })
    );
    assert_eq!(
        app["lifecycle"]["postStart"],
        json!({ "exec": { "command": ["true"] } })
    );
    assert!(
        option(envoy_of(&after), "--config-yaml")
            .unwrap()
            .contains("/live?full=$$(X)")
    );

    let overlay = overlay(&after);
    let names: Vec<_> = overlay["static_resources"]["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "tulle_probe_grpc_8080",
            "tulle_probe_http_8080",
            "tulle_probe_https_8080",
            "tulle_probe_tcp_8080"
        ]
    );
    let ports: Vec<_> = overlay["static_resources"]["listeners"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["address"]["socket_address"]["port_value"].clone())
        .collect();
    assert_eq!(ports, [15020, 15030]);
    let recorded: Value = serde_json::from_str(edit::annotation(&after, PROBES).unwrap()).unwrap();
    assert_eq!(
        recorded["app/livez"],
        json!({ "http": { "port": 8080, "path": "/live?full=$(X)" } })
    );
}

#[test]
fn other_probes_stay_as_they_are() {
    for fields in [
        json!({ "livenessProbe": { "httpGet": { "path": "/", "port": 9999 } } }),
        json!({ "livenessProbe": { "httpGet": { "path": "/", "port": "unknown" } } }),
        json!({ "livenessProbe": { "httpGet": { "path": "/", "port": 8080, "host": "example.org" } } }),
        json!({ "livenessProbe": { "exec": { "command": ["true"] } } }),
        json!({ "livenessProbe": { "grpc": { "port": 9090 } } }),
        json!({ "lifecycle": { "preStop": { "tcpSocket": { "port": 8080 } } } }),
        json!({ "livenessProbe": null, "lifecycle": null }),
        json!({ "livenessProbe": "odd", "lifecycle": ["odd"] }),
    ] {
        let before = probed("app", fields.clone());
        let after = World::default().pod(&before);
        assert_eq!(
            container(&after, "containers", "app"),
            &before["spec"]["containers"][0]
        );
        assert!(edit::annotation(&after, PROBES).is_none());
    }
    // Nothing is captured, so nothing has to be led around.
    let mut before = probed(
        "app",
        json!({ "livenessProbe": { "tcpSocket": { "port": 8080 } } }),
    );
    before["metadata"]["annotations"][names::PORTS] = json!("");
    let after = World::default().pod(&before);
    assert_eq!(
        container(&after, "containers", "app"),
        &before["spec"]["containers"][0]
    );
}

#[test]
fn grpc_probes_share_a_port_for_each_port_of_the_application() {
    let mut world = World::default();
    world.candidates[0].ports = (9000..9040).collect();
    let mut before = pod();
    before["spec"]["containers"] = (9000..9040_u16)
        .flat_map(|port| {
            ["a", "b"].map(|which| json!({ "name": format!("{which}{port}"), "image": "x", "livenessProbe": { "grpc": { "port": port } } }))
        })
        .collect();
    let outcome = world.inject(&before).unwrap();
    assert_eq!(outcome.warnings.len(), 20, "thirty ports, two probes each");
    let at =
        |name| container(&outcome.pod, "containers", name)["livenessProbe"]["grpc"]["port"].clone();
    assert_eq!(at("a9000"), 15030);
    assert_eq!(at("b9000"), 15030);
    assert_eq!(at("a9029"), 15059);
    assert_eq!(at("a9030"), 9030);
}

#[test]
fn containers_that_come_later_are_looked_over() {
    let world = World::default();
    let mut injected = world.pod(&probed(
        "app",
        json!({ "livenessProbe": { "httpGet": { "path": "/a", "port": 8080 } } }),
    ));
    injected["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({
            "name": "late", "image": "x",
            "readinessProbe": { "tcpSocket": { "port": 8080 } },
            "livenessProbe": { "grpc": { "port": 8080 } },
        }));
    // As the API server fills in what is absent.
    injected["spec"]["initContainers"][1]["terminationMessagePath"] = json!("/dev/termination-log");
    let after = world.pod(&injected);
    assert_eq!(
        container(&after, "containers", "late")["readinessProbe"]["httpGet"]["path"],
        "/app-health/late/readyz"
    );
    assert_eq!(
        envoy_of(&after)["terminationMessagePath"],
        "/dev/termination-log"
    );
    let overlay = overlay(&after).to_string();
    for part in ["/app-health/app/livez", "/app-health/late/readyz", "15030"] {
        assert!(overlay.contains(part), "{part}");
    }

    // And where there was nothing to say before.
    let mut injected = world.pod(&pod());
    injected["spec"]["containers"].as_array_mut().unwrap().push(
        json!({ "name": "late", "image": "x", "livenessProbe": { "tcpSocket": { "port": 8080 } } }),
    );
    assert!(option(envoy_of(&world.pod(&injected)), "--config-yaml").is_some());
}

#[test]
fn a_forged_record_of_probes_is_refused() {
    let world = World::default();
    let injected = world.pod(&pod());
    for forged in [
        "{",
        r#"{"a/b":{"http":{"port":0,"path":"/"}}}"#,
        r#"{"a/b":{"http":{"port":1,"path":"/ \n"}}}"#,
        r#"{"A B/c":{"tcp":{"port":1}}}"#,
        r#"{"a/b":{"grpc":{"port":1,"at":80}}}"#,
        r#"{"a/b":{"exec":{}}}"#,
    ] {
        let mut pod = injected.clone();
        pod["metadata"]["annotations"][PROBES] = json!(forged);
        assert!(
            world.inject(&pod).unwrap_err().to_string().contains(PROBES),
            "{forged}"
        );
    }
}
