//! Random routes and requests over few characters, so that they meet often.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::Union;

use tulle_model::extras::HeaderEdits;
use tulle_model::linked::{GatewayRoute, Route};
use tulle_model::matching::{
    HeaderMatch, HostMatch, HttpMatch, PathMatch, PathRewrite, QueryMatch, ValueMatch,
};

use super::request::Request;
use super::{gateway_route, service_route};

/// A path without two slashes in a row.
fn path() -> impl Strategy<Value = String> {
    vec(select(vec!["a", "b", "/", "/", "ab", ".", "aa"]), 0..6)
        .prop_map(|parts| single_slashes(&format!("/{}", parts.concat())))
}

/// What Envoy makes of a path on arrival.
fn single_slashes(path: &str) -> String {
    let mut path = path.to_owned();
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    path
}

fn expression() -> impl Strategy<Value = String> {
    let atom = select(vec![
        "a", "b", "/", "/a", "/ab", "ab", ".", r"\.", r"\?", "[ab]", "[^/]", "[^a]", "[?/a]",
        r"\w", "[^?]", "", "(?i:B)",
    ])
    .prop_map(str::to_owned);
    let inner = atom.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            4 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}{b}")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(?:{a}|{b})")),
            1 => (inner.clone(), select(vec!["*", "+", "?", "{2}", "{1,2}", "{0,3}", "*?"]))
                .prop_map(|(a, times)| format!("(?:{a}){times}")),
            1 => inner.prop_map(|a| format!("({a})")),
        ]
    });
    let begin = select(vec![
        "",
        "/",
        "/",
        "^/",
        "^",
        "(?:^/a|/)",
        "/(?:a/)?",
        r"/\b",
    ]);
    let end = select(vec![
        "", "", "$", ".*", ".*$", "(?:/|$)", "(?:/.*)?", "[^/]*", "/?",
    ]);
    (begin, inner, end).prop_map(|(begin, inner, end)| format!("{begin}(?:{inner}){end}"))
}

fn path_match() -> impl Strategy<Value = PathMatch> {
    prop_oneof![
        3 => path().prop_map(|path| PathMatch::Prefix(path.into())),
        1 => Just(PathMatch::default()),
        2 => path().prop_map(|path| PathMatch::Exact(path.into())),
        3 => expression().prop_map(|regex| PathMatch::Regex(regex.into())),
    ]
}

fn rewrite() -> impl Strategy<Value = PathRewrite> {
    let slashed = || path().prop_map(|path| format!("{}/", path.trim_end_matches('/')));
    prop_oneof![
        2 => Just(PathRewrite::Keep),
        2 => Just(PathRewrite::Prefix("/".into())),
        3 => slashed().prop_map(|value| PathRewrite::Prefix(value.into())),
        1 => path().prop_map(|value| PathRewrite::Prefix(value.into())),
        1 => path().prop_map(|path| PathRewrite::Exact(path.into())),
        1 => Just(PathRewrite::Exact(r"/a\1$1".into())),
    ]
}

/// Mostly nothing.
fn seldom<T: Clone + std::fmt::Debug + 'static>(
    strategy: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    option::weighted(0.12, strategy)
}

fn value(texts: Vec<&'static str>) -> BoxedStrategy<ValueMatch> {
    let text = move || select(texts.clone());
    Union::new([
        text()
            .prop_map(|text| ValueMatch::Exact(text.into()))
            .boxed(),
        text()
            .prop_map(|text| ValueMatch::Exact(text.into()))
            .boxed(),
        text()
            .prop_map(|text| ValueMatch::Prefix(text.into()))
            .boxed(),
        text()
            .prop_map(|text| ValueMatch::Suffix(text.into()))
            .boxed(),
        text()
            .prop_map(|text| ValueMatch::Regex(format!("{text}|[a1].*").into()))
            .boxed(),
        (0_i64..3, 0_i64..3)
            .prop_map(|(start, end)| ValueMatch::Range { start, end })
            .boxed(),
    ])
    .boxed()
}

fn header() -> impl Strategy<Value = HeaderMatch> {
    let named = |names: Vec<&'static str>, texts| {
        (
            select(names),
            proptest::bool::weighted(0.2),
            option::weighted(0.8, value(texts)),
        )
    };
    prop_oneof![
        6 => named(vec!["x", "y"], vec!["1", "2", "12"]),
        2 => named(vec!["host", ":authority"], vec!["a.b", "a.b:80", "color.shop"]),
        1 => named(vec![":method"], vec!["GET", "POST"]),
        1 => named(vec![":path"], vec!["/a", "/a/", "/b?x=1"]),
    ]
    .prop_map(|(name, invert, value)| HeaderMatch {
        name: name.into(),
        invert,
        value,
    })
}

fn http_match() -> impl Strategy<Value = HttpMatch> {
    let parameter =
        (select(vec!["x", "y"]), option::of(select(vec!["1", "2"]))).prop_map(|(name, exact)| {
            QueryMatch {
                name: name.into(),
                exact: exact.map(Into::into),
            }
        });
    (
        path_match(),
        seldom(select(vec!["GET", "POST"])),
        seldom(select(vec!["http", "https"])),
        seldom(vec(header(), 1..3)),
        seldom(vec(parameter, 1..3)),
        proptest::bool::weighted(0.05),
    )
        .prop_map(|(path, method, scheme, headers, query, grpc)| HttpMatch {
            path,
            method: method.map(Into::into),
            scheme: scheme.map(Into::into),
            headers: headers.unwrap_or_default(),
            query: query.unwrap_or_default(),
            grpc,
        })
}

/// A change of what conditions look at, or would look at.
fn header_edits() -> impl Strategy<Value = HeaderEdits> {
    let name = select(vec!["x", "x", "y", "z", "content-type"]);
    let value = select(vec!["1", "2", "12", "%PROTOCOL%"]);
    (name, value, 0..4_u8).prop_map(|(name, value, what)| {
        let mut edits = HeaderEdits::default();
        let pair = (name.into(), value.into());
        match what {
            0 | 1 => edits.set.push(pair),
            2 => edits.add.push(pair),
            _ => edits.remove.push(name.into()),
        }
        edits
    })
}

/// A service may ask for what no rewritten path holds.
fn doubled(path: PathMatch, doubled: bool) -> PathMatch {
    let twice = |text: &str| text.replacen('/', "//", 1).into();
    match path {
        PathMatch::Prefix(text) if doubled => PathMatch::Prefix(twice(&text)),
        PathMatch::Exact(text) if doubled => PathMatch::Exact(twice(&text)),
        other => other,
    }
}

fn routes() -> impl Strategy<Value = Vec<Route>> {
    vec((http_match(), proptest::bool::weighted(0.05)), 0..5).prop_map(|list| {
        list.into_iter()
            .enumerate()
            .map(|(index, (mut matches, twice))| {
                matches.path = doubled(matches.path, twice);
                service_route(&format!("s{index}"), matches)
            })
            .collect()
    })
}

fn gateway() -> impl Strategy<Value = Vec<GatewayRoute>> {
    let host = prop_oneof![
        6 => Just(HostMatch::Any),
        1 => Just(HostMatch::Exact("a.b".into())),
        1 => Just(HostMatch::Suffix(".b".into())),
    ];
    let host_rewrite = option::of(select(vec!["color.shop", "a.b"]));
    let changed = option::weighted(0.3, header_edits());
    let route = (
        http_match(),
        rewrite(),
        host,
        host_rewrite,
        routes(),
        changed,
    );
    vec(route, 1..4).prop_map(|list| {
        list.into_iter()
            .enumerate()
            .map(
                |(index, (matches, rewrite, host, host_rewrite, routes, changed))| {
                    let name = format!("g{index}");
                    let mut route = gateway_route(&name, matches, rewrite, host_rewrite, routes);
                    route.host = host;
                    route.request_headers = changed.unwrap_or_default();
                    route
                },
            )
            .collect()
    })
}

/// Paths that are likely to fit: what the gateway's routes name, and what has to arrive so that the
/// service sees what its routes name.
fn targets(gateway: &[GatewayRoute]) -> Vec<String> {
    let mut found = vec!["/".to_owned()];
    for route in gateway {
        let (PathMatch::Prefix(path) | PathMatch::Exact(path)) = &route.matches.path else {
            found.extend(["/a", "/ab", "/a/b"].map(str::to_owned));
            continue;
        };
        found.push(path.to_string());
        for target in route.service.iter().flat_map(|service| &service.routes) {
            let wanted = match &target.matches.path {
                PathMatch::Prefix(wanted) | PathMatch::Exact(wanted) => &**wanted,
                PathMatch::Regex(_) => "/a",
            };
            let value = match &route.path_rewrite {
                PathRewrite::Prefix(value) => value,
                _ => path,
            };
            if let Some(rest) = wanted.strip_prefix(&**value) {
                found.push(format!("{path}{rest}"));
                found.push(format!("{path}/{rest}"));
            }
        }
    }
    found
}

/// A gateway and requests to it.
pub(super) fn gateway_and_requests() -> impl Strategy<Value = (Vec<GatewayRoute>, Vec<Request>)> {
    (
        gateway(),
        vec(
            (request(), option::weighted(0.8, any::<Index>()), tail()),
            8..16,
        ),
    )
        .prop_map(|(gateway, list)| {
            let targets = targets(&gateway);
            let aim = |(mut request, target, tail): (Request, Option<Index>, &str)| {
                if let Some(target) = target {
                    let query = request.split().1.to_owned();
                    request.path =
                        single_slashes(&format!("{}{tail}", target.get(&targets))) + &query;
                }
                request
            };
            let requests = list.into_iter().map(aim).collect();
            (gateway, requests)
        })
}

fn tail() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", "/", "a", "/a", "b/", "/b.a"])
}

fn request() -> impl Strategy<Value = Request> {
    let query = select(vec![
        "", "", "?", "?x=1", "?x=2&y=1", "?/a/b", "?a?b", "?a/?x=1",
    ]);
    let headers = vec(
        (select(vec!["x", "y"]), select(vec!["1", "2", "12", "a"])),
        0..3,
    );
    (
        path(),
        query,
        select(vec!["GET", "GET", "GET", "POST"]),
        select(vec!["http", "http", "https"]),
        select(vec!["a.b", "a.b:80", "c.b", "d"]),
        headers,
        proptest::bool::weighted(0.5),
    )
        .prop_map(|(path, query, method, scheme, host, mut headers, grpc)| {
            headers.sort_unstable();
            headers.dedup_by_key(|(name, _)| *name);
            if grpc {
                headers.push(("content-type", "application/grpc"));
            }
            let headers = headers.into_iter();
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Request {
                method,
                scheme,
                host: host.to_owned(),
                path: format!("{path}{query}"),
                headers: headers.collect(),
            }
        })
}
