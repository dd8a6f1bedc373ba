//! `tulle.dev/request-headers`, `…/response-headers`, `…/fault` and `…/mirror`.

use std::time::Duration;

use serde_json::json;
use tulle_model::extras::{Abort, AbortAnswer, Delay, Fault, HeaderEdits, Mirror, Share};
use tulle_model::fragment::{GatewayRoute, MirrorTarget, Ref, Route};

use super::*;
use crate::annotation::known::{FAULT, MIRROR, REQUEST_HEADERS, RESPONSE_HEADERS};

/// What an object with this annotation becomes, and `severity code field: message` of what is said.
fn annotated(kind: &str, spec: Value, key: &str, value: &str) -> (Fragment, Vec<String>) {
    let mut object = object(kind, spec).unwrap();
    object.metadata_mut().annotations = Some([(key.to_owned(), value.to_owned())].into());
    let mut translated = translate(&object, &[]).unwrap();
    let prefix = format!("metadata.annotations[{key}]");
    let said = translated.findings.iter().map(|finding| {
        assert!(!finding.help.is_empty(), "{finding}");
        let field = finding
            .field
            .strip_prefix(&*prefix)
            .unwrap_or(&finding.field);
        let Finding {
            severity,
            code,
            message,
            ..
        } = finding;
        format!("{severity} {code} {field}: {message}")
    });
    let said = said.collect();
    (translated.fragments.remove(0), said)
}

/// The routes `web`, `api`, `rpc` and `raw` of a router, of one protocol each.
fn routes(key: &str, value: &str) -> ([Route; 4], Vec<String>) {
    let targets = json!({"weightedTargets": [{"virtualNodeRef": {"name": "blue"}, "weight": 1}]});
    let listener =
        |port: u16, protocol: &str| json!({"portMapping": {"port": port, "protocol": protocol}});
    let spec = json!({
        "listeners": [listener(80, "http"), listener(81, "http2"), listener(82, "grpc"), listener(83, "tcp")],
        "routes": [
            {"name": "web", "httpRoute": {"match": {"prefix": "/"}, "action": targets}},
            {"name": "api", "http2Route": {"match": {"prefix": "/"}, "action": targets}},
            {"name": "rpc", "grpcRoute": {"match": {}, "action": targets}},
            {"name": "raw", "tcpRoute": {"action": targets}},
        ],
    });
    match annotated("VirtualRouter", spec, key, value) {
        (Fragment::Router(router), said) => (router.routes.try_into().unwrap(), said),
        (other, _) => panic!("{other:?}"),
    }
}

#[track_caller]
fn clean(key: &str, value: &str) -> [Route; 4] {
    let (routes, said) = routes(key, value);
    assert!(said.is_empty(), "{said:#?}");
    routes
}

fn edits(set: &[(&str, &str)], add: &[(&str, &str)], remove: &[&str]) -> HeaderEdits {
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| (str(a), str(b))).collect();
    HeaderEdits {
        set: pairs(set),
        add: pairs(add),
        remove: remove.iter().map(|name| str(name)).collect(),
    }
}

#[test]
fn a_name_counts_in_place_of_the_star_and_tcp_has_neither() {
    let [web, api, rpc, raw] = clean(
        REQUEST_HEADERS,
        r#"{"*": {set: {X-B: two, x-a: "1"}, remove: [z, YY]}, api: {add: {x-c: [b, a], x-d: c}}, rpc: {}}"#,
    );
    let every = edits(&[("x-a", "1"), ("x-b", "two")], &[], &["yy", "z"]);
    assert_eq!(web.extras.request_headers, every);
    let own = edits(&[], &[("x-c", "b"), ("x-c", "a"), ("x-d", "c")], &[]);
    assert_eq!(api.extras.request_headers, own);
    assert_eq!(rpc.extras.request_headers, HeaderEdits::default());
    assert_eq!(raw.extras, Default::default());
    assert_eq!(web.extras.response_headers, HeaderEdits::default());
}

#[test]
fn json_is_as_good_as_yaml() {
    let [web, ..] = clean(
        RESPONSE_HEADERS,
        r#"{"web": {"set": {"cache-control": "no-store"}}}"#,
    );
    assert_eq!(
        web.extras.response_headers,
        edits(&[("cache-control", "no-store")], &[], &[])
    );
}

#[test]
fn what_envoy_would_not_take_of_a_header_is_told() {
    for (value, expected) in [
        (
            "{set: {\":path\": /}}",
            ".set.:path: \":path\" is nothing that Envoy lets a route change",
        ),
        (
            "{remove: [Host]}",
            ".remove[0]: \"Host\" is nothing that Envoy lets a route change",
        ),
        (
            "{set: {\"a b\": c}}",
            ".set.a b: \"a b\" is no name of a header",
        ),
        ("{set: {\"\": c}}", ".set.: \"\" is no name of a header"),
        (
            "{add: {Content-Length: \"1\"}}",
            ".add.Content-Length: \"Content-Length\" belongs to the connection",
        ),
        (
            "{set: {x-envoy-max-retries: \"9\"}}",
            ".set.x-envoy-max-retries: \"x-envoy-max-retries\" is an order to Envoy",
        ),
        (
            "{remove: [x-tulle-passed]}",
            ".remove[0]: \"x-tulle-passed\" is Tulle's own mark",
        ),
        ("{set: {a: \"\"}}", ".set.a: it is no value of a header"),
        ("{set: {a: \" b\"}}", ".set.a: it is no value of a header"),
        (
            "{set: {a: \"b\\nc\"}}",
            ".set.a: it is no value of a header",
        ),
        ("{set: {a: ä}}", ".set.a: it is no value of a header"),
        ("{set: {a: 7}}", ".set.a: 7 is not text"),
        ("{add: {a: [b, [c]]}}", ".add.a[1]: [\"c\"] is not text"),
        ("{set: {a: [b]}}", ".set.a: [\"b\"] is not text"),
        (
            "{set: {a: 50%}}",
            ".set.a: Envoy refuses it: the % at byte 2 begins no command operator",
        ),
        (
            "{set: {a: \"%NO_SUCH%\"}}",
            ".set.a: Envoy refuses it: not every supported Envoy knows the command NO_SUCH",
        ),
        ("{set: {a: b}, remove: [A]}", ".remove[0]: a occurs before"),
        ("{set: {a: b, A: c}}", ".set.a: a occurs before"),
        ("{remove: a}", ".remove: \"a\" is not a list"),
        ("{sets: {a: b}}", ".sets: there is no member \"sets\""),
        ("[a]", ": [\"a\"] is not a mapping"),
    ] {
        let ([web, api, ..], said) = routes(
            REQUEST_HEADERS,
            &format!("{{web: {value}, \"*\": {{remove: [q]}}}}"),
        );
        assert_eq!(said.len(), 1, "{value}: {said:#?}");
        assert!(said[0].starts_with("error "), "{said:?}");
        assert!(
            said[0].contains(&format!(" .web{expected}")),
            "{value}: {said:?}"
        );
        // The star does not take its place.
        assert_eq!(
            web.extras.request_headers,
            HeaderEdits::default(),
            "{value}"
        );
        assert_eq!(
            api.extras.request_headers,
            edits(&[], &[], &["q"]),
            "{value}"
        );
    }
}

#[test]
fn answers_have_rules_of_their_own() {
    clean(
        RESPONSE_HEADERS,
        "{web: {set: {x-envoy-decorator-operation: a}, remove: [x-envoy-upstream-service-time]}}",
    );
    clean(
        REQUEST_HEADERS,
        "{web: {set: {server: a}, remove: [x-envoy-original-path]}}",
    );
    let (_, said) = routes(RESPONSE_HEADERS, "{web: {remove: [Server]}}");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("\"Server\" is written by Envoy after all routes"),
        "{said:?}"
    );
}

#[test]
fn too_many_headers_are_told() {
    let list = vec!["v"; 101].join(", ");
    let (_, said) = routes(
        REQUEST_HEADERS,
        &format!("{{web: {{add: {{a: [{list}]}}}}}}"),
    );
    assert_eq!(
        said,
        ["error invalid-value .web: more than 100 headers are set and added; it is passed over"]
    );
}

#[test]
fn entries_for_no_route_are_told() {
    for (value, expected) in [
        (
            "{none: {}}",
            "error invalid-reference .none: the router has no route \"none\"",
        ),
        ("{raw: {}}", "error no-effect .raw: route raw is a tcpRoute"),
        ("[]", "error invalid-value : [] is not a mapping"),
        ("{web: {}, web: {}}", "error invalid-value : not valid YAML"),
        ("{", "error invalid-value : not valid YAML"),
    ] {
        let (_, said) = routes(REQUEST_HEADERS, value);
        assert_eq!(said.len(), 1, "{value}: {said:#?}");
        assert!(said[0].starts_with(expected), "{value}: {said:?}");
    }
    let tcp = json!({
        "listeners": [{"portMapping": {"port": 83, "protocol": "tcp"}}],
        "routes": [{"name": "raw", "tcpRoute": {"action": {"weightedTargets": [{"virtualNodeRef": {"name": "blue"}, "weight": 1}]}}}],
    });
    let (_, said) = annotated(
        "VirtualRouter",
        tcp,
        FAULT,
        "{\"*\": {abort: {percent: 1, httpStatus: 503}}}",
    );
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("warning no-effect .*: the router has no HTTP or gRPC route"),
        "{said:?}"
    );
}

fn share(millionths: u32) -> Share {
    Share::of_millionths(millionths).unwrap()
}

#[test]
fn a_fault_delays_and_aborts() {
    let [web, api, rpc, raw] = clean(
        FAULT,
        "{\"*\": {delay: {percent: 100, duration: 1m30s}}, api: {abort: {percent: 0.5, httpStatus: 503}, delay: {percent: 0, duration: 1s}}, \
         rpc: {abort: {percent: 0.0001, grpcStatus: 14}}}",
    );
    let delay = Delay {
        share: Share::ALL,
        duration: Duration::from_secs(90),
    };
    let abort = |share, answer| Abort { share, answer };
    assert_eq!(
        web.extras.fault,
        Some(Fault {
            delay: Some(delay),
            abort: None
        })
    );
    let http = abort(share(5000), AbortAnswer::Http(503));
    assert_eq!(
        api.extras.fault,
        Some(Fault {
            delay: None,
            abort: Some(http)
        })
    );
    let grpc = abort(share(1), AbortAnswer::Grpc(14));
    assert_eq!(
        rpc.extras.fault,
        Some(Fault {
            delay: None,
            abort: Some(grpc)
        })
    );
    assert_eq!(raw.extras.fault, None);
    let [web, ..] = clean(FAULT, "{web: {abort: {percent: 0, httpStatus: 503}}}");
    assert_eq!(web.extras.fault, None);
}

#[test]
fn a_fault_that_cannot_be_is_told() {
    for (value, expected) in [
        (
            "{}",
            "error missing-field .web: neither delay nor abort is there",
        ),
        (
            "{abort: {percent: 101, httpStatus: 503}}",
            "error invalid-value .web.abort.percent: 101 percent is out of range",
        ),
        (
            "{abort: {percent: -1, httpStatus: 503}}",
            "error invalid-value .web.abort.percent: -1 percent is out of range",
        ),
        (
            "{abort: {percent: 0.00001, httpStatus: 503}}",
            "error invalid-value .web.abort.percent: 0.00001 percent is out of range",
        ),
        (
            "{abort: {percent: half, httpStatus: 503}}",
            "error invalid-value .web.abort.percent: \"half\" is not a number of percent",
        ),
        (
            "{abort: {percent: .nan, httpStatus: 503}}",
            "error invalid-value : not valid YAML",
        ),
        (
            "{abort: {httpStatus: 503}}",
            "error missing-field .web.abort: percent is missing",
        ),
        (
            "{abort: {percent: 1}}",
            "error missing-field .web.abort: httpStatus is missing",
        ),
        (
            "{abort: {percent: 1, httpStatus: 199}}",
            "error invalid-value .web.abort.httpStatus: 199 is out of range",
        ),
        (
            "{abort: {percent: 1, httpStatus: 600}}",
            "error invalid-value .web.abort.httpStatus: 600 is out of range",
        ),
        (
            "{abort: {percent: 1, grpcStatus: 17}}",
            "error invalid-value .web.abort.grpcStatus: 17 is out of range",
        ),
        (
            "{abort: {percent: 1, grpcStatus: 1, httpStatus: 503}}",
            "error conflicting-fields .web.abort: httpStatus and grpcStatus exclude",
        ),
        (
            "{abort: {percent: 1, grpcStatus: 14}}",
            "error invalid-value .web.abort.grpcStatus: route web is an httpRoute",
        ),
        (
            "{delay: {percent: 1, duration: 0s}}",
            "error invalid-value .web.delay.duration: 0s is out of range",
        ),
        (
            "{delay: {percent: 1, duration: 2}}",
            "error invalid-value .web.delay.duration: 2 is not a duration",
        ),
        (
            "{delay: {percent: 1, length: 2s}}",
            "error missing-field .web.delay: duration is missing",
        ),
        (
            "{delays: {}}",
            "error unknown-field .web.delays: there is no member",
        ),
    ] {
        let ([web, ..], said) = routes(FAULT, &format!("{{web: {value}}}"));
        assert!(
            said.iter().any(|said| said.starts_with(expected)),
            "{value}: {said:#?}"
        );
        assert_eq!(web.extras.fault, None, "{value}");
    }
    let value = "{\"*\": {abort: {percent: 1, grpcStatus: 14}, delay: {percent: 1, duration: 1s}}}";
    let ([web, api, ..], said) = routes(FAULT, value);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(web.extras.fault.unwrap().abort.is_none(), "the delay stays");
    assert!(api.extras.fault.unwrap().abort.is_some());
}

fn mirror(
    namespace: &str,
    name: &str,
    port: Option<u16>,
    share: Share,
    field: &str,
) -> Mirror<MirrorTarget> {
    Mirror {
        to: MirrorTarget {
            workload: Ref::Name(crate::names::name(namespace, name)),
            port,
            field: format!("metadata.annotations[{MIRROR}].{field}").into(),
        },
        share,
    }
}

#[test]
fn a_mirror_names_a_node_a_port_and_a_share() {
    let [web, api, rpc, _] = clean(
        MIRROR,
        "{web: {virtualNode: shadow}, api: [{virtualNode: {name: a, namespace: lab}, port: 8080, percent: 12.5}, {virtualNode: {name: b}}], \
         rpc: {virtualNode: shadow, percent: 0}}",
    );
    assert_eq!(
        web.extras.mirrors,
        [mirror("shop", "shadow", None, Share::ALL, "web")]
    );
    let two = [
        mirror("lab", "a", Some(8080), share(125_000), "api[0]"),
        mirror("shop", "b", None, Share::ALL, "api[1]"),
    ];
    assert_eq!(api.extras.mirrors, two);
    assert!(rpc.extras.mirrors.is_empty());
}

#[test]
fn a_mirror_that_cannot_be_is_told() {
    for (value, expected) in [
        ("{}", "error missing-field .web: virtualNode is missing"),
        (
            "{virtualNode: \"\"}",
            "error invalid-reference .web.virtualNode: it names no VirtualNode",
        ),
        (
            "{virtualNode: {namespace: lab}}",
            "error missing-field .web.virtualNode: name is missing",
        ),
        (
            "{virtualNode: [a]}",
            "error invalid-value .web.virtualNode: [\"a\"] is not text",
        ),
        (
            "[{virtualNode: a, port: 0}]",
            "error invalid-value .web[0].port: 0 is out of range",
        ),
        (
            "{virtualNode: a, port: 65536}",
            "error invalid-value .web.port: 65536 is out of range",
        ),
        (
            "{virtualNode: a, weight: 1}",
            "error unknown-field .web.weight: there is no member",
        ),
        ("a", "error invalid-value .web: \"a\" is not a mapping"),
    ] {
        let ([web, ..], said) = routes(MIRROR, &format!("{{web: {value}}}"));
        assert_eq!(said.len(), 1, "{value}: {said:#?}");
        assert!(said[0].starts_with(expected), "{value}: {said:?}");
        assert!(web.extras.mirrors.is_empty(), "{value}");
    }
}

fn gateway_route(key: &str, value: &str) -> (GatewayRoute, Vec<String>) {
    let spec = json!({"httpRoute": {
        "match": {"prefix": "/"},
        "action": {"target": {"virtualService": {"virtualServiceRef": {"name": "front"}}}},
    }});
    match annotated("GatewayRoute", spec, key, value) {
        (Fragment::GatewayRoute(route), said) => (*route, said),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn a_gateway_routes_annotation_is_the_setting_itself() {
    let (route, said) = gateway_route(REQUEST_HEADERS, "{set: {a: b}}");
    assert_eq!(
        (route.request_headers, said),
        (edits(&[("a", "b")], &[], &[]), vec![])
    );
    let (route, said) = gateway_route(RESPONSE_HEADERS, "remove: [a]");
    assert_eq!(
        (route.response_headers, said),
        (edits(&[], &[], &["a"]), vec![])
    );
    let (route, said) = gateway_route(RESPONSE_HEADERS, "\"*\": {remove: [a]}");
    assert_eq!(route.response_headers, HeaderEdits::default());
    assert!(
        said[0].starts_with("error unknown-field .*: there is no member"),
        "{said:?}"
    );
}

#[test]
fn annotations_of_ours_that_mean_nothing_here_are_told() {
    let spec = json!({});
    for (kind, key, expected) in [
        (
            "VirtualNode",
            "tulle.dev/rate-limits",
            Some("tulle.dev/rate-limit comes nearest"),
        ),
        (
            "VirtualNode",
            "tulle.dev/fualt",
            Some("tulle.dev/fault comes nearest"),
        ),
        (
            "VirtualNode",
            "tulle.dev/mirror",
            Some("write it on a VirtualRouter, or remove it"),
        ),
        (
            "VirtualService",
            "tulle.dev/request-headers",
            Some("write it on a VirtualRouter or a GatewayRoute"),
        ),
        ("VirtualNode", "example.com/fault", None),
        ("Mesh", "tulle.dev/discovery", None),
    ] {
        let mut object = object(kind, spec.clone()).unwrap();
        object.metadata_mut().annotations = Some([(key.to_owned(), "dns".to_owned())].into());
        let findings = translate(&object, &[]).unwrap().findings;
        let told = findings
            .iter()
            .find(|finding| finding.field.contains("tulle.dev"));
        assert_eq!(
            told.is_some(),
            expected.is_some(),
            "{kind} {key}: {findings:?}"
        );
        if let (Some(told), Some(expected)) = (told, expected) {
            assert_eq!(told.severity, Severity::Warning, "{told}");
            assert!(told.help.contains(expected), "{told}");
        }
    }
}
