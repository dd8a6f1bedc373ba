//! GatewayRoute.

use tulle_crds::appmesh::{
    GatewayRouteSpec, GatewayRouteTarget, GrpcGatewayRoute, HostnameMatch, HttpGatewayRoute,
};
use tulle_crds::core::ObjectMeta;
use tulle_model::Name;
use tulle_model::fragment::{Fragment, GatewayRoute, Ref};
use tulle_model::id::shared;
use tulle_model::matching::{HostMatch, HttpMatch, PathMatch, PathRewrite};
use tulle_model::policy::Protocol;
use tulle_model::selector::Labels;

use crate::extras;
use crate::field::Field;
use crate::hosts;
use crate::matching::{self, EmptyBlock};
use crate::names::{self, Pointer};
use crate::ports;
use crate::report::{LeftOut, Report, code};

mod rewrite;

/// The priority of a route that names none, and the highest number there is.
const LAST_PRIORITY: u16 = 1000;

/// Beginnings of paths that App Mesh keeps for itself.
const RESERVED: [&str; 2] = ["/aws-appmesh", "/aws-app-mesh"];

/// `None` if the route is unusable: half a route would send requests where nobody wants them.
pub(crate) fn translate(
    report: &mut Report,
    metadata: &ObjectMeta,
    spec: &GatewayRouteSpec,
) -> Option<Fragment> {
    let field = Field::spec();
    let object = report.object().clone();
    let priority = priority(report, &field.key("priority"), spec.priority);
    let (request_headers, response_headers) = extras::of_gateway_route(report, metadata);
    let body = body(report, &field, spec).ok()?;
    let name = names::name(&object.namespace, &object.name);
    Some(Fragment::from(GatewayRoute {
        alias: names::alias(spec.aws_name.as_deref(), || names::underscored(&name)),
        mesh: names::mesh(spec.mesh_ref.as_ref()),
        gateway: gateway(spec, &name),
        labels: labels(metadata),
        priority,
        protocol: body.protocol,
        port: body.port,
        host: body.host,
        matches: body.matches,
        path_rewrite: body.path_rewrite,
        rewrite_host: body.rewrite_host,
        target: body.target,
        target_port: body.target_port,
        field: body.field.as_str().into(),
        request_headers,
        response_headers,
        name,
        object,
    }))
}

/// What a gateway's selector compares with.
fn labels(metadata: &ObjectMeta) -> Labels {
    let labels = metadata.labels.iter().flatten();
    let labels = labels.map(|(key, value)| (shared(key), shared(value)));
    labels.collect()
}

/// What the route's one type says.
struct Body {
    field: Field,
    protocol: Protocol,
    port: Option<u16>,
    host: HostMatch,
    matches: HttpMatch,
    path_rewrite: PathRewrite,
    rewrite_host: bool,
    target: Ref,
    target_port: Option<u16>,
}

fn body(report: &mut Report, field: &Field, spec: &GatewayRouteSpec) -> Result<Body, LeftOut> {
    match (&spec.http_route, &spec.http2_route, &spec.grpc_route) {
        (Some(http), None, None) => http_body(report, field.key("httpRoute"), Protocol::Http, http),
        (None, Some(http), None) => http_body(report, field.key("http2Route"), Protocol::Http2, http),
        (None, None, Some(grpc)) => grpc_body(report, field.key("grpcRoute"), grpc),
        (None, None, None) => Err(report.error(
            code::MISSING,
            field,
            "Missing GatewayRoute Type in GatewayRoute Spec",
            "set one of httpRoute, http2Route and grpcRoute",
        )),
        _ => Err(report.error(
            code::CONFLICT,
            field,
            "Found multiple types for GatewayRoute. Only 1 (GRPC/HTTP/HTTP2) allowed",
            "keep one of httpRoute, http2Route and grpcRoute; make another GatewayRoute of each other",
        )),
    }
}

fn priority(report: &mut Report, field: &Field, given: Option<i64>) -> u16 {
    let Some(given) = given else {
        return LAST_PRIORITY;
    };
    match u16::try_from(given) {
        Ok(number) if number <= LAST_PRIORITY => number,
        _ => {
            report.error(
                code::INVALID,
                field,
                format!("{given} is no priority; the route comes last"),
                format!("give a number from 0, which is first, to {LAST_PRIORITY}"),
            );
            LAST_PRIORITY
        }
    }
}

/// The gateway that `virtualGatewayRef` names. Its `uid` serves admission alone and is not looked at.
fn gateway(spec: &GatewayRouteSpec, route: &Name) -> Option<Name> {
    let given = spec.virtual_gateway_ref.as_ref()?;
    let namespace = names::namespace_of(given.namespace.as_deref(), &route.namespace);
    (!given.name.is_empty()).then(|| names::name(namespace, &given.name))
}

fn http_body(
    report: &mut Report,
    field: Field,
    protocol: Protocol,
    given: &HttpGatewayRoute,
) -> Result<Body, LeftOut> {
    let match_field = field.key("match");
    let wanted = &given.match_;
    // Everything is read before the first error ends it, so that all findings come at once.
    let port = ports::optional_port(report, &match_field.key("port"), wanted.port);
    let host = hostname(
        report,
        &match_field.key("hostname"),
        wanted.hostname.as_ref(),
    );
    let path = http_path(report, &match_field, given);
    let method = matching::method(report, &match_field.key("method"), wanted.method);
    let headers = matching::headers(
        report,
        &match_field.key("headers"),
        &wanted.headers,
        EmptyBlock::Refused,
    );
    // App Mesh's admission looked at query parameters only where there are no headers; what it
    // let pass keeps its meaning.
    let empty_query = if wanted.headers.is_empty() {
        EmptyBlock::Refused
    } else {
        EmptyBlock::Presence
    };
    let query = matching::queries(
        report,
        &match_field.key("queryParameters"),
        &wanted.query_parameters,
        empty_query,
    );
    let action = field.key("action");
    let rewrites = rewrite::http(
        report,
        &action.key("rewrite"),
        &given.match_,
        given.action.rewrite.as_ref(),
    );
    let target = target(report, &action.key("target"), &given.action.target);
    let (path_rewrite, rewrite_host) = rewrites?;
    let (target, target_port) = target?;
    Ok(Body {
        field,
        protocol,
        port: port?,
        host: host?,
        matches: HttpMatch {
            path: path?,
            method,
            scheme: None,
            headers: headers?,
            query: query?,
            grpc: false,
        },
        path_rewrite,
        rewrite_host,
        target,
        target_port,
    })
}

/// The condition on the path; a route by hostname alone takes every path.
fn http_path(
    report: &mut Report,
    field: &Field,
    given: &HttpGatewayRoute,
) -> Result<PathMatch, LeftOut> {
    let wanted = &given.match_;
    let path = matching::path_match(
        report,
        field,
        wanted.prefix.as_deref(),
        wanted.path.as_ref(),
    )?;
    match path {
        Some(path) => {
            check_reserved(report, field, &path)?;
            Ok(path)
        }
        None if wanted.hostname.is_some() => Ok(PathMatch::default()),
        None => Err(report.error(
            code::MISSING,
            field,
            "Either prefix or path or hostname must be specified",
            "set prefix to '/' to match every path",
        )),
    }
}

fn check_reserved(report: &mut Report, field: &Field, path: &PathMatch) -> Result<(), LeftOut> {
    let (field, text) = match path {
        PathMatch::Prefix(text) => (field.key("prefix"), text),
        PathMatch::Exact(text) => (field.key("path").key("exact"), text),
        PathMatch::Regex(_) => return Ok(()),
    };
    if !RESERVED.iter().any(|reserved| text.starts_with(reserved)) {
        return Ok(());
    }
    Err(report.error(
        code::RESERVED,
        &field,
        format!("{text} begins like a path that App Mesh keeps for itself"),
        format!(
            "choose a path that does not begin with {}",
            RESERVED.join(" or ")
        ),
    ))
}

fn hostname(
    report: &mut Report,
    field: &Field,
    given: Option<&HostnameMatch>,
) -> Result<HostMatch, LeftOut> {
    match given {
        None => Ok(HostMatch::Any),
        Some(given) => hosts::host_match(
            report,
            field,
            given.exact.as_deref(),
            given.suffix.as_deref(),
        ),
    }
}

fn grpc_body(report: &mut Report, field: Field, given: &GrpcGatewayRoute) -> Result<Body, LeftOut> {
    let match_field = field.key("match");
    let wanted = &given.match_;
    let port = ports::optional_port(report, &match_field.key("port"), wanted.port);
    let host = hostname(
        report,
        &match_field.key("hostname"),
        wanted.hostname.as_ref(),
    );
    let service = wanted
        .service_name
        .as_deref()
        .filter(|name| !name.is_empty());
    let path = if service.is_none() && wanted.hostname.is_none() {
        Err(report.error(
            code::MISSING,
            &match_field,
            "Either servicename or hostname must be specified",
            "set serviceName to the gRPC service, such as package.Service",
        ))
    } else {
        matching::grpc_path(report, &match_field, service, None)
    };
    let headers = matching::headers(
        report,
        &match_field.key("metadata"),
        &wanted.metadata,
        EmptyBlock::Presence,
    );
    let action = field.key("action");
    let rewrite_host = rewrite::host(
        given
            .action
            .rewrite
            .as_ref()
            .and_then(|rewrite| rewrite.hostname.as_ref()),
    );
    let (target, target_port) = target(report, &action.key("target"), &given.action.target)?;
    Ok(Body {
        field,
        protocol: Protocol::Grpc,
        port: port?,
        host: host?,
        matches: HttpMatch {
            path: path?,
            headers: headers?,
            grpc: true,
            ..HttpMatch::default()
        },
        path_rewrite: PathRewrite::Keep,
        rewrite_host,
        target,
        target_port,
    })
}

fn target(
    report: &mut Report,
    field: &Field,
    given: &GatewayRouteTarget,
) -> Result<(Ref, Option<u16>), LeftOut> {
    let pointer = Pointer {
        kind: "virtualService",
        arn: given.virtual_service.virtual_service_arn.as_deref(),
        reference: given.virtual_service.virtual_service_ref.as_ref(),
    };
    let target = names::reference(report, &field.key("virtualService"), pointer);
    let port = ports::optional_port(report, &field.key("port"), given.port);
    Ok((target?, port?))
}
