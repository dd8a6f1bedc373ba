use serde_json::json;
use tulle_model::fragment::{Fragment, GatewayRoute, Ref};
use tulle_model::matching::{HostMatch, HttpMatch, PathMatch, PathRewrite, QueryMatch, ValueMatch};
use tulle_model::policy::Protocol;
use tulle_model::selector::Labels;

use super::*;
use crate::names::name;

mod rewrite;

fn route(fragment: Fragment) -> GatewayRoute {
    match fragment {
        Fragment::GatewayRoute(route) => *route,
        other => panic!("{other:?}"),
    }
}

fn target() -> Value {
    json!({"virtualService": {"virtualServiceRef": {"name": "color"}}})
}

fn spec(kind: &str, wanted: Value, rewrite: Option<Value>) -> Value {
    let mut action = json!({"target": target()});
    if let Some(rewrite) = rewrite {
        action["rewrite"] = rewrite;
    }
    json!({ kind: {"match": wanted, "action": action} })
}

fn http(wanted: Value, rewrite: Option<Value>) -> GatewayRoute {
    let of = |kind| {
        route(clean(
            "GatewayRoute",
            spec(kind, wanted.clone(), rewrite.clone()),
        ))
    };
    let (http, http2) = (of("httpRoute"), of("http2Route"));
    assert_eq!(
        (http.protocol, http2.protocol),
        (Protocol::Http, Protocol::Http2)
    );
    assert_eq!(
        (&*http.field, &*http2.field),
        ("spec.httpRoute", "spec.http2Route")
    );
    assert_eq!(
        (&http.matches, &http.path_rewrite),
        (&http2.matches, &http2.path_rewrite)
    );
    http
}

/// The object is left out, for this reason.
#[track_caller]
fn refused(spec: Value, field: &str, message: &str) {
    let fragment = one_finding("GatewayRoute", spec, Severity::Error, field, message);
    assert_eq!(fragment, None);
}

#[track_caller]
fn refused_match(wanted: Value, field: &str, message: &str) {
    for kind in ["httpRoute", "http2Route"] {
        refused(
            spec(kind, wanted.clone(), None),
            &format!("spec.{kind}.match{field}"),
            message,
        );
    }
}

#[test]
fn a_whole_route() {
    let route = route(clean(
        "GatewayRoute",
        json!({
            "meshRef": {"name": "m", "uid": "1"},
            "virtualGatewayRef": {"name": "gw", "uid": "2"},
            "priority": 0,
            "httpRoute": {
                "match": {
                    "prefix": "/paths", "port": 8080, "method": "GET",
                    "hostname": {"suffix": ".Example.com"},
                    "headers": [{"name": "X-A", "match": {"exact": "b"}}],
                    "queryParameters": [{"name": "q", "match": {"exact": "v"}}],
                },
                "action": {"target": {
                    "port": 9080,
                    "virtualService": {"virtualServiceARN": "arn:aws:appmesh:r:1:mesh/m/virtualService/color.x"},
                }},
            },
        }),
    ));
    assert_eq!(route.mesh, Some(name("", "m")));
    assert_eq!(route.gateway, Some(name("shop", "gw")));
    assert_eq!(route.labels, Labels::from([(str("route"), str("one"))]));
    assert_eq!(
        (route.priority, route.port, route.target_port),
        (0, Some(8080), Some(9080))
    );
    assert_eq!(route.target, Ref::Alias("color.x".into()));
    assert_eq!(route.host, HostMatch::Suffix(".example.com".into()));
    assert_eq!(route.matches.method.as_deref(), Some("GET"));
    assert_eq!(&*route.matches.headers[0].name, "x-a");
    assert_eq!(
        route.matches.headers[0].value,
        Some(ValueMatch::Exact("b".into()))
    );
    assert_eq!(
        route.matches.query,
        [QueryMatch {
            name: "q".into(),
            exact: Some("v".into())
        }]
    );
    assert!(route.rewrite_host);
}

#[test]
fn absent_priority_is_1000_and_wrong_ones_too() {
    assert_eq!(http(json!({"prefix": "/"}), None).priority, 1000);
    for bad in [-1, 1001] {
        let mut spec = spec("httpRoute", json!({"prefix": "/"}), None);
        spec["priority"] = bad.into();
        let fragment = one_finding(
            "GatewayRoute",
            spec,
            Severity::Error,
            "spec.priority",
            "comes last",
        );
        assert_eq!(route(fragment.unwrap()).priority, 1000);
    }
}

#[test]
fn a_route_has_one_type() {
    refused(
        json!({}),
        "spec",
        "Missing GatewayRoute Type in GatewayRoute Spec",
    );
    let mut both = spec("httpRoute", json!({"prefix": "/"}), None);
    both["grpcRoute"] = spec("grpcRoute", json!({"serviceName": "a"}), None)["grpcRoute"].clone();
    refused(both, "spec", "Found multiple types");
}

#[test]
fn match_rules() {
    refused_match(
        json!({}),
        "",
        "Either prefix or path or hostname must be specified",
    );
    refused_match(
        json!({"prefix": "/", "path": {"exact": "/"}}),
        "",
        "Both Prefix and Path cannot be specified",
    );
    refused_match(
        json!({"path": {}}),
        ".path",
        "Either exact or regex for path must be specified",
    );
    refused_match(
        json!({"path": {"exact": "/", "regex": "/"}}),
        ".path",
        "Both exact and regex",
    );
    refused_match(
        json!({"prefix": "a"}),
        ".prefix",
        "Prefix to be matched on must start with '/'",
    );
    refused_match(
        json!({"hostname": {}}),
        ".hostname",
        "Either exact or suffix match for hostname must be specified",
    );
    refused_match(
        json!({"hostname": {"exact": "a", "suffix": "b"}}),
        ".hostname",
        "Both exact and suffix match for hostname are not allowed. Only one must be specified",
    );
    refused_match(
        json!({"hostname": {"exact": "*.a"}}),
        ".hostname.exact",
        "no host name",
    );
    refused_match(
        json!({"hostname": {"exact": "a:80"}}),
        ".hostname.exact",
        "no host name",
    );
    refused_match(
        json!({"hostname": {"suffix": "*.a"}}),
        ".hostname.suffix",
        "not the end of a host",
    );
    refused_match(json!({"prefix": "/", "port": 0}), ".port", "is no port");
    let headers = |value: Value| json!({"prefix": "/", "headers": [{"name": "h", "match": value}]});
    refused_match(
        headers(json!({"exact": "a", "prefix": "b"})),
        ".headers[0].match",
        "Too many Match Filters specified, only 1 allowed per header. Header: h",
    );
    refused_match(
        headers(json!({})),
        ".headers[0].match",
        "Missing Match criteria for one or more header match block",
    );
    refused_match(
        headers(json!({"range": {"start": 2, "end": 2}})),
        ".headers[0].match.range",
        "Invalid Match Range specified, end has to be greater than start",
    );
    refused_match(
        json!({"prefix": "/", "queryParameters": [{"name": "q", "match": {}}]}),
        ".queryParameters[0].match",
        "Missing Match criteria for one or more exact query match block",
    );
}

#[test]
fn what_admission_let_pass_keeps_its_meaning() {
    let wanted = json!({
        "prefix": "/", "headers": [{"name": "h"}], "queryParameters": [{"name": "q", "match": {}}],
    });
    let fragment = one_finding(
        "GatewayRoute",
        spec("httpRoute", wanted, None),
        Severity::Warning,
        "spec.httpRoute.match.queryParameters[0].match",
        "only has to be present",
    );
    assert_eq!(route(fragment.unwrap()).matches.query[0].exact, None);
}

#[test]
fn reserved_prefixes() {
    for reserved in ["/aws-appmesh", "/aws-appmesh-x/y", "/aws-app-mesh/"] {
        refused_match(
            json!({"prefix": reserved}),
            ".prefix",
            "App Mesh keeps for itself",
        );
        refused_match(
            json!({"path": {"exact": reserved}}),
            ".path.exact",
            "App Mesh keeps for itself",
        );
    }
}

#[test]
fn hosts_may_end_in_the_middle_of_a_label() {
    for suffix in ["example.com", "-eu.example.com", ".com"] {
        let route = http(json!({"hostname": {"suffix": suffix}}), None);
        assert_eq!(route.host, HostMatch::Suffix(suffix.into()));
    }
}

#[test]
fn grpc_routes() {
    let grpc = |wanted: Value, rewrite: Option<Value>| {
        route(clean("GatewayRoute", spec("grpcRoute", wanted, rewrite)))
    };
    let by_service = grpc(json!({"serviceName": "a.B", "port": 9111}), None);
    assert_eq!(
        (by_service.protocol, by_service.port),
        (Protocol::Grpc, Some(9111))
    );
    let path = PathMatch::Prefix("/a.B/".into());
    assert_eq!(
        by_service.matches,
        HttpMatch {
            path,
            grpc: true,
            ..HttpMatch::default()
        }
    );
    assert_eq!(
        (by_service.path_rewrite, by_service.rewrite_host),
        (PathRewrite::Keep, true)
    );
    let off = json!({"hostname": {"defaultTargetHostname": "DISABLED"}});
    let by_host = grpc(json!({"hostname": {"exact": "a.b"}}), Some(off));
    assert_eq!(
        (by_host.matches.path, by_host.rewrite_host),
        (PathMatch::default(), false)
    );
    let metadata = json!({"serviceName": "a", "metadata": [{"name": "M", "invert": true}]});
    let header = &grpc(metadata, None).matches.headers[0];
    assert_eq!((&*header.name, header.invert), ("m", true));
}

#[test]
fn grpc_rules() {
    for empty in [json!({}), json!({"serviceName": ""})] {
        refused(
            spec("grpcRoute", empty, None),
            "spec.grpcRoute.match",
            "Either servicename or hostname must be specified",
        );
    }
    let metadata = json!({"serviceName": "a", "metadata": [{"name": "m", "match": {"exact": "a", "suffix": "b"}}]});
    refused(
        spec("grpcRoute", metadata, None),
        "spec.grpcRoute.match.metadata[0].match",
        "Too many Match Filters specified",
    );
    let fragment = one_finding(
        "GatewayRoute",
        spec(
            "grpcRoute",
            json!({"serviceName": "a", "metadata": [{"name": "m", "match": {}}]}),
            None,
        ),
        Severity::Warning,
        "spec.grpcRoute.match.metadata[0].match",
        "only has to be present",
    );
    assert_eq!(route(fragment.unwrap()).matches.headers[0].value, None);
}

#[test]
fn a_target_is_needed() {
    for (target, field) in [
        (json!({"virtualService": {}}), "virtualService"),
        (
            json!({"virtualService": {"virtualServiceRef": {"name": "a"}}, "port": 0}),
            "port",
        ),
    ] {
        for (kind, wanted) in [
            ("httpRoute", json!({"prefix": "/"})),
            ("grpcRoute", json!({"serviceName": "a"})),
        ] {
            let route = json!({ kind: {"match": wanted, "action": {"target": target}} });
            refused(route, &format!("spec.{kind}.action.target.{field}"), "");
        }
    }
}
