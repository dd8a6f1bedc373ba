//! The rules of App Mesh's gateways, case by case.

use tulle_model::matching::{HeaderMatch, HttpMatch, PathMatch, PathRewrite, ValueMatch};
use tulle_model::{Severity, codes};

use super::super::{Action, Composed, ComposedRoute, PathCondition, PathHeader, Rewrite, compose};
use super::envoy::one_pass;
use super::request::Request;
use super::two_pass::two_pass;
use super::{Outcome, gateway_route, on_path, service_route};

fn prefix(text: &str) -> PathMatch {
    PathMatch::Prefix(text.into())
}

fn exact(text: &str) -> PathMatch {
    PathMatch::Exact(text.into())
}

fn regex(text: &str) -> PathMatch {
    PathMatch::Regex(text.into())
}

fn to(text: &str) -> PathRewrite {
    PathRewrite::Prefix(text.into())
}

fn composed(gateway: PathMatch, rewrite: PathRewrite, service: &[PathMatch]) -> Composed {
    let routes = service
        .iter()
        .enumerate()
        .map(|(index, path)| service_route(&format!("s{index}"), on_path(path.clone())))
        .collect();
    compose(&gateway_route("g", on_path(gateway), rewrite, None, routes))
}

/// Each route in one line.
fn lines(composed: &Composed) -> Vec<String> {
    composed.routes.iter().map(line).collect()
}

fn line(route: &ComposedRoute) -> String {
    let mut line = match &route.path {
        PathCondition::Prefix(text) => format!("prefix {text}"),
        PathCondition::Exact(text) => format!("exact {text}"),
        PathCondition::Regex(text) => format!("regex {text}"),
    };
    for header in &route.path_headers {
        line += &match header {
            PathHeader::Prefix(text) => format!(" & :path prefix {text}"),
            PathHeader::Regex(text) => format!(" & :path regex {text}"),
        };
    }
    line += &match &route.rewrite {
        Rewrite::Keep => String::new(),
        Rewrite::Prefix(text) => format!(" -> {text}"),
        Rewrite::Regex {
            pattern,
            substitution,
        } => format!(" -> s|{pattern}|{substitution}|"),
    };
    match &route.action {
        Action::Forward(target) => line + " = " + &target.name,
        Action::NotFound => line + " = 404",
    }
}

/// The path that the destination gets; `None`: 404.
fn sent(
    gateway: PathMatch,
    rewrite: PathRewrite,
    service: PathMatch,
    path: &str,
) -> Option<String> {
    let routes = vec![service_route("s", on_path(service))];
    let route = gateway_route("g", on_path(gateway), rewrite, None, routes);
    let request = Request::get(path);
    let expected = two_pass(std::slice::from_ref(&route), &request);
    let composed = compose(&route);
    assert_eq!(composed.findings, []);
    assert_eq!(one_pass(&[(route, composed)], &request), expected);
    match expected {
        Outcome::Forward { path, .. } => Some(path),
        _ => None,
    }
}

#[test]
fn a_prefix_becomes_a_slash() {
    let table = [
        ("/paths", "/paths/red", "/red"),
        ("/paths", "/paths", "/"),
        ("/paths", "/paths/", "/"),
        ("/paths", "/pathsx", "/x"),
        ("/paths", "/paths?q=/a", "/?q=/a"),
        ("/chapter", "/chapter1/page", "/1/page"),
        ("/chapter/", "/chapter/1", "/1"),
        ("/", "/any/thing?x", "/any/thing?x"),
    ];
    for (gateway, path, wanted) in table {
        let sent = sent(prefix(gateway), to("/"), prefix("/"), path);
        assert_eq!(sent.as_deref(), Some(wanted), "{gateway} {path}");
    }
}

#[test]
fn a_prefix_may_become_another_or_stay() {
    let color = |rewrite, path| sent(prefix("/color"), rewrite, prefix("/"), path);
    assert_eq!(color(to("/v2/"), "/color/red").as_deref(), Some("/v2/red"));
    assert_eq!(color(to("/v2/"), "/color").as_deref(), Some("/v2/"));
    assert_eq!(color(to("/v2/"), "/colors").as_deref(), Some("/v2/s"));
    assert_eq!(
        color(PathRewrite::Keep, "/color/red").as_deref(),
        Some("/color/red")
    );
    assert_eq!(color(to("/"), "/colour"), None);
}

#[test]
fn whole_paths_stay_unless_they_are_replaced() {
    let new = || PathRewrite::Exact("/new".into());
    let sent = |gateway, rewrite, service| sent(gateway, rewrite, service, "/old?x=1");
    assert_eq!(
        sent(exact("/old"), PathRewrite::Keep, prefix("/")).as_deref(),
        Some("/old?x=1")
    );
    assert_eq!(
        sent(exact("/old"), new(), exact("/new")).as_deref(),
        Some("/new?x=1")
    );
    assert_eq!(
        sent(regex("/o.*"), PathRewrite::Keep, prefix("/")).as_deref(),
        Some("/old?x=1")
    );
    assert_eq!(
        sent(regex("/o.*"), new(), regex("/n[a-z]+")).as_deref(),
        Some("/new?x=1")
    );
    assert_eq!(
        sent(prefix("/o"), new(), prefix("/ne")).as_deref(),
        Some("/new?x=1")
    );
    assert_eq!(sent(prefix("/o"), new(), prefix("/old")), None);
}

#[test]
fn prefixes_are_composed_by_string_arithmetic() {
    let service = [prefix("/red"), exact("/blue"), prefix("/")];
    assert_eq!(
        lines(&composed(prefix("/paths"), to("/"), &service)),
        [
            "prefix /paths/red -> /red = s0",
            "prefix /pathsred -> /red = s0",
            "exact /paths/blue -> /blue = s1",
            "exact /pathsblue -> /blue = s1",
            "prefix /paths/ -> / = s2",
            "prefix /paths -> / = s2",
        ]
    );
    assert_eq!(
        lines(&composed(prefix("/paths/"), to("/"), &service)),
        [
            "prefix /paths/red -> /red = s0",
            "exact /paths/blue -> /blue = s1",
            "prefix /paths/ -> / = s2",
        ]
    );
    assert_eq!(
        lines(&composed(
            prefix("/a"),
            PathRewrite::Keep,
            &[prefix("/ab"), prefix("/b"), prefix("/")]
        )),
        ["prefix /ab = s0", "prefix /a = s2"]
    );
}

#[test]
fn the_last_route_is_404_unless_all_is_taken() {
    assert_eq!(
        lines(&composed(prefix("/a"), to("/"), &[])),
        ["prefix /a = 404"]
    );
    assert_eq!(
        lines(&composed(exact("/a"), PathRewrite::Keep, &[prefix("/b")])),
        ["exact /a = 404"]
    );
    assert_eq!(
        lines(&composed(
            exact("/a"),
            PathRewrite::Keep,
            &[prefix("/"), regex(".*")]
        )),
        ["exact /a = s0"]
    );
}

#[test]
fn expressions_move_to_the_original_path() {
    assert_eq!(
        lines(&composed(
            prefix("/shop"),
            to("/"),
            &[regex("^/item/[0-9]+$")]
        )),
        [
            r"regex /shop/item/[0-9]+|/shopitem/[0-9]+ -> s|^/shop/?|/| = s0",
            "prefix /shop = 404",
        ]
    );
    assert_eq!(
        lines(&composed(
            prefix("/v1.0/"),
            to("/api/v1/"),
            &[regex("/api/.*")]
        )),
        [
            r"regex /v1\.0/(?:(?:)|[^\x{a}/].*) -> s|^/v1\.0/|/api/v1/| = s0",
            "prefix /v1.0/ = 404",
        ]
    );
}

#[test]
fn expressions_and_other_conditions_meet_on_the_path() {
    let keep = PathRewrite::Keep;
    assert_eq!(
        lines(&composed(
            prefix("/a"),
            keep.clone(),
            &[regex("/[ab]"), regex("/a.+"), regex("/b")]
        )),
        [
            "regex /[ab] & :path prefix /a = s0",
            "regex /a.+ = s1",
            "prefix /a = 404",
        ]
    );
    assert_eq!(
        lines(&composed(
            regex("/[ab]+"),
            keep.clone(),
            &[prefix("/a"), exact("/b"), exact("/c")]
        )),
        [
            "regex /[ab]+ & :path prefix /a = s0",
            "exact /b = s1",
            "regex /[ab]+ = 404",
        ]
    );
    assert_eq!(
        lines(&composed(regex("/[ab]+"), keep, &[regex(r"/[^/]\b.*")])),
        [
            r"regex /[^/]\b.* & :path regex (?:/[ab]+)(?:\?\C*)? = s0",
            "regex /[ab]+ = 404",
        ]
    );
}

#[test]
fn what_cannot_be_composed_is_a_finding_and_harms_nothing_else() {
    let composed = composed(
        prefix("/a"),
        to("/"),
        &[regex(r"/\bx"), regex("/(("), prefix("/b")],
    );
    assert_eq!(
        lines(&composed),
        [
            "prefix /a/b -> /b = s2",
            "prefix /ab -> /b = s2",
            "prefix /a = 404"
        ]
    );
    assert_eq!(composed.findings.len(), 2);
    for (finding, name) in composed.findings.iter().zip(["s0", "s1"]) {
        assert_eq!(finding.severity, Severity::Error);
        assert_eq!(finding.code, codes::ROUTE_NOT_COMPOSABLE);
        assert_eq!(&*finding.object.name, "g");
        assert!(
            finding
                .message
                .contains(&format!("route {name} of VirtualRouter shop/router"))
        );
        assert!(!finding.help.is_empty());
    }
}

#[test]
fn a_gateway_route_that_makes_no_sense_takes_nothing() {
    for (path, rewrite) in [
        (regex("/(("), PathRewrite::Keep),
        (prefix("/a"), to("/b?c/")),
        (prefix("/a"), PathRewrite::Exact("b".into())),
        (exact("/a?b"), PathRewrite::Keep),
    ] {
        let composed = composed(path, rewrite, &[prefix("/")]);
        assert_eq!(composed.routes, []);
        assert_eq!(composed.findings.len(), 1);
    }
}

#[test]
fn conditions_are_joined_and_the_new_host_is_known() {
    let header = |name: &str, value: &str| HeaderMatch {
        name: name.into(),
        invert: false,
        value: Some(ValueMatch::Exact(value.into())),
    };
    let service = |name, headers: Vec<HeaderMatch>, method: Option<&str>| {
        let matches = HttpMatch {
            headers,
            method: method.map(Into::into),
            ..HttpMatch::default()
        };
        service_route(name, matches)
    };
    let gateway = HttpMatch {
        method: Some("GET".into()),
        headers: vec![header("x", "1")],
        ..HttpMatch::default()
    };
    let routes = vec![
        service("other-method", vec![], Some("POST")),
        service("other-host", vec![header("host", "edge.example")], None),
        service("other-value", vec![header("x", "2")], None),
        service(
            "fits",
            vec![header(":authority", "color.shop"), header("y", "2")],
            Some("GET"),
        ),
    ];
    let route = gateway_route("g", gateway.clone(), to("/"), Some("color.shop"), routes);
    let composed = compose(&route);
    assert_eq!(composed.findings, []);
    let [first, last] = &composed.routes[..] else {
        panic!("{:?}", lines(&composed));
    };
    assert_eq!(&*first.name, "g/fits");
    assert_eq!(first.rest.headers, [header("x", "1"), header("y", "2")]);
    assert_eq!(first.host_rewrite.as_deref(), Some("color.shop"));
    assert_eq!(first.origins, [route.object.clone(), first_origin(first)]);
    assert_eq!((&*last.name, &last.action), ("g", &Action::NotFound));
    assert_eq!(last.rest.headers, gateway.headers);

    let on_path = vec![service("s", vec![header(":path", "/red")], None)];
    let moved = gateway_route(
        "g",
        super::on_path(prefix("/a")),
        to("/"),
        None,
        on_path.clone(),
    );
    assert_eq!(compose(&moved).findings.len(), 1);
    let stays = gateway_route("g", super::on_path(prefix("/")), to("/"), None, on_path);
    assert_eq!(compose(&stays).findings, []);
}

fn first_origin(route: &ComposedRoute) -> tulle_model::ObjectId {
    match &route.action {
        Action::Forward(target) => target.origin.clone(),
        Action::NotFound => panic!("nothing is forwarded"),
    }
}

#[test]
fn large_expressions_end_as_findings_in_bounded_time() {
    let optional = format!("/{}", "a?".repeat(4000));
    let nested = "/((([acegikmoq]{0,10}){0,10}){0,10})".to_owned();
    let found = composed(
        prefix("/a"),
        to("/aaaa/"),
        &[regex(&optional), regex(&nested)],
    );
    assert_eq!(lines(&found), ["prefix /a = 404"]);
    let found = composed(prefix("/a"), to("/"), &[regex(&optional), regex(&nested)]);
    assert_eq!(found.findings.len(), 2);
}
