//! What stock Envoy does with composed routes.

use regex::{Captures, Regex};
use tulle_model::linked::GatewayRoute;

use super::super::{Action, Composed, ComposedRoute, PathCondition, PathHeader, Rewrite};
use super::Outcome;
use super::request::{Request, full_match};
use super::two_pass::host_fits;

pub(super) fn one_pass(gateway: &[(GatewayRoute, Composed)], request: &Request) -> Outcome {
    for (origin, composed) in gateway {
        if !host_fits(&origin.host, &request.host) {
            continue;
        }
        for route in &composed.routes {
            if !matches(route, request) {
                continue;
            }
            let Action::Forward(target) = &route.action else {
                return Outcome::NotFound;
            };
            return Outcome::Forward {
                gateway: origin.name.clone(),
                service: target.name.clone(),
                path: rewritten(route, request),
                host: route
                    .host_rewrite
                    .as_deref()
                    .unwrap_or(&request.host)
                    .to_owned(),
            };
        }
    }
    Outcome::Missed
}

fn matches(route: &ComposedRoute, request: &Request) -> bool {
    let (path, _) = request.split();
    let specifier = match &route.path {
        PathCondition::Prefix(prefix) => path.starts_with(&**prefix),
        PathCondition::Exact(exact) => path == &**exact,
        PathCondition::Regex(regex) => full_match(regex, path),
    };
    specifier
        && request.fits(&route.rest)
        && route.path_headers.iter().all(|header| match header {
            PathHeader::Prefix(prefix) => request.path.starts_with(&**prefix),
            PathHeader::Regex(regex) => full_match(regex, &request.path),
        })
}

fn rewritten(route: &ComposedRoute, request: &Request) -> String {
    let (path, query) = request.split();
    match (&route.rewrite, &route.path) {
        (Rewrite::Keep, _) => request.path.clone(),
        (Rewrite::Prefix(value), PathCondition::Prefix(prefix)) => {
            format!("{value}{}{query}", &path[prefix.len()..])
        }
        (Rewrite::Prefix(value), _) => format!("{value}{query}"),
        (
            Rewrite::Regex {
                pattern,
                substitution,
            },
            _,
        ) => {
            let replaced = |groups: &Captures<'_>| expand(substitution, groups);
            let path = Regex::new(pattern).unwrap().replace_all(path, replaced);
            format!("{path}{query}")
        }
    }
}

/// RE2's way with backslashes in a substitution.
fn expand(substitution: &str, groups: &Captures<'_>) -> String {
    let mut out = String::new();
    let mut chars = substitution.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\\') => out.push('\\'),
                Some(digit) => {
                    let index = digit.to_digit(10).unwrap() as usize;
                    out += groups.get(index).map_or("", |group| group.as_str());
                }
                None => panic!("{substitution:?} ends with a backslash"),
            },
            other => out.push(other),
        }
    }
    out
}
