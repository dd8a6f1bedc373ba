//! What Envoy takes of the things that users write freely.
//!
//! One value that Envoy refuses refuses the whole resource it stands in, and with it every other user's
//! routes there. So a route that holds one is left out before it is sent, and told as a finding.

use crate::compose::{ComposedRoute, PathCondition, PathHeader, Rewrite};
use tulle_model::linked::{GatewayRoute, Route};
use tulle_model::matching::{HostMatch, HttpMatch, PathMatch, PathRewrite, ValueMatch};
use tulle_model::{Finding, ObjectId, Severity, codes, re2};
use tulle_proto::RE2_PROGRAM_SIZE;

mod extras;

/// Longest name of a query parameter, in bytes.
const LONGEST_QUERY_NAME: usize = 1024;

/// Why Envoy would refuse something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What is refused, such as `path regex "a("`.
    pub(crate) what: String,
    /// Why.
    pub(crate) why: String,
    /// The way out; empty where the reason says it.
    pub(crate) help: &'static str,
}

impl Refusal {
    fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
            help: "",
        }
    }

    /// The finding on the object whose `part`, a route or a host, is left out.
    pub(crate) fn finding(&self, object: &ObjectId, part: &str) -> Finding {
        let Self { what, why, help } = self;
        let message = format!("{part} is left out: Envoy refuses its {what}: {why}");
        Finding::new(
            Severity::Error,
            codes::REFUSED_BY_ENVOY,
            object,
            "",
            message,
        )
        .help(help)
    }
}

/// A service's route.
pub(crate) fn route(route: &Route) -> Result<(), Refusal> {
    http_match(&route.matches)?;
    extras::of_route(&route.extras)
}

/// A gateway's route, without the routes behind it.
pub(crate) fn gateway_route(route: &GatewayRoute) -> Result<(), Refusal> {
    http_match(&route.matches)?;
    extras::header_edits(&route.request_headers)?;
    extras::header_edits(&route.response_headers)?;
    match &route.host {
        HostMatch::Any => {}
        HostMatch::Exact(name) => host(name)?,
        HostMatch::Suffix(suffix) => text("host", suffix)?,
    }
    match &route.path_rewrite {
        PathRewrite::Keep => {}
        PathRewrite::Prefix(path) | PathRewrite::Exact(path) => text("path rewrite", path)?,
    }
    route
        .host_rewrite
        .as_deref()
        .map_or(Ok(()), |name| text("host rewrite", name))
}

/// A route composed of a gateway's and a service's, both accepted: what composing made of them.
pub(crate) fn composed(route: &ComposedRoute) -> Result<(), Refusal> {
    if let PathCondition::Regex(pattern) = &route.path {
        regex("path regex", pattern)?;
    }
    for header in &route.path_headers {
        if let PathHeader::Regex(pattern) = header {
            regex("path regex", pattern)?;
        }
    }
    match &route.rewrite {
        Rewrite::Regex { pattern, .. } => regex("path rewrite", pattern),
        Rewrite::Keep | Rewrite::Prefix(_) => Ok(()),
    }
}

/// A host that is to be a virtual host's name and domain.
pub(crate) fn host(host: &str) -> Result<(), Refusal> {
    if host.is_empty() {
        return Err(Refusal::new("host", "it is empty"));
    }
    if host.contains('*') {
        let why = "`*` stands for any text there, and a service has one name";
        return Err(Refusal::new(format!("host {host:?}"), why));
    }
    text("host", host)
}

fn http_match(matches: &HttpMatch) -> Result<(), Refusal> {
    if let PathMatch::Regex(pattern) = &matches.path {
        regex("path regex", pattern)?;
    }
    for header in &matches.headers {
        if header.name.is_empty() {
            return Err(Refusal::new("header", "its name is empty"));
        }
        text("header name", &header.name)?;
        match &header.value {
            Some(ValueMatch::Regex(pattern)) => {
                regex(&format!("regex of header {}", header.name), pattern)?;
            }
            Some(ValueMatch::Prefix(value) | ValueMatch::Suffix(value)) if value.is_empty() => {
                let what = format!("prefix or suffix of header {}", header.name);
                return Err(Refusal::new(what, "it is empty"));
            }
            _ => {}
        }
    }
    for query in &matches.query {
        if query.name.is_empty() {
            return Err(Refusal::new("query parameter", "its name is empty"));
        }
        if query.name.len() > LONGEST_QUERY_NAME {
            let why = format!("its name is longer than {LONGEST_QUERY_NAME} bytes");
            return Err(Refusal::new("query parameter", why));
        }
    }
    Ok(())
}

fn regex(what: &str, pattern: &str) -> Result<(), Refusal> {
    re2::check(pattern, RE2_PROGRAM_SIZE).map_err(|refusal| Refusal {
        what: format!("{what} {pattern:?}"),
        why: refusal.to_string(),
        help: refusal.help(),
    })
}

/// Envoy's rule for everything that becomes part of a header.
fn text(what: &str, value: &str) -> Result<(), Refusal> {
    if value.contains(['\0', '\r', '\n']) {
        let what = format!("{what} {value:?}");
        return Err(Refusal::new(what, "it holds a line break or a zero byte"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
