//! The proxy that was put into a pod, as the injector wrote it down on the pod.

use std::collections::BTreeSet;

use tulle_crds::core;
use tulle_model::fragment::PodProxy;
use tulle_model::id::ProxyKind;
use tulle_model::{ProxyId, Severity};

use crate::report::{Report, code};

/// Whom the proxy stands beside: `virtualnode/NS/NAME` or `virtualgateway/NS/NAME`.
const PROXY: &str = "tulle.dev/proxy";

/// The ports whose traffic is led to the proxy: numbers with commas between them.
const INBOUND_PORTS: &str = "tulle.dev/inbound-ports";

/// The pod's proxy; `None` where it has none, and where what is written down cannot be right.
pub(crate) fn pod_proxy(report: &mut Report, metadata: &core::ObjectMeta) -> Option<PodProxy> {
    let annotation = |name| metadata.annotations.as_ref()?.get(name);
    let ports = annotation(INBOUND_PORTS);
    let Some(text) = annotation(PROXY) else {
        if ports.is_some() {
            report.add(
                Severity::Warning,
                code::UNUSABLE,
                &field(INBOUND_PORTS),
                format!("without {PROXY} the ports say nothing"),
                "let the injector write both",
            );
        }
        return None;
    };
    let id: ProxyId = match text.parse() {
        Ok(id) => id,
        Err(error) => {
            report.add(
                Severity::Error,
                code::INVALID,
                &field(PROXY),
                format!("{error}; the pod counts as one without a proxy"),
                "let the injector write it: make the pod anew",
            );
            return None;
        }
    };
    // Otherwise whoever may make pods in one namespace could take the place of another's proxies.
    if id.namespace != report.object.namespace {
        report.add(
            Severity::Error,
            code::INVALID,
            &field(PROXY),
            format!(
                "{id} is of namespace {}, the pod of {}; it counts as one without a proxy",
                id.namespace, report.object.namespace
            ),
            "name an object of the pod's own namespace",
        );
        return None;
    }
    let inbound = match (id.kind, ports) {
        (_, None) => BTreeSet::new(),
        (ProxyKind::VirtualNode, Some(ports)) => inbound_ports(report, ports),
        (ProxyKind::VirtualGateway, Some(_)) => {
            report.add(
                Severity::Warning,
                code::UNUSABLE,
                &field(INBOUND_PORTS),
                "nothing is led to a gateway: it listens itself; the ports are passed over",
                "remove the annotation",
            );
            BTreeSet::new()
        }
    };
    Some(PodProxy { id, inbound })
}

/// The ports; entries that are none are reported and passed over.
fn inbound_ports(report: &mut Report, text: &str) -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    if text.trim().is_empty() {
        return ports;
    }
    for entry in text.split(',') {
        let entry = entry.trim();
        let digits = !entry.is_empty() && entry.bytes().all(|byte| byte.is_ascii_digit());
        match entry.parse::<u16>() {
            Ok(port) if digits && port != 0 => {
                ports.insert(port);
            }
            _ => report.add(
                Severity::Error,
                code::INVALID,
                &field(INBOUND_PORTS),
                format!("{entry:?} is no port; it is passed over"),
                "give numbers from 1 to 65535, with commas between them",
            ),
        }
    }
    ports
}

fn field(annotation: &str) -> String {
    format!("metadata.annotations[{annotation}]")
}
