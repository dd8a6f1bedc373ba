//! The plain reading: first the gateway's routes, then the service's.

use tulle_model::linked::GatewayRoute;
use tulle_model::matching::{HostMatch, PathMatch, PathRewrite};

use super::Outcome;
use super::request::{Request, full_match};

pub(super) fn two_pass(gateway: &[GatewayRoute], request: &Request) -> Outcome {
    let (path, query) = request.split();
    for route in gateway {
        if !(host_fits(&route.host, &request.host)
            && request.fits(&route.matches)
            && path_fits(&route.matches.path, path))
        {
            continue;
        }
        let mut inner = request.clone().changed(&route.request_headers);
        inner.path = format!("{}{query}", rewritten(route, path));
        if let Some(host) = &route.host_rewrite {
            inner.host = host.to_string();
        }
        let routes = route.service.iter().flat_map(|service| &service.routes);
        for target in routes {
            if inner.fits(&target.matches) && path_fits(&target.matches.path, inner.split().0) {
                return Outcome::Forward {
                    gateway: route.name.clone(),
                    service: target.name.clone(),
                    path: inner.path,
                    host: inner.host,
                };
            }
        }
        return Outcome::NotFound;
    }
    Outcome::Missed
}

pub(super) fn host_fits(condition: &HostMatch, host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default();
    match condition {
        HostMatch::Any => true,
        HostMatch::Exact(exact) => name == &**exact,
        HostMatch::Suffix(suffix) => name.ends_with(&**suffix),
    }
}

fn path_fits(condition: &PathMatch, path: &str) -> bool {
    match condition {
        PathMatch::Prefix(prefix) => path.starts_with(&**prefix),
        PathMatch::Exact(exact) => path == &**exact,
        PathMatch::Regex(regex) => full_match(regex, path),
    }
}

fn rewritten(route: &GatewayRoute, path: &str) -> String {
    match (&route.path_rewrite, &route.matches.path) {
        (PathRewrite::Keep, _) => path.to_owned(),
        (PathRewrite::Exact(exact), _) => exact.to_string(),
        (PathRewrite::Prefix(value), PathMatch::Prefix(prefix)) => {
            let rest = &path[prefix.len()..];
            if value.ends_with('/') && rest.starts_with('/') {
                format!("{value}{}", &rest[1..])
            } else {
                format!("{value}{rest}")
            }
        }
        (PathRewrite::Prefix(value), _) => value.to_string(),
    }
}
