use std::time::Duration;

use super::*;
use crate::fixture::{header, prefix};
use tulle_model::extras::{Abort, AbortAnswer, Delay, Fault, HeaderEdits, Share};
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

fn refused_edits(edits: HeaderEdits) -> Option<String> {
    let mut route = route_of(prefix("/"));
    route.extras.response_headers = edits;
    let refusal = super::route(&route).err()?;
    Some(format!("{}: {}", refusal.what, refusal.why))
}

#[test]
fn a_change_of_headers_that_envoy_refuses_is_refused() {
    let set = |name: &str, value: &str| HeaderEdits {
        set: vec![(name.into(), value.into())],
        ..HeaderEdits::default()
    };
    assert_eq!(refused_edits(set("x", "a %PROTOCOL% 50%%")), None);
    let refused = |name: &str, value: &str| refused_edits(set(name, value)).unwrap();
    assert_eq!(refused("", "a"), "changed header \"\": it is empty");
    for name in ["host", ":path"] {
        let expected = format!("changed header {name:?}: no route may change it");
        assert_eq!(refused(name, "a"), expected);
        let removed = HeaderEdits {
            remove: vec![name.into()],
            ..HeaderEdits::default()
        };
        assert_eq!(refused_edits(removed), Some(expected));
    }
    assert!(refused("x\n", "a").contains("line break"));
    assert!(refused("x", "a\0").contains("zero byte"));
    assert!(refused("x", "50%").contains("begins no command operator"));
    assert!(refused("x", &"a".repeat(16_385)).contains("too long"));
    let many = HeaderEdits {
        add: vec![("x".into(), "a".into()); 501],
        ..HeaderEdits::default()
    };
    assert_eq!(
        refused_edits(many).unwrap(),
        "changed headers: there are too many of them"
    );
}

#[test]
fn a_fault_that_envoy_refuses_is_refused() {
    let refused = |fault| {
        let mut route = route_of(prefix("/"));
        route.extras.fault = Some(fault);
        super::route(&route).err().map(|refusal| refusal.why)
    };
    let abort = |status| Fault {
        delay: None,
        abort: Some(Abort {
            share: Share::ALL,
            answer: AbortAnswer::Http(status),
        }),
    };
    assert_eq!(refused(abort(200)), None);
    assert_eq!(refused(abort(599)), None);
    for status in [0, 199, 600] {
        assert!(refused(abort(status)).is_some(), "{status}");
    }
    let delay = |duration| Fault {
        delay: Some(Delay {
            share: Share::ALL,
            duration,
        }),
        abort: None,
    };
    assert_eq!(refused(delay(Duration::MAX)), None);
    assert_eq!(
        refused(delay(Duration::ZERO)),
        Some("it is zero".to_owned())
    );
}
