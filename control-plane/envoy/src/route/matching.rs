//! The conditions of a route.

use tulle_model::Str;
use tulle_model::matching::{HeaderMatch, HttpMatch, PathMatch, QueryMatch, ValueMatch};
use tulle_proto::matcher::string_matcher::MatchPattern;
use tulle_proto::matcher::{RegexMatcher, StringMatcher};
use tulle_proto::pb::envoy::r#type::v3::Int64Range;
use tulle_proto::route::header_matcher::HeaderMatchSpecifier;
use tulle_proto::route::query_parameter_matcher::QueryParameterMatchSpecifier;
use tulle_proto::route::route_match::{ConnectMatcher, GrpcRouteMatchOptions, PathSpecifier};
use tulle_proto::route::{HeaderMatcher, QueryParameterMatcher, RouteMatch};

/// The whole condition.
pub(super) fn route_match(matches: &HttpMatch) -> RouteMatch {
    let path = if is_connect(matches) {
        PathSpecifier::ConnectMatcher(ConnectMatcher {})
    } else {
        path(&matches.path)
    };
    with_path(path, matches)
}

/// The same with a path specifier from elsewhere; `matches.path` means nothing.
pub(super) fn with_path(path: PathSpecifier, matches: &HttpMatch) -> RouteMatch {
    let mut headers = Vec::new();
    for (name, value) in [(":method", &matches.method), (":scheme", &matches.scheme)] {
        if let Some(value) = value {
            headers.push(string_header(name, MatchPattern::Exact(value.to_string())));
        }
    }
    headers.extend(matches.headers.iter().map(header));
    RouteMatch {
        path_specifier: Some(path),
        headers,
        query_parameters: matches.query.iter().map(query).collect(),
        grpc: matches.grpc.then(GrpcRouteMatchOptions::default),
        ..Default::default()
    }
}

/// Whether the route is for CONNECT requests. Those have no path, so that Envoy gives them to no route
/// that looks at paths; only a route for every path can mean them.
pub(super) fn is_connect(matches: &HttpMatch) -> bool {
    let every_path =
        matches!(&matches.path, PathMatch::Prefix(prefix) if matches!(&**prefix, "" | "/"));
    every_path && matches.method.as_deref() == Some("CONNECT")
}

fn path(path: &PathMatch) -> PathSpecifier {
    match path {
        PathMatch::Prefix(prefix) => PathSpecifier::Prefix(prefix.to_string()),
        PathMatch::Exact(path) => PathSpecifier::Path(path.to_string()),
        PathMatch::Regex(pattern) => PathSpecifier::SafeRegex(regex(pattern)),
    }
}

/// Envoy's RE2 matcher; it always compares with the whole string.
pub(super) fn regex(pattern: &str) -> RegexMatcher {
    RegexMatcher {
        regex: pattern.to_owned(),
        ..Default::default()
    }
}

/// A condition on a header's text.
pub(super) fn string_header(name: &str, pattern: MatchPattern) -> HeaderMatcher {
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(string(pattern))),
        ..Default::default()
    }
}

/// As App Mesh's users know it from Envoy: a header that is missing satisfies no condition on its value,
/// not even an inverted one.
fn header(header: &HeaderMatch) -> HeaderMatcher {
    let text = |value: &Str| value.to_string();
    let pattern = match &header.value {
        None => return present(header),
        Some(ValueMatch::Range { start, end }) => return range(header, *start, *end),
        Some(ValueMatch::Exact(value)) => MatchPattern::Exact(text(value)),
        Some(ValueMatch::Prefix(value)) => MatchPattern::Prefix(text(value)),
        Some(ValueMatch::Suffix(value)) => MatchPattern::Suffix(text(value)),
        Some(ValueMatch::Regex(pattern)) => MatchPattern::SafeRegex(regex(pattern)),
    };
    HeaderMatcher {
        invert_match: header.invert,
        ..string_header(&header.name, pattern)
    }
}

fn present(header: &HeaderMatch) -> HeaderMatcher {
    HeaderMatcher {
        name: header.name.to_string(),
        invert_match: header.invert,
        header_match_specifier: Some(HeaderMatchSpecifier::PresentMatch(true)),
        ..Default::default()
    }
}

fn range(header: &HeaderMatch, start: i64, end: i64) -> HeaderMatcher {
    HeaderMatcher {
        name: header.name.to_string(),
        invert_match: header.invert,
        header_match_specifier: Some(HeaderMatchSpecifier::RangeMatch(Int64Range { start, end })),
        ..Default::default()
    }
}

fn query(query: &QueryMatch) -> QueryParameterMatcher {
    QueryParameterMatcher {
        name: query.name.to_string(),
        query_parameter_match_specifier: Some(match &query.exact {
            Some(value) => QueryParameterMatchSpecifier::StringMatch(string(MatchPattern::Exact(
                value.to_string(),
            ))),
            None => QueryParameterMatchSpecifier::PresentMatch(true),
        }),
    }
}

fn string(pattern: MatchPattern) -> StringMatcher {
    StringMatcher {
        match_pattern: Some(pattern),
        ..Default::default()
    }
}
