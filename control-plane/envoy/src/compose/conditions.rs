//! The conditions of two passes, other than on the path, as those of one.

use std::fmt;

use tulle_model::Str;
use tulle_model::extras::HeaderEdits;
use tulle_model::matching::{HeaderMatch, HttpMatch, QueryMatch, ValueMatch};

use super::headers::literal;
use super::path::PathError;
use super::re2;

/// What tells gRPC from other requests.
const CONTENT_TYPE: &str = "content-type";

/// The rewritten request as far as the service's conditions on headers can see the difference.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rewritten<'a> {
    /// The new host; `None`: it stays.
    pub(super) host: Option<&'a str>,
    /// The path changes.
    pub(super) path: bool,
    /// What is done to the other headers.
    pub(super) headers: &'a HeaderEdits,
}

/// Why two lists of conditions have no exact joint form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConditionError {
    /// `:path` means the new path, and Envoy's matcher sees the old one.
    RewrittenPath,
    /// The gateway route makes of this header what only Envoy can tell.
    ChangedHeader(Str),
    /// The condition on this header cannot be evaluated.
    Header(Str, PathError),
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RewrittenPath => {
                f.write_str("a condition on the header :path would have to see the rewritten path")
            }
            Self::ChangedHeader(name) => write!(
                f,
                "a condition on the header {name} would have to see what the gateway route makes of it"
            ),
            Self::Header(name, error) => write!(f, "a condition on the header {name}: {error}"),
        }
    }
}

/// All conditions of both; `None` if no request can fit them.
///
/// # Errors
/// One of the service's conditions sees the rewritten request in a way that cannot be foretold.
pub(super) fn join(
    gateway: &HttpMatch,
    service: &HttpMatch,
    rewritten: Rewritten<'_>,
) -> Result<Option<HttpMatch>, ConditionError> {
    let (Some(method), Some(scheme)) = (
        same(&gateway.method, &service.method),
        same(&gateway.scheme, &service.scheme),
    ) else {
        return Ok(None);
    };
    let mut headers = gateway.headers.clone();
    for header in &service.headers {
        match (&*header.name, rewritten.host) {
            ("host" | ":authority", Some(host)) => {
                if !holds(header, host)? {
                    return Ok(None);
                }
            }
            (":path", _) if rewritten.path => return Err(ConditionError::RewrittenPath),
            (name, _) if changes(rewritten.headers, name) => {
                if !holds_of_changed(header, rewritten.headers)? {
                    return Ok(None);
                }
            }
            _ if headers.contains(header) => {}
            _ => headers.push(header.clone()),
        }
    }
    if service.grpc && changes(rewritten.headers, CONTENT_TYPE) {
        return Err(ConditionError::ChangedHeader(CONTENT_TYPE.into()));
    }
    let mut query = gateway.query.clone();
    for parameter in &service.query {
        if !query.contains(parameter) {
            query.push(parameter.clone());
        }
    }
    if headers_exclude_each_other(&headers) || parameters_exclude_each_other(&query) {
        return Ok(None);
    }
    Ok(Some(HttpMatch {
        path: gateway.path.clone(),
        method: method.clone(),
        scheme: scheme.clone(),
        headers,
        query,
        grpc: gateway.grpc || service.grpc,
    }))
}

/// Whether something is done to a header.
fn changes(edits: &HeaderEdits, name: &str) -> bool {
    let mut values = edits.set.iter().chain(&edits.add);
    values.any(|(own, _)| &**own == name) || edits.remove.iter().any(|own| &**own == name)
}

/// Whether a condition holds of what becomes of a header to which something is done.
fn holds_of_changed(header: &HeaderMatch, edits: &HeaderEdits) -> Result<bool, ConditionError> {
    let unknown = || ConditionError::ChangedHeader(header.name.clone());
    if edits.remove.contains(&header.name) {
        // As in Envoy, no condition on a value holds where there is none.
        return Ok(header.value.is_none() && header.invert);
    }
    let set = edits.set.iter().find(|(own, _)| *own == header.name);
    let add = edits.add.iter().find(|(own, _)| *own == header.name);
    let (_, value) = set.or(add).ok_or_else(unknown)?;
    let value = literal(value).ok_or_else(unknown)?;
    match (set, &header.value) {
        (Some(_), _) | (None, None) => holds(header, &value),
        // It comes behind values that nobody knows.
        (None, Some(_)) => Err(unknown()),
    }
}

/// What both ask for; `None` if they differ.
fn same<'a, T: PartialEq>(a: &'a Option<T>, b: &'a Option<T>) -> Option<&'a Option<T>> {
    match (a, b) {
        (Some(x), Some(y)) if x != y => None,
        (Some(_), _) => Some(a),
        (None, _) => Some(b),
    }
}

/// Whether a condition holds of a header that is present with this value.
fn holds(header: &HeaderMatch, value: &str) -> Result<bool, ConditionError> {
    let plain = match &header.value {
        None => true,
        Some(ValueMatch::Exact(wanted)) => value == &**wanted,
        Some(ValueMatch::Prefix(wanted)) => value.starts_with(&**wanted),
        Some(ValueMatch::Suffix(wanted)) => value.ends_with(&**wanted),
        Some(ValueMatch::Regex(regex)) => re2::fits(regex, value).map_err(|error| {
            ConditionError::Header(header.name.clone(), PathError::read(regex, error))
        })?,
        Some(ValueMatch::Range { start, end }) => value
            .parse::<i64>()
            .is_ok_and(|value| (*start..*end).contains(&value)),
    };
    Ok(plain != header.invert)
}

/// Whether a header would need two values at once.
fn headers_exclude_each_other(headers: &[HeaderMatch]) -> bool {
    headers.iter().any(|header| match &header.value {
        Some(ValueMatch::Exact(value)) if !header.invert => headers
            .iter()
            .filter(|other| other.name == header.name)
            .any(|other| matches!(holds(other, value), Ok(false))),
        _ => false,
    })
}

fn parameters_exclude_each_other(parameters: &[QueryMatch]) -> bool {
    parameters.iter().any(|a| {
        parameters.iter().any(|b| {
            a.name == b.name && a.exact.is_some() && b.exact.is_some() && a.exact != b.exact
        })
    })
}

/// Whether every request that fits `narrow` fits `wide`, paths left aside; may say no where a yes is
/// hard to see.
pub(super) fn implies(narrow: &HttpMatch, wide: &HttpMatch) -> bool {
    (wide.method.is_none() || wide.method == narrow.method)
        && (wide.scheme.is_none() || wide.scheme == narrow.scheme)
        && (!wide.grpc || narrow.grpc)
        && wide
            .headers
            .iter()
            .all(|header| narrow.headers.contains(header))
        && wide
            .query
            .iter()
            .all(|parameter| narrow.query.contains(parameter))
}
