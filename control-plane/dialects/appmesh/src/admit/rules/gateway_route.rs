//! A GatewayRoute's rules.

use tulle_crds::appmesh::{
    GatewayRouteSpec, GrpcGatewayRoute, HeaderMatcher, HeaderValueMatch, HostnameMatch,
    HttpGatewayRoute, HttpGatewayRouteMatch, HttpGatewayRouteRewrite, PrefixRewrite,
    QueryParameterMatcher,
};

use super::check_path;
use crate::admit::denial::Fault;
use crate::field::Field;

/// Whether an empty `match` block of a header is refused: of HTTP headers it was, of gRPC metadata it was not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    Refused,
    Passed,
}

pub(super) fn check(spec: &GatewayRouteSpec, faults: &mut Vec<Fault>) {
    let field = Field::spec();
    match (&spec.http_route, &spec.http2_route, &spec.grpc_route) {
        (Some(http), None, None) => check_http(&field.key("httpRoute"), http, faults),
        (None, Some(http), None) => check_http(&field.key("http2Route"), http, faults),
        (None, None, Some(grpc)) => check_grpc(&field.key("grpcRoute"), grpc, faults),
        (None, None, None) => faults.push(Fault::new(
            field,
            "Missing GatewayRoute Type in GatewayRoute Spec",
            "set one of httpRoute, http2Route and grpcRoute",
        )),
        _ => faults.push(Fault::new(
            field,
            "Found multiple types for GatewayRoute. Only 1 (GRPC/HTTP/HTTP2) allowed",
            "keep one of httpRoute, http2Route and grpcRoute; make another GatewayRoute of each other",
        )),
    }
}

fn check_http(field: &Field, route: &HttpGatewayRoute, faults: &mut Vec<Fault>) {
    let wanted = &route.match_;
    let match_field = field.key("match");
    match (&wanted.prefix, &wanted.path) {
        (None, None) if wanted.hostname.is_none() => faults.push(Fault::new(
            &match_field,
            "Either prefix or path or hostname must be specified",
            "set prefix to '/' to match every path",
        )),
        (Some(_), Some(_)) => faults.push(Fault::new(
            &match_field,
            "Both prefix and path cannot be specified. Only 1 allowed",
            "remove prefix or path",
        )),
        (None, Some(path)) => check_path(&match_field.key("path"), path, faults),
        _ => {}
    }
    if let Some(hostname) = &wanted.hostname {
        check_hostname(&match_field.key("hostname"), hostname, faults);
    }
    // Query parameters were looked at only where there are no headers.
    if wanted.headers.is_empty() {
        check_query(
            &match_field.key("queryParameters"),
            &wanted.query_parameters,
            faults,
        );
    } else {
        check_headers(
            &match_field.key("headers"),
            &wanted.headers,
            Empty::Refused,
            faults,
        );
    }
    if let Some(rewrite) = &route.action.rewrite {
        check_rewrite(&field.key("action").key("rewrite"), rewrite, wanted, faults);
    }
}

/// Where a service is named, the host was not looked at.
fn check_grpc(field: &Field, route: &GrpcGatewayRoute, faults: &mut Vec<Fault>) {
    let field = field.key("match");
    let wanted = &route.match_;
    match (&wanted.service_name, &wanted.hostname) {
        (None, None) => faults.push(Fault::new(
            &field,
            "Either servicename or hostname must be specified",
            "set serviceName to the gRPC service, such as package.Service",
        )),
        (None, Some(hostname)) => check_hostname(&field.key("hostname"), hostname, faults),
        (Some(_), _) => {}
    }
    check_headers(
        &field.key("metadata"),
        &wanted.metadata,
        Empty::Passed,
        faults,
    );
}

fn check_hostname(field: &Field, hostname: &HostnameMatch, faults: &mut Vec<Fault>) {
    match (&hostname.exact, &hostname.suffix) {
        (None, None) => faults.push(Fault::new(
            field,
            "Either exact or suffix match for hostname must be specified",
            "set exact or suffix",
        )),
        (Some(_), Some(_)) => faults.push(Fault::new(
            field,
            "Both exact and suffix match for hostname are not allowed. Only one must be specified",
            "remove exact or suffix",
        )),
        _ => {}
    }
}

/// A range, be it good, ended the look at the list: what follows it passed.
fn check_headers(field: &Field, headers: &[HeaderMatcher], empty: Empty, faults: &mut Vec<Fault>) {
    for (index, header) in headers.iter().enumerate() {
        let Some(value) = &header.match_ else {
            continue;
        };
        let field = field.index(index).key("match");
        match criteria(value) {
            0 if empty == Empty::Refused => faults.push(Fault::new(
                &field,
                "Missing Match criteria for one or more header match block, don't specify match block if you don't need it",
                "fill the block in; to ask only whether the header is there, leave it out",
            )),
            0 | 1 => {}
            _ => faults.push(Fault::new(
                &field,
                format!(
                    "Too many Match Filters specified, only 1 allowed per header. Header: {}",
                    header.name
                ),
                "keep one of exact, prefix, suffix, regex and range; repeat the header for more conditions",
            )),
        }
        if let Some(range) = &value.range {
            if range.start >= range.end {
                faults.push(Fault::new(
                    field.key("range"),
                    "Invalid Match Range specified, end has to be greater than start",
                    "the range holds start and ends before end",
                ));
            }
            return;
        }
    }
}

fn criteria(value: &HeaderValueMatch) -> usize {
    let HeaderValueMatch {
        exact,
        prefix,
        range,
        regex,
        suffix,
    } = value;
    usize::from(range.is_some())
        + [exact, prefix, regex, suffix]
            .into_iter()
            .filter(|text| text.is_some())
            .count()
}

fn check_query(field: &Field, parameters: &[QueryParameterMatcher], faults: &mut Vec<Fault>) {
    for (index, parameter) in parameters.iter().enumerate() {
        let empty = |value: &tulle_crds::appmesh::QueryParameterMatch| value.exact.is_none();
        if parameter.match_.as_ref().is_some_and(empty) {
            faults.push(Fault::new(
                field.index(index).key("match"),
                "Missing Match criteria for one or more exact query match block, don't specify match block if you don't need it",
                "set exact; to ask only whether the parameter is there, leave the block out",
            ));
        }
    }
}

fn check_rewrite(
    field: &Field,
    rewrite: &HttpGatewayRouteRewrite,
    wanted: &HttpGatewayRouteMatch,
    faults: &mut Vec<Fault>,
) {
    match (&rewrite.prefix, &rewrite.path) {
        (None, None) if rewrite.hostname.is_none() => faults.push(Fault::new(
            field,
            "Either prefix, path or hostname for rewrite must be specified",
            "remove the block for the default rewrites",
        )),
        (Some(_), Some(_)) => faults.push(Fault::new(
            field,
            "Both prefix and path for rewrites cannot be specified. Only 1 allowed",
            "use prefix with match.prefix, and path with match.path",
        )),
        (Some(prefix), None) => {
            if wanted
                .prefix
                .as_ref()
                .is_some_and(|prefix| !prefix.starts_with('/'))
            {
                faults.push(Fault::new(
                    field.key("prefix"),
                    "Prefix to be matched on must start with '/'",
                    "begin match.prefix with '/'",
                ));
            }
            check_prefix(&field.key("prefix"), prefix, faults);
        }
        _ => {}
    }
}

fn check_prefix(field: &Field, prefix: &PrefixRewrite, faults: &mut Vec<Fault>) {
    if prefix.default_prefix.is_some() && prefix.value.is_some() {
        faults.push(Fault::new(
            field,
            "Cannot specify both defaultPrefix and prefix for rewrite, only 1 allowed",
            "remove defaultPrefix or value",
        ));
    } else if let Some(value) = &prefix.value
        && !(value.starts_with('/') && value.ends_with('/'))
    {
        faults.push(Fault::new(
            field.key("value"),
            "New Rewrite Prefix must start and end with '/'",
            format!("write /{}/", value.trim_matches('/')),
        ));
    }
}
