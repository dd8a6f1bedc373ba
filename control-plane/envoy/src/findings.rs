//! What a view's owner asked for and cannot have in this form.

use std::sync::Arc;

use tulle_model::linked::{GatewayRoute, OutboundPort, ProxyView, Role, Route};
use tulle_model::{Capture, Finding, Severity, codes};

use crate::accepted;
use crate::listener::tcp_chains;
use crate::route::compose_accepted;

/// Everything of the view that is left out of its resources or stands in them other than written; sorted,
/// each once.
pub fn findings(view: &ProxyView, capture: Capture) -> Vec<Finding> {
    findings_with(view, |port| port_findings(port, capture))
}

/// The same, for who knows the [`port_findings`] of ports that many views share.
pub fn findings_with(
    view: &ProxyView,
    of_port: impl FnMut(&Arc<OutboundPort>) -> Vec<Finding>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &view.role {
        Role::Sidecar(sidecar) => findings.extend(sidecar.outbound.iter().flat_map(of_port)),
        Role::Gateway(gateway) => {
            for route in gateway.listeners.iter().flat_map(|l| &l.routes) {
                gateway_route(route, &mut findings);
            }
        }
    }
    findings.sort();
    findings.dedup();
    findings
}

/// The findings of a port that a sidecar's application calls, in no order. Of the capture it matters only whether traffic is
/// redirected.
pub fn port_findings(port: &OutboundPort, capture: Capture) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in port.http.iter().map(|service| &service.routes) {
        for host in std::iter::once(&service.host).chain(&service.host_aliases) {
            if let Err(refusal) = accepted::host(host) {
                findings.push(refusal.finding(&service.object, host));
            }
        }
        routes(&service.routes, &mut findings);
    }
    for service in tcp_chains(port, capture).1 {
        let (reason, help) = match capture {
            Capture::Transparent => (
                "every address under which it is called belongs to another service of that port",
                "give it a port or an address of its own",
            ),
            Capture::Loopback(_) => (
                "without redirected traffic a TCP service needs a port of its own",
                "give it a port of its own, or use transparent capture",
            ),
        };
        let message = format!(
            "{} cannot be reached over TCP on port {}: {reason}",
            service.host, port.port
        );
        let object = &service.object;
        let finding = Finding::new(Severity::Warning, codes::PORT_SHARED, object, "", message);
        findings.push(finding.help(help));
    }
    findings
}

fn routes(routes: &[Route], findings: &mut Vec<Finding>) {
    for route in routes {
        if let Err(refusal) = accepted::route(route) {
            findings.push(refusal.finding(&route.origin, &route.name));
        }
    }
}

fn gateway_route(route: &GatewayRoute, findings: &mut Vec<Finding>) {
    if let Err(refusal) = accepted::gateway_route(route) {
        findings.push(refusal.finding(&route.object, &route.name));
    }
    if let Some(service) = &route.service {
        routes(&service.routes, findings);
    }
    if let Some(composed) = compose_accepted(route) {
        findings.extend(composed.findings);
    }
}

#[cfg(test)]
mod tests;
