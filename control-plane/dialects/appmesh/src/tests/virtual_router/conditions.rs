use serde_json::json;
use tulle_model::matching::{HeaderMatch, HttpMatch, PathMatch, QueryMatch, ValueMatch};
use tulle_model::policy::Protocol;

use super::*;

#[test]
fn paths() {
    for (body, path) in [
        (
            json!({"prefix": "/chapter"}),
            PathMatch::Prefix("/chapter".into()),
        ),
        (
            json!({"path": {"exact": "/a b".replace(' ', "%20")}}),
            PathMatch::Exact("/a%20b".into()),
        ),
        (
            json!({"path": {"regex": "/[0-9]+"}}),
            PathMatch::Regex("/[0-9]+".into()),
        ),
    ] {
        assert_eq!(http(body).path, path);
    }
}

#[test]
fn path_rules() {
    refused_match(json!({}), "", "Either Prefix or Path must be specified");
    refused_match(
        json!({"prefix": "/", "path": {"exact": "/"}}),
        "",
        "Both Prefix and Path cannot be specified, only 1 allowed",
    );
    refused_match(
        json!({"path": {}}),
        ".path",
        "Either exact or regex for path must be specified",
    );
    refused_match(
        json!({"path": {"exact": "/", "regex": "/"}}),
        ".path",
        "Both exact and regex for path are not allowed. Only one must be specified",
    );
    refused_match(
        json!({"prefix": "a"}),
        ".prefix",
        "Prefix to be matched on must start with '/'",
    );
    refused_match(
        json!({"prefix": ""}),
        ".prefix",
        "Prefix to be matched on must start with '/'",
    );
    refused_match(
        json!({"path": {"exact": "a"}}),
        ".path.exact",
        "begins with '/'",
    );
    for bad in ["/a?b=c", "/a#b", "/a b", "/a\n"] {
        refused_match(json!({"prefix": bad}), ".prefix", "never met");
        refused_match(json!({"path": {"exact": bad}}), ".path.exact", "never met");
    }
    for bad in ["(?=a)", "a(", "\\1", "[a", ".{0,1000}"] {
        refused_match(json!({"path": {"regex": bad}}), ".path.regex", "RE2");
    }
}

#[test]
fn headers() {
    let header =
        |value: Value| json!({"prefix": "/", "headers": [{"name": "X-Color", "match": value}]});
    for (value, expected) in [
        (json!({"exact": "blue"}), ValueMatch::Exact("blue".into())),
        (json!({"prefix": "b"}), ValueMatch::Prefix("b".into())),
        (json!({"suffix": "e"}), ValueMatch::Suffix("e".into())),
        (json!({"regex": ".*u.*"}), ValueMatch::Regex(".*u.*".into())),
        (
            json!({"range": {"start": -5, "end": 0}}),
            ValueMatch::Range { start: -5, end: 0 },
        ),
    ] {
        let expected = HeaderMatch {
            name: "x-color".into(),
            invert: false,
            value: Some(expected),
        };
        assert_eq!(http(header(value)).headers, [expected]);
    }
    let present =
        json!({"prefix": "/", "headers": [{"name": "a"}, {"name": ":Authority", "invert": true}]});
    let of = |name: &str, invert| HeaderMatch {
        name: name.into(),
        invert,
        value: None,
    };
    assert_eq!(
        http(present).headers,
        [of("a", false), of(":authority", true)]
    );
}

#[test]
fn header_rules() {
    let header = |name: &str, value: Value| json!({"prefix": "/", "headers": [{"name": "ok"}, {"name": name, "match": value}]});
    for name in ["", "a b", "a:", "é", "a\n", ":"] {
        refused_match(
            header(name, json!({"exact": "x"})),
            ".headers[1].name",
            "no name of a header",
        );
    }
    refused_match(
        header("h", json!({"exact": "x", "range": {"start": 0, "end": 1}})),
        ".headers[1].match",
        "Too many Match Filters specified, only 1 allowed per header. Header: h",
    );
    for end in [0, -1] {
        refused_match(
            header("h", json!({"range": {"start": 0, "end": end}})),
            ".headers[1].match.range",
            "Invalid Match Range specified, end has to be greater than start",
        );
    }
    for key in ["exact", "prefix", "suffix"] {
        for bad in ["", "a\r\nb", "\u{0}"] {
            let field = format!(".headers[1].match.{key}");
            refused_match(
                header("h", json!({ key: bad })),
                &field,
                "control characters",
            );
        }
    }
    refused_match(
        header("h", json!({"regex": "(?!a)"})),
        ".headers[1].match.regex",
        "look-around",
    );
}

#[test]
fn empty_blocks_ask_for_presence() {
    for (body, field) in [
        (
            json!({"prefix": "/", "headers": [{"name": "h", "match": {}}]}),
            "headers[0].match",
        ),
        (
            json!({"prefix": "/", "queryParameters": [{"name": "q", "match": {}}]}),
            "queryParameters[0].match",
        ),
    ] {
        let fragment = one_finding(
            "VirtualRouter",
            matching("httpRoute", body),
            Severity::Warning,
            &format!("spec.routes[0].httpRoute.match.{field}"),
            "only has to be present",
        );
        let matches = only_route(fragment.unwrap()).matches;
        assert!(matches.headers.iter().all(|header| header.value.is_none()));
        assert!(matches.query.iter().all(|query| query.exact.is_none()));
    }
}

#[test]
fn query_parameters() {
    let body = json!({"prefix": "/", "queryParameters": [
        {"name": "Color", "match": {"exact": "blue"}}, {"name": "a"}, {"name": "b", "match": {"exact": ""}},
    ]});
    let of = |name: &str, exact: Option<&str>| QueryMatch {
        name: name.into(),
        exact: exact.map(str),
    };
    assert_eq!(
        http(body).query,
        [of("Color", Some("blue")), of("a", None), of("b", Some(""))]
    );
    let nameless = json!({"prefix": "/", "queryParameters": [{"name": ""}]});
    refused_match(nameless, ".queryParameters[0].name", "1 to 1024 bytes");
}

#[test]
fn connect_never_matches() {
    let fragment = one_finding(
        "VirtualRouter",
        matching("httpRoute", json!({"prefix": "/", "method": "CONNECT"})),
        Severity::Warning,
        "spec.routes[0].httpRoute.match.method",
        "no route meets it",
    );
    assert!(fragment.is_some());
}

#[test]
fn grpc_matches() {
    for (body, path) in [
        (json!({}), PathMatch::Prefix("/".into())),
        (json!({"serviceName": ""}), PathMatch::Prefix("/".into())),
        (
            json!({"serviceName": "color.Color"}),
            PathMatch::Prefix("/color.Color/".into()),
        ),
        (
            json!({"serviceName": "color.Color", "methodName": "Get"}),
            PathMatch::Exact("/color.Color/Get".into()),
        ),
    ] {
        let matches = only_route(clean("VirtualRouter", matching("grpcRoute", body))).matches;
        assert_eq!(
            matches,
            HttpMatch {
                path,
                grpc: true,
                ..HttpMatch::default()
            }
        );
    }
    let metadata = json!({"metadata": [{"name": "Tenant", "match": {"exact": "a"}}]});
    let route = only_route(clean("VirtualRouter", matching("grpcRoute", metadata)));
    assert_eq!(
        (&*route.matches.headers[0].name, route.protocol),
        ("tenant", Protocol::Grpc)
    );
}

#[test]
fn grpc_rules() {
    for (body, field, message) in [
        (
            json!({"methodName": "Get"}),
            "match.serviceName",
            "without serviceName",
        ),
        (
            json!({"serviceName": "a/b"}),
            "match.serviceName",
            "no gRPC name",
        ),
        (
            json!({"serviceName": "a", "methodName": "b c"}),
            "match.methodName",
            "no gRPC name",
        ),
    ] {
        let fragment = one_finding(
            "VirtualRouter",
            matching("grpcRoute", body),
            Severity::Error,
            &format!("spec.routes[0].grpcRoute.{field}"),
            message,
        );
        assert!(router(fragment.unwrap()).routes.is_empty());
    }
}
