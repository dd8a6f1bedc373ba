//! Service.

use std::net::IpAddr;

use tulle_crds::core;
use tulle_model::fragment::{Fragment, KubeService};
use tulle_model::id::shared;
use tulle_model::{Severity, Str};

use crate::address::address;
use crate::port::{is_tcp, port};
use crate::report::{Report, code};

/// How `clusterIP` says that a Service has no address of its own.
const HEADLESS: &str = "None";

pub(crate) fn translate(report: &mut Report, service: &core::Service) -> Fragment {
    let empty = core::ServiceSpec::default();
    let spec = service.spec.as_ref().unwrap_or(&empty);
    let external = spec.type_.as_deref() == Some("ExternalName");
    // Of an ExternalName only the name is left: Kubernetes gives it neither address nor endpoints.
    let (addresses, ports) = if external {
        (Vec::new(), Vec::new())
    } else {
        (addresses(report, spec), ports(report, spec))
    };
    let object = report.object.clone();
    Fragment::from(KubeService {
        namespace: object.namespace.clone(),
        name: object.name.clone(),
        object,
        addresses,
        external,
        ports,
    })
}

/// `clusterIPs`, or `clusterIP` where that is all there is.
fn addresses(report: &mut Report, spec: &core::ServiceSpec) -> Vec<IpAddr> {
    let several = spec.cluster_ips.as_deref().unwrap_or_default();
    let given: Vec<(String, &str)> = if several.is_empty() {
        let single = spec.cluster_ip.as_deref();
        single
            .map(|ip| ("spec.clusterIP".to_owned(), ip))
            .into_iter()
            .collect()
    } else {
        let several = several.iter().enumerate();
        several
            .map(|(index, ip)| (format!("spec.clusterIPs[{index}]"), ip.as_str()))
            .collect()
    };
    let mut addresses = Vec::new();
    for (field, text) in given {
        // Empty in a manifest: the API server has not given one yet.
        if text == HEADLESS || text.is_empty() {
            continue;
        }
        if let Some(ip) = address(report, &field, text)
            && !addresses.contains(&ip)
        {
            addresses.push(ip);
        }
    }
    addresses.shrink_to_fit();
    addresses
}

/// The TCP ports; of several with one number the first counts.
fn ports(report: &mut Report, spec: &core::ServiceSpec) -> Vec<(u16, Str)> {
    let mut ports: Vec<(u16, Str)> = Vec::new();
    for (index, given) in spec.ports.iter().flatten().enumerate() {
        if !is_tcp(given.protocol.as_deref()) {
            continue;
        }
        let field = format!("spec.ports[{index}].port");
        let Some(number) = port(report, &field, given.port) else {
            continue;
        };
        if ports.iter().any(|(known, _)| *known == number) {
            report.add(
                Severity::Error,
                code::DUPLICATE,
                &field,
                format!("TCP port {number} is listed already; the first entry counts"),
                "remove one of the two",
            );
            continue;
        }
        ports.push((number, shared(given.name.as_deref().unwrap_or_default())));
    }
    ports.shrink_to_fit();
    ports
}
