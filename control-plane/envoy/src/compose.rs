//! One Envoy pass in place of two: a gateway route and the routes of the service behind it.
//!
//! App Mesh sent a request through its gateway's Envoy twice: the gateway route took it, changed path
//! and host, and the service's own routes chose the destination. [`compose`] makes from each pair one
//! Envoy route with the meaning of both. What cannot be said exactly in one route is left out and told
//! as a finding, never approximated.

mod algebra;
mod conditions;
mod cover;
mod headers;
mod path;
mod re2;

use std::fmt;

use tulle_model::linked::{GatewayRoute, HostRoutes, Route};
use tulle_model::matching::HttpMatch;
use tulle_model::{Finding, ObjectId, Severity, Str, codes};

use conditions::{ConditionError, Rewritten};
use path::{GatewayPath, PathError, PathPart};

pub use headers::HeaderSteps;

/// What one gateway route becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Composed {
    /// Envoy routes in the order in which they have to be tried. Together they take every request
    /// that fits the gateway route, so that no later gateway route sees it. The gateway route's
    /// condition on the host is not among their conditions: the caller adds it.
    pub routes: Vec<ComposedRoute>,
    /// What could not be composed.
    pub findings: Vec<Finding>,
}

/// One Envoy route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposedRoute {
    /// `<gateway route>/<service route>`, or the gateway route's name if nothing is behind it. Not
    /// unique: one pair may need two routes.
    pub name: Str,
    /// The objects that it comes from.
    pub origins: Vec<ObjectId>,
    /// Conditions other than on the path; the `path` in it means nothing.
    pub rest: HttpMatch,
    /// Envoy's path specifier.
    pub path: PathCondition,
    /// Further conditions on the path, all of which must hold.
    pub path_headers: Vec<PathHeader>,
    /// What is done to the path.
    pub rewrite: Rewrite,
    /// What the host becomes; `None`: it stays.
    pub host_rewrite: Option<Str>,
    /// What is done to the request's headers.
    pub request_headers: HeaderSteps,
    /// What is done to the answer's headers.
    pub response_headers: HeaderSteps,
    /// What becomes of the request.
    pub action: Action,
}

/// Envoy's path specifier: it sees the path without the query string, upper and lower case differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathCondition {
    /// `prefix`.
    Prefix(Str),
    /// `path`.
    Exact(Str),
    /// `safe_regex`: an RE2 expression that the whole path fits.
    Regex(Str),
}

/// A header matcher on `:path`, whose value includes the query string.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathHeader {
    /// The value begins with this.
    Prefix(Str),
    /// The whole value fits this RE2 expression.
    Regex(Str),
}

/// What is done to the path; the query string always stays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rewrite {
    /// Nothing.
    Keep,
    /// `prefix_rewrite`: with a prefix as path specifier the prefix, with any other the whole path
    /// becomes this.
    Prefix(Str),
    /// `regex_rewrite`.
    Regex {
        /// The RE2 expression that is sought in the path.
        pattern: Str,
        /// What each place where it is found becomes, with `\` as the escape character.
        substitution: Str,
    },
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It goes where this route of the service says, under its limits and retries.
    Forward(Route),
    /// 404.
    NotFound,
}

/// Composes a gateway route with the routes of its service.
///
/// Expects of Envoy's connection manager `normalize_path` and `merge_slashes`: paths arrive with a
/// slash first, never two in a row. What cannot be composed is left out with a finding of severity
/// error on the gateway route; the requests meant by it fall to the service's later routes or to the
/// final 404.
pub fn compose(route: &GatewayRoute) -> Composed {
    let mut composed = Composed::default();
    let path = match GatewayPath::new(&route.matches.path, &route.path_rewrite) {
        Ok(path) => path,
        Err(error) => {
            composed.findings.push(
                Finding::new(
                    Severity::Error,
                    codes::ROUTE_NOT_COMPOSABLE,
                    &route.object,
                    "",
                    format!("the route takes no request: {error}"),
                )
                .help(error.help()),
            );
            return composed;
        }
    };
    if !path.is_alive() {
        composed.findings.push(
            Finding::new(
                Severity::Warning,
                codes::ROUTE_NEVER_MATCHES,
                &route.object,
                "",
                "no path fits: Envoy's matchers see paths without '?' and '#', in ASCII",
            )
            .help("leave the query string to its own conditions, and percent-encode the rest"),
        );
        return composed;
    }
    let last = ComposedRoute {
        name: route.name.clone(),
        origins: vec![route.object.clone()],
        rest: route.matches.clone(),
        path: path.condition(),
        path_headers: Vec::new(),
        rewrite: Rewrite::Keep,
        host_rewrite: None,
        request_headers: HeaderSteps::default(),
        response_headers: HeaderSteps {
            first: route.response_headers.clone(),
            ..HeaderSteps::default()
        },
        action: Action::NotFound,
    };
    if let Some(service) = &route.service {
        for target in &service.routes {
            match pair(route, &path, target) {
                Ok(parts) => parts.into_iter().for_each(|part| composed.push(part)),
                Err(error) => composed
                    .findings
                    .push(error.finding(route, service, target)),
            }
            if composed
                .routes
                .last()
                .is_some_and(|taken| cover::covers(taken, &last))
            {
                break;
            }
        }
    }
    composed.push(last);
    composed
}

impl Composed {
    /// Adds a route unless no request would reach it.
    fn push(&mut self, route: ComposedRoute) {
        if !self
            .routes
            .iter()
            .any(|earlier| cover::covers(earlier, &route))
        {
            self.routes.push(route);
        }
    }
}

/// Joins one route of the service with the gateway route.
fn pair(
    route: &GatewayRoute,
    path: &GatewayPath<'_>,
    target: &Route,
) -> Result<Vec<ComposedRoute>, PairError> {
    let mut routes = Vec::new();
    for part in path.join(&target.matches.path)? {
        let rewritten = Rewritten {
            host: route.host_rewrite.as_deref(),
            path: part.rewrite != Rewrite::Keep,
            headers: &route.request_headers,
        };
        // The other parts have the same conditions.
        let Some(rest) = conditions::join(&route.matches, &target.matches, rewritten)? else {
            return Ok(Vec::new());
        };
        let PathPart {
            path,
            headers: path_headers,
            rewrite,
        } = part;
        routes.push(ComposedRoute {
            name: format!("{}/{}", route.name, target.name).into(),
            origins: vec![route.object.clone(), target.origin.clone()],
            rest,
            path,
            path_headers,
            rewrite,
            host_rewrite: route.host_rewrite.clone(),
            request_headers: HeaderSteps::new(
                &route.request_headers,
                &target.extras.request_headers,
            ),
            response_headers: HeaderSteps::new(
                &target.extras.response_headers,
                &route.response_headers,
            ),
            action: Action::Forward(target.clone()),
        });
    }
    Ok(routes)
}

/// Why a pair of routes has no exact joint form.
#[derive(Debug)]
enum PairError {
    Path(PathError),
    Condition(ConditionError),
}

impl From<PathError> for PairError {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}

impl From<ConditionError> for PairError {
    fn from(error: ConditionError) -> Self {
        Self::Condition(error)
    }
}

impl fmt::Display for PairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(error) => error.fmt(f),
            Self::Condition(error) => error.fmt(f),
        }
    }
}

impl PairError {
    fn finding(&self, route: &GatewayRoute, service: &HostRoutes, target: &Route) -> Finding {
        let help = match self {
            Self::Path(error) => error.help(),
            Self::Condition(ConditionError::Header(_, error)) => error.help(),
            Self::Condition(ConditionError::RewrittenPath) => {
                "put the condition into the route's own path, or switch the gateway route's rewrite off"
            }
            Self::Condition(ConditionError::ChangedHeader(_)) => {
                "have the gateway route set the header to a plain value or remove it, or leave it alone"
            }
        };
        Finding::new(
            Severity::Error,
            codes::ROUTE_NOT_COMPOSABLE,
            &route.object,
            "",
            format!(
                "requests do not reach route {} of {} behind {}: {self}",
                target.name, target.origin, service.object
            ),
        )
        .help(help)
    }
}

#[cfg(test)]
mod tests;
