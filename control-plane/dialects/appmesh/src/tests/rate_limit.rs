//! `tulle.dev/rate-limit`.

use std::time::Duration;

use tulle_model::extras::RateLimit;
use tulle_model::fragment::Listener;

use super::*;

const KEY: &str = "tulle.dev/rate-limit";

fn spec(kind: &str, listeners: &[(u16, &str)]) -> Value {
    let listeners = listeners
        .iter()
        .map(|(port, protocol)| json!({"portMapping": {"port": port, "protocol": protocol}}));
    let listeners: Vec<Value> = listeners.collect();
    match kind {
        "VirtualNode" => {
            json!({"listeners": listeners, "serviceDiscovery": {"dns": {"hostname": "one.shop"}}})
        }
        _ => json!({ "listeners": listeners }),
    }
}

/// The listeners of an object with this annotation, and what is told of it.
fn limited(kind: &str, listeners: &[(u16, &str)], text: &str) -> (Vec<Listener>, Vec<Finding>) {
    let mut object = object(kind, spec(kind, listeners)).unwrap();
    object.metadata_mut().annotations = Some([(KEY.to_owned(), text.to_owned())].into());
    let translated = translate(&object, &[]).unwrap();
    let listeners = match translated.fragments.into_iter().next() {
        Some(Fragment::Workload(workload)) => workload.listeners,
        Some(Fragment::Gateway(gateway)) => gateway.listeners,
        other => panic!("{other:?}"),
    };
    (listeners, translated.findings)
}

fn limits(listeners: &[Listener]) -> Vec<Option<RateLimit>> {
    listeners.iter().map(|own| own.rate_limit).collect()
}

fn limit(tokens: u32, millis: u64, burst: u32) -> Option<RateLimit> {
    Some(RateLimit {
        tokens,
        interval: Duration::from_millis(millis),
        burst,
    })
}

#[test]
fn limits_are_those_of_the_listeners_they_name() {
    let one = &[(8080, "http")][..];
    let three = &[(8080, "http"), (9000, "grpc"), (5432, "tcp")][..];
    for (listeners, text, expected) in [
        (one, "{requests: 100, per: 1s}", vec![limit(100, 1000, 100)]),
        (
            one,
            "requests: 5\nper: 1m30s\nburst: 1",
            vec![limit(5, 90_000, 1)],
        ),
        (
            one,
            r#"{"requests": "7", "per": "50ms", "burst": 4294967295, "port": 8080}"#,
            vec![limit(7, 50, u32::MAX)],
        ),
        (one, "[]", vec![None]),
        (
            three,
            "- {requests: 1, per: 24h, port: 9000}\n- {connections: 2, per: 1s, port: 5432}",
            vec![None, limit(1, 86_400_000, 1), limit(2, 1000, 2)],
        ),
        (
            &[(5432, "tcp")],
            "connections: 10\nper: 1s",
            vec![limit(10, 1000, 10)],
        ),
    ] {
        let (listeners, findings) = limited("VirtualNode", listeners, text);
        assert_eq!(findings, [], "{text}");
        assert_eq!(limits(&listeners), expected, "{text}");
    }
    let text = "{requests: 100, per: 1s, port: 8443}";
    let two = [(8088, "http"), (8443, "http2")];
    let (listeners, findings) = limited("VirtualGateway", &two, text);
    assert_eq!(
        (limits(&listeners), findings.len()),
        (vec![None, limit(100, 1000, 100)], 0)
    );
}

#[test]
fn what_cannot_be_used_is_told_where_it_stands() {
    let two: &[(u16, &str)] = &[(8080, "http"), (5432, "tcp")];
    for (text, code, member, message) in [
        ("", "invalid-value", "", "is not a mapping"),
        (
            "{requests: [",
            "invalid-value",
            "",
            "not valid YAML: line 1",
        ),
        ("{per: 1s, per: 2s}", "invalid-value", "", "not valid YAML"),
        ("100/s", "invalid-value", "", "\"100/s\" is not a mapping"),
        (
            "{port: 8080, per: 1s}",
            "missing-field",
            "",
            "neither requests nor",
        ),
        (
            "{port: 8080, requests: 1}",
            "missing-field",
            "",
            "per is missing",
        ),
        (
            "{port: 8080, requests: 1, connections: 1, per: 1s}",
            "conflicting-fields",
            "",
            "exclude each other",
        ),
        (
            "{requests: 1, per: 1s}",
            "ambiguous-port",
            "",
            "no port is named",
        ),
        (
            "{port: 80, requests: 1, per: 1s}",
            "invalid-value",
            ".port",
            "no listener on port 80",
        ),
        (
            "{port: 70000, requests: 1, per: 1s}",
            "invalid-value",
            ".port",
            "out of range",
        ),
        (
            "{port: http, requests: 1, per: 1s}",
            "invalid-value",
            ".port",
            "not a whole number",
        ),
        (
            "{port: 8080, requests: 0, per: 1s}",
            "invalid-value",
            ".requests",
            "out of range",
        ),
        (
            "{port: 8080, requests: -1, per: 1s}",
            "invalid-value",
            ".requests",
            "out of range",
        ),
        (
            "{port: 8080, requests: 1.5, per: 1s}",
            "invalid-value",
            ".requests",
            "not a whole number",
        ),
        (
            "{port: 8080, requests: 4294967296, per: 1s}",
            "invalid-value",
            ".requests",
            "out of range",
        ),
        (
            "{port: 8080, requests: 99999999999999999999, per: 1s}",
            "invalid-value",
            ".requests",
            "",
        ),
        (
            "{port: 8080, requests: 1, per: 1}",
            "invalid-value",
            ".per",
            "not a duration",
        ),
        (
            "{port: 8080, requests: 1, per: second}",
            "invalid-value",
            ".per",
            "not a duration",
        ),
        (
            "{port: 8080, requests: 1, per: 1.5s}",
            "invalid-value",
            ".per",
            "not a duration",
        ),
        (
            "{port: 8080, requests: 1, per: 0s}",
            "invalid-value",
            ".per",
            "out of range",
        ),
        (
            "{port: 8080, requests: 1, per: 25h}",
            "invalid-value",
            ".per",
            "out of range",
        ),
        (
            "{port: 8080, requests: 1, per: 99999999999999999999h}",
            "invalid-value",
            ".per",
            "out of range",
        ),
        (
            "{port: 8080, requests: 1, per: 49ms}",
            "refused-by-envoy",
            ".per",
            "shorter than 50ms",
        ),
        (
            "{port: 8080, requests: 1, per: 1s, burst: 0}",
            "invalid-value",
            ".burst",
            "out of range",
        ),
        (
            "{port: 8080, requests: 1, per: 1s, brust: 2}",
            "unknown-field",
            ".brust",
            "no member",
        ),
        (
            "{port: 5432, requests: 1, per: 1s}",
            "conflicting-fields",
            ".requests",
            "the listener on port 5432 speaks tcp, whose connections are counted",
        ),
        (
            "{port: 8080, connections: 1, per: 1s}",
            "conflicting-fields",
            ".connections",
            "speaks http, whose requests",
        ),
    ] {
        let (listeners, findings) = limited("VirtualNode", two, text);
        assert_eq!(limits(&listeners), [None, None], "{text}");
        let [finding] = findings.as_slice() else {
            panic!("{text}: {findings:#?}");
        };
        assert_eq!(
            (finding.severity, &*finding.code, &*finding.field),
            (
                Severity::Error,
                code,
                format!("metadata.annotations[{KEY}]{member}").as_str()
            ),
            "{text}: {finding}"
        );
        assert!(finding.message.contains(message), "{text}: {finding}");
        assert!(!finding.help.is_empty(), "{text}");
    }
}

#[test]
fn one_bad_entry_leaves_the_others_alone() {
    let text = "- {port: 8080, requests: 1, per: 1s}\n- {port: 8080, requests: 2, per: 1s}\n- 7\n- {port: 5432, connections: 3, per: 1s}";
    let (listeners, findings) = limited("VirtualNode", &[(8080, "http"), (5432, "tcp")], text);
    assert_eq!(limits(&listeners), [limit(1, 1000, 1), limit(3, 1000, 3)]);
    let fields: Vec<_> = findings
        .iter()
        .map(|own| (&*own.code, &*own.field))
        .collect();
    assert_eq!(
        fields,
        [
            ("duplicate", "metadata.annotations[tulle.dev/rate-limit][1]"),
            (
                "invalid-value",
                "metadata.annotations[tulle.dev/rate-limit][2]"
            ),
        ]
    );
    let (_, findings) = limited("VirtualNode", &[], "{requests: 1, per: 1s}");
    assert!(
        findings[0].message.contains("there is no listener"),
        "{findings:?}"
    );
}
