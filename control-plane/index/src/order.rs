//! In which order routes are tried.

use std::cmp::Reverse;

use tulle_model::fragment::{GatewayRoute, Route};
use tulle_model::matching::{HostMatch, HttpMatch, PathMatch};
use tulle_model::{Name, Str};

/// Exact before regex before prefix, longer prefix first.
type PathRank = (u8, Reverse<usize>);

fn path_rank(path: &PathMatch) -> PathRank {
    match path {
        PathMatch::Exact(_) => (0, Reverse(0)),
        PathMatch::Regex(_) => (1, Reverse(0)),
        PathMatch::Prefix(prefix) => (2, Reverse(prefix.len())),
    }
}

fn matchers(matches: &HttpMatch) -> usize {
    usize::from(matches.method.is_some())
        + usize::from(matches.scheme.is_some())
        + matches.headers.len()
        + matches.query.len()
}

/// Orders a router's routes: priority (none comes last), path, more conditions first, name.
pub(crate) fn route(route: &Route) -> (u32, PathRank, Reverse<usize>, Str) {
    (
        route.priority.map_or(u32::MAX, u32::from),
        path_rank(&route.matches.path),
        Reverse(matchers(&route.matches)),
        route.name.clone(),
    )
}

/// Orders a gateway's routes: priority, path, more conditions first (one on the host counts), then
/// an exact host before a longer suffix before a shorter one, namespace and name.
pub(crate) fn gateway_route(
    route: &GatewayRoute,
) -> (u16, PathRank, Reverse<usize>, (u8, Reverse<usize>), Name) {
    let host_rank = match &route.host {
        HostMatch::Exact(_) => (0, Reverse(0)),
        HostMatch::Suffix(suffix) => (1, Reverse(suffix.len())),
        HostMatch::Any => (2, Reverse(0)),
    };
    let host = usize::from(route.host != HostMatch::Any);
    (
        route.priority,
        path_rank(&route.matches.path),
        Reverse(matchers(&route.matches) + host),
        host_rank,
        route.name.clone(),
    )
}
