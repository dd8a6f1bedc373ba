//! Every pod that the chart makes meets the Pod Security Standard `restricted`, field by field.

use serde_json::Value;

use crate::helm::objects;

/// Kinds of volumes that `restricted` allows.
const VOLUMES: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Sysctls that `baseline` allows; no pod of ours sets any.
const NO_SYSCTLS: Value = Value::Null;

/// The controls that this pod spec breaks, each with the field.
fn breaches(spec: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            broken.push(what);
        }
    };
    let off = |value: &Value| value.is_null() || *value == false;
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        check(off(&spec[field]), field.to_owned());
    }
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        let members = volume.as_object().expect("a volume is a map");
        for kind in members.keys().filter(|key| *key != "name") {
            check(VOLUMES.contains(&kind.as_str()), format!("volume {kind}"));
        }
    }
    let pod = &spec["securityContext"];
    check(pod["sysctls"] == NO_SYSCTLS, "sysctls".to_owned());
    check(pod["runAsUser"] != 0, "runAsUser".to_owned());
    check_platform(pod, "pod", &mut check);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in spec[list].as_array().into_iter().flatten() {
            let name = container["name"].as_str().expect("a name");
            let own = &container["securityContext"];
            let either = |field: &str| {
                if own[field].is_null() {
                    &pod[field]
                } else {
                    &own[field]
                }
            };
            check(off(&own["privileged"]), format!("{name}: privileged"));
            check(
                own["allowPrivilegeEscalation"] == false,
                format!("{name}: allowPrivilegeEscalation"),
            );
            let caps = &own["capabilities"];
            let drops = caps["drop"].as_array().into_iter().flatten();
            check(
                drops.into_iter().any(|cap| cap == "ALL"),
                format!("{name}: capabilities.drop"),
            );
            let mut adds = caps["add"].as_array().into_iter().flatten();
            check(
                adds.all(|cap| cap == "NET_BIND_SERVICE"),
                format!("{name}: capabilities.add"),
            );
            check(
                *either("runAsNonRoot") == true,
                format!("{name}: runAsNonRoot"),
            );
            check(own["runAsUser"] != 0, format!("{name}: runAsUser"));
            let seccomp = &either("seccompProfile")["type"];
            check(
                seccomp == "RuntimeDefault" || seccomp == "Localhost",
                format!("{name}: seccompProfile"),
            );
            let proc_mount = &own["procMount"];
            check(
                proc_mount.is_null() || proc_mount == "Default",
                format!("{name}: procMount"),
            );
            for port in container["ports"].as_array().into_iter().flatten() {
                check(
                    port["hostPort"].is_null() || port["hostPort"] == 0,
                    format!("{name}: hostPort"),
                );
            }
            for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
                check(
                    container[probe]["httpGet"]["host"].is_null(),
                    format!("{name}: {probe}.httpGet.host"),
                );
            }
            check_platform(own, name, &mut check);
        }
    }
    broken
}

/// What both levels forbid of SELinux, AppArmor and Windows: ours say nothing about them.
fn check_platform(context: &Value, name: &str, check: &mut impl FnMut(bool, String)) {
    for field in ["seLinuxOptions", "appArmorProfile", "windowsOptions"] {
        check(context[field].is_null(), format!("{name}: {field}"));
    }
}

fn pods(objects: &[Value]) -> Vec<&Value> {
    objects
        .iter()
        .filter(|object| object["spec"]["template"]["spec"].is_object() || object["kind"] == "Pod")
        .map(|object| match object["kind"].as_str() {
            Some("Pod") => &object["spec"],
            _ => &object["spec"]["template"]["spec"],
        })
        .collect()
}

#[test]
fn every_pod_is_restricted() {
    let objects = objects(&[]);
    let pods = pods(&objects);
    assert_eq!(pods.len(), 1);
    for pod in pods {
        assert_eq!(breaches(pod), Vec::<String>::new());
        // More than the standard asks.
        for container in pod["containers"].as_array().expect("containers") {
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        }
    }
}

/// The check itself: each field of a good pod, once spoilt, is found.
#[test]
fn every_breach_is_found() {
    let objects = objects(&[]);
    let good = pods(&objects)[0];
    for (pointer, bad) in [
        ("/hostNetwork", serde_json::json!(true)),
        ("/hostPID", serde_json::json!(true)),
        ("/hostIPC", serde_json::json!(true)),
        ("/volumes/0/hostPath", serde_json::json!({"path": "/"})),
        ("/securityContext/runAsNonRoot", serde_json::json!(false)),
        ("/securityContext/runAsUser", serde_json::json!(0)),
        (
            "/securityContext/seccompProfile/type",
            serde_json::json!("Unconfined"),
        ),
        (
            "/securityContext/sysctls",
            serde_json::json!([{"name": "kernel.msgmax", "value": "1"}]),
        ),
        (
            "/containers/0/securityContext/allowPrivilegeEscalation",
            serde_json::json!(true),
        ),
        (
            "/containers/0/securityContext/privileged",
            serde_json::json!(true),
        ),
        (
            "/containers/0/securityContext/capabilities/drop",
            serde_json::json!(["NET_RAW"]),
        ),
        (
            "/containers/0/securityContext/capabilities/add",
            serde_json::json!(["NET_ADMIN"]),
        ),
        (
            "/containers/0/securityContext/procMount",
            serde_json::json!("Unmasked"),
        ),
        (
            "/containers/0/securityContext/seLinuxOptions",
            serde_json::json!({"user": "u"}),
        ),
        ("/containers/0/ports/0/hostPort", serde_json::json!(80)),
        (
            "/containers/0/livenessProbe/httpGet/host",
            serde_json::json!("169.254.169.254"),
        ),
    ] {
        let mut pod = good.clone();
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
        pod.pointer_mut(parent)
            .unwrap_or_else(|| panic!("no {parent}"))[field] = bad;
        assert_eq!(breaches(&pod).len(), 1, "{pointer}: {:?}", breaches(&pod));
    }
}
