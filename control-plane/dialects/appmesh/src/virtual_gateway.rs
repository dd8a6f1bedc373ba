//! VirtualGateway.

use std::collections::BTreeSet;

use tulle_crds::appmesh::{VirtualGatewayListener, VirtualGatewayProtocol, VirtualGatewaySpec};
use tulle_crds::core::ObjectMeta;
use tulle_model::fragment::{Fragment, Gateway, Listener};
use tulle_model::policy::{Protocol, Timeouts};

use crate::client_policy::{client_policy, is_silent};
use crate::field::Field;
use crate::logging::access_log;
use crate::names;
use crate::pool::pool;
use crate::ports;
use crate::rate_limit::rate_limits;
use crate::report::{LeftOut, Report, code};
use crate::selector::{selector, selector_or_everything};
use crate::server_tls::server_tls;

pub(crate) fn translate(
    report: &mut Report,
    metadata: &ObjectMeta,
    spec: &VirtualGatewaySpec,
) -> Option<Fragment> {
    let field = Field::spec();
    let object = report.object().clone();
    let name = names::name(&object.namespace, &object.name);
    let access_log = access_log(report, &field, spec.logging.as_ref());
    let default_policy = client_policy(
        report,
        &field.key("backendDefaults").key("clientPolicy"),
        spec.backend_defaults
            .as_ref()
            .and_then(|defaults| defaults.client_policy.as_ref()),
    )
    .filter(|policy| !is_silent(policy));
    let mut listeners = listeners(report, &field.key("listeners"), spec);
    rate_limits(report, metadata, &mut listeners);
    Some(Fragment::from(Gateway {
        alias: names::alias(spec.aws_name.as_deref(), || names::underscored(&name)),
        name,
        mesh: names::mesh(spec.mesh_ref.as_ref()),
        listeners,
        namespaces: selector(
            report,
            &field.key("namespaceSelector"),
            spec.namespace_selector.as_ref(),
        ),
        routes: selector_or_everything(
            report,
            &field.key("gatewayRouteSelector"),
            spec.gateway_route_selector.as_ref(),
        ),
        default_policy,
        pods: selector(
            report,
            &field.key("podSelector"),
            spec.pod_selector.as_ref(),
        ),
        access_log,
        object,
    }))
}

fn listeners(report: &mut Report, field: &Field, spec: &VirtualGatewaySpec) -> Vec<Listener> {
    let mut seen = BTreeSet::new();
    spec.listeners
        .iter()
        .enumerate()
        .filter_map(|(index, given)| listener(report, &field.index(index), given, &mut seen).ok())
        .collect()
}

fn listener(
    report: &mut Report,
    field: &Field,
    given: &VirtualGatewayListener,
    seen: &mut BTreeSet<u16>,
) -> Result<Listener, LeftOut> {
    let protocol = protocol(given.port_mapping.protocol);
    let pool = given.connection_pool.as_ref().and_then(|given| {
        let field = field.key("connectionPool");
        pool(report, &field, given.into(), protocol, "Virtual Gateway")
    });
    if pool.is_some() {
        report.info(
            code::POOL_PER_DESTINATION,
            &field.key("connectionPool"),
            "the limits hold for each destination that the gateway calls, and add up where several listeners call the same one; AWS's self_redirect cluster does not exist here",
            "look for circuit_breakers and upstream_cx in the statistics of the gateway's cds_egress clusters",
        );
    }
    if given.health_check.is_some() {
        report.warning(
            code::NO_EFFECT,
            &field.key("healthCheck"),
            "no proxy calls a gateway, so none checks its health",
            "leave it to the gateway's Kubernetes probes and to the load balancer before it",
        );
    }
    let tls = given
        .tls
        .as_ref()
        .map(|tls| server_tls(report, &field.key("tls"), tls));
    Ok(Listener {
        port: ports::listener_port(report, field, given.port_mapping.port, seen)?,
        protocol,
        timeouts: Timeouts::default(),
        tls: tls.transpose()?,
        pool,
        outlier_detection: None,
        health_check: None,
        rate_limit: None,
    })
}

fn protocol(protocol: VirtualGatewayProtocol) -> Protocol {
    match protocol {
        VirtualGatewayProtocol::Http => Protocol::Http,
        VirtualGatewayProtocol::Http2 => Protocol::Http2,
        VirtualGatewayProtocol::Grpc => Protocol::Grpc,
    }
}
