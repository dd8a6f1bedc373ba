//! EndpointSlice.

use tulle_crds::core;
use tulle_model::fragment::{EndpointSlice, Fragment, SliceEndpoint};
use tulle_model::id::shared;
use tulle_model::{Severity, Str};

use crate::address::address;
use crate::port::{is_tcp, port};
use crate::report::{Report, code};

/// The label that names the Service to which a slice belongs.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// `None` for a slice of no Service, and for one of host names instead of addresses.
pub(crate) fn translate(report: &mut Report, slice: &core::EndpointSlice) -> Option<Fragment> {
    let labels = slice.metadata.labels.as_ref();
    let service = labels
        .and_then(|labels| labels.get(SERVICE_LABEL))
        .filter(|service| !service.is_empty());
    let Some(service) = service else {
        report.add(
            Severity::Info,
            code::UNUSABLE,
            "metadata.labels",
            "the slice belongs to no Service, so nothing is sent to its endpoints",
            "set the label kubernetes.io/service-name to the Service's name",
        );
        return None;
    };
    if slice.address_type == "FQDN" {
        report.add(
            Severity::Warning,
            code::UNUSABLE,
            "addressType",
            "a slice of host names cannot be used",
            "use addressType IPv4 or IPv6, or a Service of type ExternalName",
        );
        return None;
    }
    let object = report.object.clone();
    Some(Fragment::from(EndpointSlice {
        namespace: object.namespace.clone(),
        name: object.name.clone(),
        object,
        service: shared(service),
        ports: ports(report, slice),
        endpoints: endpoints(report, slice),
    }))
}

/// The TCP ports by name; of several with one name the first counts.
fn ports(report: &mut Report, slice: &core::EndpointSlice) -> Vec<(Str, u16)> {
    let mut ports: Vec<(Str, u16)> = Vec::new();
    for (index, given) in slice.ports.iter().flatten().enumerate() {
        if !is_tcp(given.protocol.as_deref()) {
            continue;
        }
        let field = format!("ports[{index}]");
        let Some(number) = given.port else {
            report.add(
                Severity::Warning,
                code::UNUSABLE,
                &field,
                "an entry without a port, which stands for every port, cannot be used",
                "set port",
            );
            continue;
        };
        let Some(number) = port(report, &format!("{field}.port"), number) else {
            continue;
        };
        let name = shared(given.name.as_deref().unwrap_or_default());
        if ports.iter().any(|(known, _)| *known == name) {
            report.add(
                Severity::Error,
                code::DUPLICATE,
                &format!("{field}.name"),
                format!(
                    "a TCP port with the name {name:?} is listed already; the first entry counts"
                ),
                "give every port a name of its own",
            );
            continue;
        }
        ports.push((name, number));
    }
    ports.shrink_to_fit();
    ports
}

fn endpoints(report: &mut Report, slice: &core::EndpointSlice) -> Vec<SliceEndpoint> {
    let given = slice.endpoints.iter().enumerate();
    let mut endpoints: Vec<SliceEndpoint> = given
        .filter_map(|(index, given)| endpoint(report, index, given))
        .collect();
    endpoints.shrink_to_fit();
    endpoints
}

/// The endpoint by its first address: the others were never given a meaning by Kubernetes.
fn endpoint(report: &mut Report, index: usize, given: &core::Endpoint) -> Option<SliceEndpoint> {
    let Some(first) = given.addresses.first() else {
        report.add(
            Severity::Error,
            code::INVALID,
            &format!("endpoints[{index}].addresses"),
            "the endpoint has no address",
            "give it one",
        );
        return None;
    };
    let ip = address(report, &format!("endpoints[{index}].addresses[0]"), first)?;
    let unset = core::EndpointConditions::default();
    let conditions = given.conditions.as_ref().unwrap_or(&unset);
    let ready = conditions.ready.unwrap_or(true);
    Some(SliceEndpoint {
        ip,
        ready,
        serving: conditions.serving.unwrap_or(ready),
        terminating: conditions.terminating.unwrap_or(false),
        zone: given.zone.as_deref().map(shared),
    })
}
