use super::*;
use crate::fixture::{header, prefix};
use tulle_model::matching::QueryMatch;

fn refused(matches: HttpMatch) -> Option<String> {
    let refusal = route(&route_of(matches)).err()?;
    Some(format!("{}: {}", refusal.what, refusal.why))
}

fn route_of(matches: HttpMatch) -> Route {
    crate::fixture::route("r", matches, &[("blue", 1)])
}

fn query(name: &str) -> HttpMatch {
    HttpMatch {
        query: vec![QueryMatch {
            name: name.into(),
            exact: None,
        }],
        ..Default::default()
    }
}

/// What Envoy 1.38.3 and 1.40.0 both took when asked to validate.
#[test]
fn expressions_that_re2_takes_are_taken() {
    for pattern in [
        "/item/[0-9]{1,60}",
        "^/a$",
        "[]a]",
        "[^]a]",
        "[[a]",
        "[a&&b]",
        "[a-b-c]",
        "[a-]",
        "[[:alpha:]-z]",
        "[[:^alpha:]]",
        "[\\d-z]",
        "a{,3}",
        "{",
        "a{a}",
        "a{99999999999}",
        "a*?",
        "^*",
        "|",
        "(|a)*",
        "(?i)a",
        "(?i-s:a)",
        "(?P<n>a)(?<m>b)",
        "\\Q*\\E*",
        "a\\Q\\E*",
        "\\Qa",
        "\\pL\\p{^Greek}\\P{Lu}",
        "\\x41\\x{41}\\012\\12\\0",
        "\\_\\-\\/",
        "\\C\\A\\z\\b\\B",
        "(\\w+/){200}",
        "(a{10}){100}",
        "é",
    ] {
        assert_eq!(re2::check(pattern), Ok(()), "{pattern}");
    }
}

/// What Envoy 1.38.3 or 1.40.0 refused.
#[test]
fn expressions_that_re2_refuses_are_refused() {
    for pattern in [
        "",
        "*a",
        "a**",
        "a{2}{3}",
        "a|*",
        "(*a)",
        "a{3,1}",
        "a{1001}",
        "(a{500}){3}",
        "((a{100}){10}){10}",
        "(",
        ")",
        "a)",
        "[a",
        "[\\",
        "[z-a]",
        "[a-\\d]",
        "[[:foo:]]",
        "\\",
        "\\y",
        "\\Z",
        "\\1",
        "\\8",
        "\\777",
        "\\xg",
        "\\x{110000}",
        "\\p{Foo}",
        "\\p{greek}",
        "\\p{OldItalic}",
        "\\pX",
        "(?=a)",
        "(?<=a)",
        "(?x)a",
        "(?i-)a",
        "(?P=n)",
        "(?P<1-2>a)",
        "(?P<é>c)",
        "(?P<n",
        "[\\b]",
        "[\\Q]",
        "\\é",
        "\\E",
    ] {
        assert!(re2::check(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn deep_nesting_is_refused_without_harm() {
    let pattern = format!("{}{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(re2::check(&pattern).is_err());
}

#[test]
fn a_route_is_refused_for_what_envoy_would_refuse_it_for() {
    assert_eq!(refused(prefix("/")), None);
    assert_eq!(refused(query("a")), None);
    let regex = |pattern: &str| HttpMatch {
        path: PathMatch::Regex(pattern.into()),
        ..Default::default()
    };
    let cases = [
        (regex("a("), "path regex \"a(\": a `(` has no `)`"),
        (query(""), "query parameter: its name is empty"),
        (header("", None, false), "header: its name is empty"),
        (
            header("x", Some(ValueMatch::Prefix("".into())), false),
            "prefix or suffix of header x: it is empty",
        ),
        (
            header("x", Some(ValueMatch::Regex("(?=a)".into())), true),
            "regex of header x \"(?=a)\": RE2 cannot look ahead or behind",
        ),
        (
            header("a\nb", None, false),
            "header name \"a\\nb\": it holds a line break or a zero byte",
        ),
    ];
    for (matches, expected) in cases {
        assert_eq!(refused(matches).as_deref(), Some(expected));
    }
}

#[test]
fn a_gateway_route_is_refused_for_its_host_and_rewrites_too() {
    let good =
        crate::fixture::gateway_route("g", HostMatch::Suffix(".example.com".into()), prefix("/"));
    assert_eq!(gateway_route(&good), Ok(()));
    for bad in [
        GatewayRoute {
            host: HostMatch::Exact("*.example.com".into()),
            ..good.clone()
        },
        GatewayRoute {
            host_rewrite: Some("a\r\nb".into()),
            ..good.clone()
        },
        GatewayRoute {
            path_rewrite: PathRewrite::Exact("/\n".into()),
            ..good.clone()
        },
    ] {
        assert!(gateway_route(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_host_is_one_plain_name() {
    assert_eq!(host("colour.shop"), Ok(()));
    for bad in ["", "*", "*.example.com", "a\nb"] {
        assert!(host(bad).is_err(), "{bad:?}");
    }
}
