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

#[test]
fn an_expression_may_be_as_large_as_every_bootstrap_says() {
    assert_eq!(regex("path", "(\\w+/){200}"), Ok(()));
    let refusal = regex("path", "\\pL{900}").unwrap_err();
    assert!(refusal.why.contains("32768 are allowed"), "{}", refusal.why);
    assert!(!refusal.help.is_empty());
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
        (
            regex("a("),
            "path regex \"a(\": a '(' has no ')', or the other way round",
        ),
        (query(""), "query parameter: its name is empty"),
        (header("", None, false), "header: its name is empty"),
        (
            header("x", Some(ValueMatch::Prefix("".into())), false),
            "prefix or suffix of header x: it is empty",
        ),
        (
            header("x", Some(ValueMatch::Regex("(?=a)".into())), true),
            "regex of header x \"(?=a)\": it has no look-around: (?=",
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
