//! How a VirtualNode is found.

use std::collections::BTreeMap;

use tulle_crds::appmesh::{
    AwsCloudMapServiceDiscovery, DnsResponseType, DnsServiceDiscovery, VirtualNodeSpec,
};
use tulle_model::Str;
use tulle_model::fragment::Discovery;

use crate::field::Field;
use crate::hosts;
use crate::report::{LeftOut, Report, code};

/// Of both ways DNS counts, since it needs no registry. `None`: nobody can find the node.
pub(super) fn discovery(
    report: &mut Report,
    field: &Field,
    spec: &VirtualNodeSpec,
) -> Option<Discovery> {
    let Some(given) = &spec.service_discovery else {
        if !spec.listeners.is_empty() {
            missing(report, field);
        }
        return None;
    };
    match (&given.dns, &given.aws_cloud_map) {
        (Some(given), None) => dns(report, &field.key("dns"), given).ok(),
        (None, Some(given)) => registry(report, &field.key("awsCloudMap"), given).ok(),
        (Some(given), Some(_)) => {
            report.error(
                code::CONFLICT,
                &field.key("awsCloudMap"),
                "both dns and awsCloudMap are set; dns counts",
                "remove one of the two",
            );
            dns(report, &field.key("dns"), given).ok()
        }
        (None, None) => {
            missing(report, field);
            None
        }
    }
}

fn missing(report: &mut Report, field: &Field) {
    let name = report.object().name.clone();
    report.error(
        code::MISSING,
        field,
        format!(
            "ServiceDiscovery missing for VirtualNode-{name}. ServiceDiscovery must be specified when a listener is specified."
        ),
        "set dns.hostname, for instance to NAME.NAMESPACE.svc.cluster.local of its Kubernetes Service",
    );
}

fn dns(
    report: &mut Report,
    field: &Field,
    given: &DnsServiceDiscovery,
) -> Result<Discovery, LeftOut> {
    Ok(Discovery::Dns {
        hostname: hosts::dns_name(report, &field.key("hostname"), &given.hostname)?,
        all_addresses: given.response_type == Some(DnsResponseType::Endpoints),
    })
}

fn registry(
    report: &mut Report,
    field: &Field,
    given: &AwsCloudMapServiceDiscovery,
) -> Result<Discovery, LeftOut> {
    for (key, value) in [
        ("namespaceName", &given.namespace_name),
        ("serviceName", &given.service_name),
    ] {
        if value.is_empty() {
            return Err(report.error(
                code::MISSING,
                &field.key(key),
                "the name is empty, so nobody can find the node",
                "name the Cloud Map namespace and service, or use dns",
            ));
        }
    }
    let mut attributes: BTreeMap<Str, Str> = BTreeMap::new();
    for (index, attribute) in given.attributes.iter().enumerate() {
        let key: Str = attribute.key.as_str().into();
        match attributes.get(&key) {
            Some(known) if **known != *attribute.value => {
                report.error(
                    code::DUPLICATE,
                    &field.key("attributes").index(index),
                    format!("attribute {key} has another value already; the first counts"),
                    "remove one of the two",
                );
            }
            Some(_) => {}
            None => {
                attributes.insert(key, attribute.value.as_str().into());
            }
        }
    }
    Ok(Discovery::Registry {
        namespace: given.namespace_name.as_str().into(),
        service: given.service_name.as_str().into(),
        attributes: attributes.into_iter().collect(),
    })
}
