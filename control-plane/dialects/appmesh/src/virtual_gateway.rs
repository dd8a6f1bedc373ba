//! VirtualGateway.

use std::collections::BTreeSet;

use tulle_crds::appmesh::{
    VirtualGatewayConnectionPool, VirtualGatewayListener, VirtualGatewayProtocol,
    VirtualGatewaySpec,
};
use tulle_model::fragment::{Fragment, Gateway, Listener};
use tulle_model::policy::{Protocol, Timeouts};

use crate::client_policy::{client_policy, is_silent};
use crate::field::Field;
use crate::names;
use crate::ports;
use crate::report::{LeftOut, Report, code};
use crate::selector::{selector, selector_or_everything};

pub(crate) fn translate(report: &mut Report, spec: &VirtualGatewaySpec) -> Option<Fragment> {
    let field = Field::spec();
    let object = report.object().clone();
    let name = names::name(&object.namespace, &object.name);
    if spec.logging.is_some() {
        report.not_honoured_yet(&field.key("logging"));
    }
    let default_policy = client_policy(
        report,
        &field.key("backendDefaults").key("clientPolicy"),
        spec.backend_defaults
            .as_ref()
            .and_then(|defaults| defaults.client_policy.as_ref()),
    )
    .filter(|policy| !is_silent(policy));
    Some(Fragment::Gateway(Gateway {
        alias: names::alias(spec.aws_name.as_deref(), || names::underscored(&name)),
        name,
        mesh: names::mesh(spec.mesh_ref.as_ref()),
        listeners: listeners(report, &field.key("listeners"), spec),
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
    if let Some(pool) = &given.connection_pool {
        let field = field.key("connectionPool");
        report.not_honoured_yet(&field);
        if members(pool) > 1 {
            report.error(
                code::CONFLICT,
                &field,
                "Only one type of Virtual Gateway Connection Pool is allowed",
                format!(
                    "keep {}, which is the listener's protocol",
                    protocol.as_str()
                ),
            );
        }
    }
    for (key, set) in [
        ("healthCheck", given.health_check.is_some()),
        ("tls", given.tls.is_some()),
    ] {
        if set {
            report.not_honoured_yet(&field.key(key));
        }
    }
    Ok(Listener {
        port: ports::listener_port(report, field, given.port_mapping.port, seen)?,
        protocol,
        timeouts: Timeouts::default(),
        tls: given.tls.is_some(),
    })
}

fn members(pool: &VirtualGatewayConnectionPool) -> usize {
    [
        pool.grpc.is_some(),
        pool.http.is_some(),
        pool.http2.is_some(),
    ]
    .into_iter()
    .filter(|set| *set)
    .count()
}

fn protocol(protocol: VirtualGatewayProtocol) -> Protocol {
    match protocol {
        VirtualGatewayProtocol::Http => Protocol::Http,
        VirtualGatewayProtocol::Http2 => Protocol::Http2,
        VirtualGatewayProtocol::Grpc => Protocol::Grpc,
    }
}
