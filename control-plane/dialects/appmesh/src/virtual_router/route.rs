//! A VirtualRouter's routes.

use tulle_crds::appmesh::{self, GrpcRoute, HttpRoute, TcpRoute};
use tulle_model::extras::RouteExtras;
use tulle_model::fragment::Route;
use tulle_model::id::shared;
use tulle_model::matching::HttpMatch;
use tulle_model::policy::Protocol;

use super::action::targets;
use crate::duration::{http_timeouts, tcp_timeouts};
use crate::field::Field;
use crate::matching::{self, EmptyBlock};
use crate::ports;
use crate::report::{LeftOut, Report, code};
use crate::retry::{grpc_retry, http_retry};

/// The highest number a priority can have.
const LAST_PRIORITY: i64 = 1000;

pub(super) fn route(
    report: &mut Report,
    field: &Field,
    given: &appmesh::Route,
) -> Result<Route, LeftOut> {
    if given.name.is_empty() {
        return Err(report.error(
            code::MISSING,
            &field.key("name"),
            "the route has no name",
            "give it a name that is unique in the router",
        ));
    }
    let route = Head {
        given,
        field,
        priority: priority(report, &field.key("priority"), given.priority),
    };
    match (&given.http_route, &given.http2_route, &given.grpc_route, &given.tcp_route) {
        (Some(http), None, None, None) => http_route(report, &route, "httpRoute", Protocol::Http, http),
        (None, Some(http), None, None) => http_route(report, &route, "http2Route", Protocol::Http2, http),
        (None, None, Some(grpc), None) => grpc_route(report, &route, grpc),
        (None, None, None, Some(tcp)) => tcp_route(report, &route, tcp),
        (None, None, None, None) => Err(report.error(
            code::MISSING,
            field,
            "the route has no type",
            "set one of httpRoute, http2Route, grpcRoute and tcpRoute",
        )),
        _ => Err(report.error(
            code::CONFLICT,
            field,
            "the route has several types",
            "keep one of httpRoute, http2Route, grpcRoute and tcpRoute; make another route of each other",
        )),
    }
}

/// What routes of every type have.
struct Head<'a> {
    given: &'a appmesh::Route,
    field: &'a Field,
    priority: Option<u16>,
}

fn priority(report: &mut Report, field: &Field, given: Option<i64>) -> Option<u16> {
    let given = given?;
    let number = u16::try_from(given)
        .ok()
        .filter(|number| i64::from(*number) <= LAST_PRIORITY);
    if number.is_none() {
        report.error(
            code::INVALID,
            field,
            format!("{given} is no priority; the route comes last"),
            format!("give a number from 0, which is first, to {LAST_PRIORITY}"),
        );
    }
    number
}

fn http_route(
    report: &mut Report,
    head: &Head<'_>,
    key: &str,
    protocol: Protocol,
    given: &HttpRoute,
) -> Result<Route, LeftOut> {
    let field = head.field.key(key);
    let match_field = field.key("match");
    let wanted = &given.match_;
    // Everything is read before the first error ends it, so that all findings come at once.
    let port = ports::optional_port(report, &match_field.key("port"), wanted.port);
    let path = matching::path_match(
        report,
        &match_field,
        wanted.prefix.as_deref(),
        wanted.path.as_ref(),
    )
    .and_then(|path| {
        path.ok_or_else(|| {
            report.error(
                code::MISSING,
                &match_field,
                "Either Prefix or Path must be specified",
                "set prefix to '/' to match every path",
            )
        })
    });
    let method = matching::method(report, &match_field.key("method"), wanted.method);
    let headers = matching::headers(
        report,
        &match_field.key("headers"),
        &wanted.headers,
        EmptyBlock::Presence,
    );
    let query = matching::queries(
        report,
        &match_field.key("queryParameters"),
        &wanted.query_parameters,
        EmptyBlock::Presence,
    );
    let targets = targets(report, &field.key("action"), &given.action);
    let timeouts = http_timeouts(report, &field.key("timeout"), given.timeout.as_ref());
    let retry = http_retry(
        report,
        &field.key("retryPolicy"),
        given.retry_policy.as_ref(),
    );
    Ok(Route {
        name: shared(&head.given.name),
        field: shared(head.field.as_str()),
        protocol,
        priority: head.priority,
        port: port?,
        matches: HttpMatch {
            path: path?,
            method,
            scheme: wanted.scheme.map(|scheme| scheme.as_str().into()),
            headers: headers?,
            query: query?,
            grpc: false,
        },
        targets: targets?,
        timeouts,
        retry,
        extras: RouteExtras::default(),
    })
}

fn grpc_route(report: &mut Report, head: &Head<'_>, given: &GrpcRoute) -> Result<Route, LeftOut> {
    let field = head.field.key("grpcRoute");
    let match_field = field.key("match");
    let wanted = &given.match_;
    let port = ports::optional_port(report, &match_field.key("port"), wanted.port);
    let path = matching::grpc_path(
        report,
        &match_field,
        wanted.service_name.as_deref(),
        wanted.method_name.as_deref(),
    );
    let headers = matching::headers(
        report,
        &match_field.key("metadata"),
        &wanted.metadata,
        EmptyBlock::Presence,
    );
    let targets = targets(report, &field.key("action"), &given.action);
    let timeouts = http_timeouts(report, &field.key("timeout"), given.timeout.as_ref());
    let retry = grpc_retry(
        report,
        &field.key("retryPolicy"),
        given.retry_policy.as_ref(),
    );
    Ok(Route {
        name: shared(&head.given.name),
        field: shared(head.field.as_str()),
        protocol: Protocol::Grpc,
        priority: head.priority,
        port: port?,
        matches: HttpMatch {
            path: path?,
            headers: headers?,
            grpc: true,
            ..HttpMatch::default()
        },
        targets: targets?,
        timeouts,
        retry,
        extras: RouteExtras::default(),
    })
}

fn tcp_route(report: &mut Report, head: &Head<'_>, given: &TcpRoute) -> Result<Route, LeftOut> {
    let field = head.field.key("tcpRoute");
    let port = ports::optional_port(
        report,
        &field.key("match").key("port"),
        given.match_.as_ref().and_then(|wanted| wanted.port),
    );
    let targets = targets(report, &field.key("action"), &given.action);
    let timeouts = tcp_timeouts(report, &field.key("timeout"), given.timeout.as_ref());
    Ok(Route {
        name: shared(&head.given.name),
        field: shared(head.field.as_str()),
        protocol: Protocol::Tcp,
        priority: head.priority,
        port: port?,
        matches: HttpMatch::default(),
        targets: targets?,
        timeouts,
        retry: None,
        extras: RouteExtras::default(),
    })
}
