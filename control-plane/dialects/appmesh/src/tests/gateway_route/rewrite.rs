use serde_json::json;
use tulle_model::matching::{HostMatch, PathMatch, PathRewrite};

use super::*;

#[track_caller]
fn refused_rewrite(wanted: Value, rewrite: Value, field: &str, message: &str) {
    let spec = spec("httpRoute", wanted, Some(rewrite));
    refused(
        spec,
        &format!("spec.httpRoute.action.rewrite{field}"),
        message,
    );
}

#[test]
fn default_rewrites() {
    let path = |wanted: Value| {
        let route = http(wanted, None);
        assert!(route.rewrite_host);
        (route.matches.path, route.path_rewrite)
    };
    let root = || PathRewrite::Prefix("/".into());
    assert_eq!(
        path(json!({"prefix": "/a"})),
        (PathMatch::Prefix("/a".into()), root())
    );
    let by_host = json!({"hostname": {"exact": "A.example.com"}});
    assert_eq!(
        path(by_host.clone()),
        (PathMatch::Prefix("/".into()), root())
    );
    assert_eq!(
        http(by_host, None).host,
        HostMatch::Exact("a.example.com".into())
    );
    let exact = json!({"path": {"exact": "/a"}});
    assert_eq!(
        path(exact),
        (PathMatch::Exact("/a".into()), PathRewrite::Keep)
    );
    let regex = json!({"path": {"regex": "/[a-z]"}});
    assert_eq!(
        path(regex),
        (PathMatch::Regex("/[a-z]".into()), PathRewrite::Keep)
    );
}

#[test]
fn written_rewrites() {
    let by_prefix = || json!({"prefix": "/a/"});
    let by_path = || json!({"path": {"exact": "/a"}});
    let root = || PathRewrite::Prefix("/".into());
    for (wanted, rewrite, path, host) in [
        (
            by_prefix(),
            json!({"prefix": {"defaultPrefix": "DISABLED"}}),
            PathRewrite::Keep,
            true,
        ),
        (
            by_prefix(),
            json!({"prefix": {"defaultPrefix": "ENABLED"}}),
            root(),
            true,
        ),
        (by_prefix(), json!({"prefix": {}}), root(), true),
        (
            by_prefix(),
            json!({"prefix": {"value": "/x/"}}),
            PathRewrite::Prefix("/x/".into()),
            true,
        ),
        (
            by_prefix(),
            json!({"hostname": {"defaultTargetHostname": "DISABLED"}}),
            root(),
            false,
        ),
        (
            by_prefix(),
            json!({"hostname": {"defaultTargetHostname": "ENABLED"}}),
            root(),
            true,
        ),
        (by_prefix(), json!({"hostname": {}}), root(), true),
        (
            by_path(),
            json!({"path": {"exact": "/x"}}),
            PathRewrite::Exact("/x".into()),
            true,
        ),
        (
            by_path(),
            json!({"hostname": {"defaultTargetHostname": "DISABLED"}}),
            PathRewrite::Keep,
            false,
        ),
        (
            json!({"hostname": {"exact": "a"}}),
            json!({"prefix": {"value": "/x/"}}),
            PathRewrite::Prefix("/x/".into()),
            true,
        ),
    ] {
        let route = http(wanted, Some(rewrite.clone()));
        assert_eq!(
            (route.path_rewrite, route.rewrite_host),
            (path, host),
            "{rewrite}"
        );
    }
}

#[test]
fn an_empty_rewrite_does_the_defaults() {
    let fragment = one_finding(
        "GatewayRoute",
        spec("httpRoute", json!({"prefix": "/a"}), Some(json!({}))),
        Severity::Error,
        "spec.httpRoute.action.rewrite",
        "Either prefix, path or hostname for rewrite must be specified",
    );
    assert_eq!(
        route(fragment.unwrap()).path_rewrite,
        PathRewrite::Prefix("/".into())
    );
}

#[test]
fn rewrite_rules() {
    let by_prefix = || json!({"prefix": "/a/"});
    let by_path = || json!({"path": {"exact": "/a"}});
    refused_rewrite(
        by_prefix(),
        json!({"prefix": {"value": "/x/"}, "path": {"exact": "/x"}}),
        "",
        "Both prefix and path for rewrites cannot be specified. Only 1 allowed",
    );
    refused_rewrite(
        by_prefix(),
        json!({"prefix": {"value": "/x/", "defaultPrefix": "ENABLED"}}),
        ".prefix",
        "Cannot specify both defaultPrefix and prefix for rewrite, only 1 allowed",
    );
    for bad in ["", "x", "/x", "x/"] {
        refused_rewrite(
            by_prefix(),
            json!({"prefix": {"value": bad}}),
            ".prefix.value",
            "New Rewrite Prefix must start and end with '/'",
        );
    }
    refused_rewrite(
        by_prefix(),
        json!({"prefix": {"value": "/a?b/"}}),
        ".prefix.value",
        "no query string",
    );
    refused_rewrite(
        by_path(),
        json!({"prefix": {"value": "/x/"}}),
        ".prefix.value",
        "no prefix to rewrite",
    );
    refused_rewrite(
        by_prefix(),
        json!({"path": {"exact": "/x"}}),
        ".path.exact",
        "only where match.path",
    );
    refused_rewrite(by_path(), json!({"path": {}}), ".path.exact", "not given");
    refused_rewrite(
        by_path(),
        json!({"path": {"exact": "x"}}),
        ".path.exact",
        "begins with '/'",
    );
    refused_rewrite(
        by_path(),
        json!({"path": {"exact": "/x?y"}}),
        ".path.exact",
        "no query string",
    );
}

#[test]
fn rewrites_that_surprise() {
    let warned = |wanted: Value, rewrite: Value, field: &str| {
        let spec = spec("httpRoute", wanted, Some(rewrite));
        let field = format!("spec.httpRoute.action.rewrite{field}");
        let fragment = one_finding("GatewayRoute", spec, Severity::Warning, &field, "");
        route(fragment.unwrap()).path_rewrite
    };
    let rewrite = json!({"prefix": {"defaultPrefix": "ENABLED"}});
    let by_path = json!({"path": {"exact": "/a"}});
    assert_eq!(
        warned(by_path, rewrite, ".prefix.defaultPrefix"),
        PathRewrite::Keep
    );
    let rewrite = json!({"prefix": {"value": "/x/"}});
    let expected = PathRewrite::Prefix("/x/".into());
    assert_eq!(
        warned(json!({"prefix": "/a"}), rewrite, ".prefix.value"),
        expected
    );
}
