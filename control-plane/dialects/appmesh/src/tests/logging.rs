//! Access logs.

use tulle_model::logging::{AccessLog, LogFormat};

use super::*;

fn spec(path: &str, format: Value) -> Value {
    let mut file = json!({"path": path});
    if !format.is_null() {
        file["format"] = format;
    }
    json!({"logging": {"accessLog": {"file": file}}})
}

fn log(fragment: Fragment) -> Option<AccessLog> {
    match fragment {
        Fragment::Workload(workload) => workload.access_log,
        Fragment::Gateway(gateway) => gateway.access_log,
        other => panic!("{other:?}"),
    }
}

fn format(fragment: Fragment) -> LogFormat {
    log(fragment).unwrap().format
}

#[test]
fn nodes_and_gateways_have_logs() {
    let json =
        json!({"json": [{"key": "b", "value": "%PROTOCOL%"}, {"key": "a", "value": "x %%"}]});
    let cases = [
        (Value::Null, LogFormat::Default),
        (json!({}), LogFormat::Default),
        (
            json!({"text": "%REQ(:METHOD)%\n"}),
            LogFormat::Text(str("%REQ(:METHOD)%\n")),
        ),
        (
            json,
            LogFormat::Json(vec![(str("a"), str("x %%")), (str("b"), str("%PROTOCOL%"))]),
        ),
    ];
    for kind in ["VirtualNode", "VirtualGateway"] {
        for (given, format) in &cases {
            let fragment = clean(kind, spec("/dev/stdout", given.clone()));
            let expected = AccessLog {
                path: str("/dev/stdout"),
                format: format.clone(),
            };
            assert_eq!(log(fragment), Some(expected));
        }
        for given in [json!({}), json!({"accessLog": {}})] {
            assert_eq!(log(clean(kind, json!({"logging": given}))), None);
        }
    }
}

#[test]
fn what_envoy_refuses_is_left_out() {
    let file = "spec.logging.accessLog.file";
    for text in [
        "%NONSENSE%",
        "100%",
        "%REQ%",
        "%PROTOCOL:3%",
        "%REQ(a b)%",
        "%CEL(1)%",
    ] {
        let fragment = one_finding(
            "VirtualNode",
            spec("/dev/stdout", json!({"text": text})),
            Severity::Error,
            &format!("{file}.format.text"),
            "Envoy refuses it",
        );
        assert_eq!(format(fragment.unwrap()), LogFormat::Default);
    }
    let json =
        json!({"json": [{"key": "a", "value": "%NONSENSE%"}, {"key": "b", "value": "%PROTOCOL%"}]});
    let fragment = one_finding(
        "VirtualNode",
        spec("/dev/stdout", json),
        Severity::Error,
        &format!("{file}.format.json[0].value"),
        "the entry is left out",
    );
    let kept = vec![(str("b"), str("%PROTOCOL%"))];
    assert_eq!(format(fragment.unwrap()), LogFormat::Json(kept));
}

#[test]
fn text_and_json_exclude_each_other_and_keys_are_there_once() {
    let file = "spec.logging.accessLog.file";
    let fragment = one_finding(
        "VirtualNode",
        spec(
            "/dev/stdout",
            json!({"text": "a", "json": [{"key": "a", "value": "b"}]}),
        ),
        Severity::Error,
        &format!("{file}.format.text"),
        "exclude each other",
    );
    let kept = |value| LogFormat::Json(vec![(str("a"), str(value))]);
    assert_eq!(format(fragment.unwrap()), kept("b"));
    let fragment = one_finding(
        "VirtualNode",
        spec(
            "/dev/stdout",
            json!({"json": [{"key": "a", "value": "b"}, {"key": "a", "value": "c"}]}),
        ),
        Severity::Warning,
        &format!("{file}.format.json[1].key"),
        "the last one counts",
    );
    assert_eq!(format(fragment.unwrap()), kept("c"));
    for (given, field) in [
        (json!({"text": ""}), "text"),
        (json!({"json": [{"key": "", "value": "b"}]}), "json[0].key"),
    ] {
        let fragment = one_finding(
            "VirtualNode",
            spec("/dev/stdout", given),
            Severity::Error,
            &format!("{file}.format.{field}"),
            "is empty",
        );
        assert_eq!(format(fragment.unwrap()), LogFormat::Default);
    }
}

#[test]
fn a_file_of_the_proxys_container_is_told() {
    for path in ["/dev/stderr", "/tmp/access.log"] {
        let fragment = clean("VirtualNode", spec(path, Value::Null));
        assert_eq!(&*log(fragment).unwrap().path, path);
    }
    let fragment = one_finding(
        "VirtualNode",
        spec("/var/log/envoy.log", Value::Null),
        Severity::Info,
        "spec.logging.accessLog.file.path",
        "cannot open the file",
    );
    assert_eq!(&*log(fragment.unwrap()).unwrap().path, "/var/log/envoy.log");
    let fragment = one_finding(
        "VirtualNode",
        spec("", Value::Null),
        Severity::Error,
        "spec.logging.accessLog.file.path",
        "names no file",
    );
    assert_eq!(log(fragment.unwrap()), None);
}

#[test]
fn a_folder_is_no_file_and_the_root_folder_is_not_envoys() {
    for path in ["/", "/dev", "/access.log", "/var/log/"] {
        let fragment = one_finding(
            "VirtualNode",
            spec(path, json!({"text": "a"})),
            Severity::Error,
            "spec.logging.accessLog.file.path",
            "nothing is logged",
        );
        assert_eq!(log(fragment.unwrap()), None);
    }
}
