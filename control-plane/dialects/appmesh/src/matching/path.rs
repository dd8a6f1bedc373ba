//! Conditions on the path.

use tulle_crds::appmesh::HttpPathMatch;
use tulle_model::matching::PathMatch;

use super::check_regex;
use crate::field::Field;
use crate::report::{LeftOut, Report, code};

/// The condition on the path that `prefix` and `path` make; `None` if neither is set.
pub(crate) fn path_match(
    report: &mut Report,
    field: &Field,
    prefix: Option<&str>,
    path: Option<&HttpPathMatch>,
) -> Result<Option<PathMatch>, LeftOut> {
    match (prefix, path) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(report.error(
            code::CONFLICT,
            field,
            "Both Prefix and Path cannot be specified, only 1 allowed",
            "remove prefix or path",
        )),
        (Some(prefix), None) => {
            let field = field.key("prefix");
            check_path(
                report,
                &field,
                prefix,
                "Prefix to be matched on must start with '/'",
            )?;
            Ok(Some(PathMatch::Prefix(prefix.into())))
        }
        (None, Some(path)) => whole_path(report, &field.key("path"), path).map(Some),
    }
}

fn whole_path(
    report: &mut Report,
    field: &Field,
    path: &HttpPathMatch,
) -> Result<PathMatch, LeftOut> {
    match (&path.exact, &path.regex) {
        (Some(exact), None) => {
            let field = field.key("exact");
            check_path(
                report,
                &field,
                exact,
                "a path begins with '/', so this one is never met",
            )?;
            Ok(PathMatch::Exact(exact.as_str().into()))
        }
        (None, Some(regex)) => {
            check_regex(report, &field.key("regex"), regex)?;
            Ok(PathMatch::Regex(regex.as_str().into()))
        }
        (None, None) => Err(report.error(
            code::MISSING,
            field,
            "Either exact or regex for path must be specified",
            "set exact or regex",
        )),
        (Some(_), Some(_)) => Err(report.error(
            code::CONFLICT,
            field,
            "Both exact and regex for path are not allowed. Only one must be specified",
            "remove exact or regex",
        )),
    }
}

/// A path or its beginning: it starts with `/` and holds nothing that a path never has.
fn check_path(
    report: &mut Report,
    field: &Field,
    path: &str,
    no_slash: &str,
) -> Result<(), LeftOut> {
    if !path.starts_with('/') {
        return Err(report.error(code::INVALID, field, no_slash, "begin it with '/'"));
    }
    if path.contains(is_outside_paths) {
        return Err(report.error(
            code::NEVER_MATCHES,
            field,
            "a path is compared without its query string and holds no blank or control character, so this one is never met",
            "leave `?`, `#` and what follows out; use queryParameters for the query string",
        ));
    }
    Ok(())
}

/// Characters that the path of a request cannot hold.
pub(crate) fn is_outside_paths(character: char) -> bool {
    matches!(character, '?' | '#' | ' ') || character.is_control()
}

/// The path of gRPC calls: `/<service>/<method>`, or what is said of it. An empty name counts as
/// none.
pub(crate) fn grpc_path(
    report: &mut Report,
    field: &Field,
    service: Option<&str>,
    method: Option<&str>,
) -> Result<PathMatch, LeftOut> {
    let service = service.filter(|name| !name.is_empty());
    let method = method.filter(|name| !name.is_empty());
    for (key, name) in [("serviceName", service), ("methodName", method)] {
        if name.is_some_and(|name| name.contains(|c| c == '/' || is_outside_paths(c))) {
            return Err(report.error(
                code::INVALID,
                &field.key(key),
                "the name holds a character that no gRPC name has, such as '/' or a blank",
                "give the service as package.Service and the method by its bare name",
            ));
        }
    }
    match (service, method) {
        (None, None) => Ok(PathMatch::default()),
        (Some(service), None) => Ok(PathMatch::Prefix(format!("/{service}/").into())),
        (Some(service), Some(method)) => {
            Ok(PathMatch::Exact(format!("/{service}/{method}").into()))
        }
        (None, Some(_)) => Err(report.error(
            code::MISSING,
            &field.key("serviceName"),
            "methodName is set without serviceName",
            "name the service too, or remove methodName",
        )),
    }
}
