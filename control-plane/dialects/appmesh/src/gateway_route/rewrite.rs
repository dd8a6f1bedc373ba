//! What a gateway route does to the path and the host before the service's routes see them.

use tulle_crds::appmesh::{
    self, DefaultRewrite, HostnameRewrite, HttpGatewayRouteMatch, HttpGatewayRouteRewrite,
    PrefixRewrite,
};
use tulle_model::matching::PathRewrite;

use crate::field::Field;
use crate::matching::is_outside_paths;
use crate::report::{LeftOut, Report, code};

/// Whether the host becomes the target service's name; it does unless that is turned off.
pub(super) fn host(rewrite: Option<&HostnameRewrite>) -> bool {
    rewrite.and_then(|rewrite| rewrite.default_target_hostname) != Some(DefaultRewrite::Disabled)
}

/// The rewrites of an HTTP route: of the path, and whether that of the host is done.
///
/// Without a word from the user a matched prefix becomes `/`, and a path matched as a whole stays.
pub(super) fn http(
    report: &mut Report,
    field: &Field,
    wanted: &HttpGatewayRouteMatch,
    rewrite: Option<&HttpGatewayRouteRewrite>,
) -> Result<(PathRewrite, bool), LeftOut> {
    let default = if wanted.path.is_some() {
        PathRewrite::Keep
    } else {
        PathRewrite::Prefix("/".into())
    };
    let Some(rewrite) = rewrite else {
        return Ok((default, true));
    };
    let rewrite_host = host(rewrite.hostname.as_ref());
    let path = match (&rewrite.prefix, &rewrite.path) {
        (None, None) => {
            if rewrite.hostname.is_none() {
                report.error(
                    code::MISSING,
                    field,
                    "Either prefix, path or hostname for rewrite must be specified",
                    "the default rewrites are done; remove the block if they are meant",
                );
            }
            default
        }
        (Some(_), Some(_)) => {
            return Err(report.error(
                code::CONFLICT,
                field,
                "Both prefix and path for rewrites cannot be specified. Only 1 allowed",
                "use prefix with match.prefix, and path with match.path",
            ));
        }
        (Some(given), None) => prefix(report, &field.key("prefix"), wanted, given, default)?,
        (None, Some(given)) => path(report, &field.key("path"), wanted, given)?,
    };
    Ok((path, rewrite_host))
}

fn prefix(
    report: &mut Report,
    field: &Field,
    wanted: &HttpGatewayRouteMatch,
    given: &PrefixRewrite,
    default: PathRewrite,
) -> Result<PathRewrite, LeftOut> {
    let by_path = wanted.path.is_some();
    match (given.default_prefix, &given.value) {
        (Some(_), Some(_)) => Err(report.error(
            code::CONFLICT,
            field,
            "Cannot specify both defaultPrefix and prefix for rewrite, only 1 allowed",
            "remove defaultPrefix or value",
        )),
        (None, Some(_)) if by_path => Err(report.error(
            code::CONFLICT,
            &field.key("value"),
            "the route matches the whole path, so there is no prefix to rewrite",
            "use rewrite.path.exact, or match by prefix",
        )),
        (None, Some(value)) => value_rewrite(report, &field.key("value"), wanted, value),
        (Some(_), None) if by_path => {
            report.warning(
                code::NO_EFFECT,
                &field.key("defaultPrefix"),
                "the route matches the whole path, which is not rewritten by default",
                "remove the field",
            );
            Ok(default)
        }
        (Some(DefaultRewrite::Disabled), None) => Ok(PathRewrite::Keep),
        (Some(DefaultRewrite::Enabled) | None, None) => Ok(default),
    }
}

fn value_rewrite(
    report: &mut Report,
    field: &Field,
    wanted: &HttpGatewayRouteMatch,
    value: &str,
) -> Result<PathRewrite, LeftOut> {
    if !value.starts_with('/') || !value.ends_with('/') {
        return Err(report.error(
            code::INVALID,
            field,
            "New Rewrite Prefix must start and end with '/'",
            format!("write /{}/", value.trim_matches('/')),
        ));
    }
    check_characters(report, field, value)?;
    if wanted
        .prefix
        .as_deref()
        .is_some_and(|prefix| !prefix.ends_with('/'))
    {
        report.warning(
            code::AMBIGUOUS_PREFIX,
            field,
            "the matched prefix does not end with '/', so it can end inside a segment of the path",
            "end match.prefix with '/', as the new prefix does",
        );
    }
    Ok(PathRewrite::Prefix(value.into()))
}

fn path(
    report: &mut Report,
    field: &Field,
    wanted: &HttpGatewayRouteMatch,
    given: &appmesh::PathRewrite,
) -> Result<PathRewrite, LeftOut> {
    let field = field.key("exact");
    if wanted.path.is_none() {
        return Err(report.error(
            code::CONFLICT,
            &field,
            "the whole path can be rewritten only where match.path matches it",
            "use rewrite.prefix.value, or match.path",
        ));
    }
    let Some(exact) = given.exact.as_deref() else {
        return Err(report.error(
            code::MISSING,
            &field,
            "the new path is not given",
            "set exact, or remove rewrite.path to keep the path",
        ));
    };
    if !exact.starts_with('/') {
        return Err(report.error(
            code::INVALID,
            &field,
            "a path begins with '/'",
            format!("write /{exact}"),
        ));
    }
    check_characters(report, &field, exact)?;
    Ok(PathRewrite::Exact(exact.into()))
}

fn check_characters(report: &mut Report, field: &Field, path: &str) -> Result<(), LeftOut> {
    if !path.contains(is_outside_paths) {
        return Ok(());
    }
    Err(report.error(
        code::INVALID,
        field,
        "a path holds no query string, blank or control character",
        "leave `?`, `#` and what follows out; the query string of the request stays",
    ))
}
