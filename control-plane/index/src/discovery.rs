//! How addresses are found, and which host names mean a Kubernetes Service.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use tulle_model::endpoint::EndpointSetId;
use tulle_model::fragment::{self, KubeService};
use tulle_model::linked::{Destination, Discovery};
use tulle_model::policy::{DiscoveryMode, IpPreference, MtlsMode};
use tulle_model::{Name, Str};

use crate::facts::table::Held;
use crate::key::{Kind, Member};
use crate::names::lies_in;
use crate::reader::Reader;
use crate::value::Source;
use crate::{alias, mtls, tls};

/// How the addresses of a workload's listener are found; `None` if nobody can call it there.
pub(crate) fn source(workload: &Name, port: u16, reader: &mut Reader<'_>) -> Option<Arc<Source>> {
    let server = reader.server(workload)?;
    let mesh = alias::mesh_of(Kind::Workload, workload, reader)?;
    let mesh = reader.mesh(&mesh)?;
    let ip = mesh.ip;
    let listener = server.listeners.iter().find(|own| own.port == port)?;
    let found_by = server.discovery.as_ref()?;
    let discovery = match found_by {
        fragment::Discovery::Dns {
            hostname,
            all_addresses,
        } => {
            let said = server.discovery_mode.or(mesh.discovery_mode);
            let mode = said.unwrap_or_else(|| reader.discovery_mode());
            let set = match mode {
                DiscoveryMode::Dns => None,
                DiscoveryMode::Endpoints => service_endpoints(hostname, port, ip, reader),
            };
            match set {
                Some(set) => Discovery::Endpoints(set),
                None => Discovery::Dns {
                    hostname: hostname.clone(),
                    all_addresses: *all_addresses,
                },
            }
        }
        fragment::Discovery::Registry { .. } => Discovery::Endpoints(EndpointSetId::Pods {
            workload: workload.clone(),
            port,
            ip,
        }),
    };
    let mode = match listener.tls {
        Some(_) => MtlsMode::Off,
        None => mtls::mode_of(&Member::new(Kind::Workload, workload), reader),
    };
    let shows_identity = tls::shows_identity(listener.tls.as_ref());
    let identities = match &discovery {
        Discovery::Endpoints(set) if mode != MtlsMode::Off || shows_identity => {
            reader.identities(workload, set)
        }
        Discovery::Dns { .. } if shows_identity => {
            let own = EndpointSetId::Pods {
                workload: workload.clone(),
                port,
                ip,
            };
            reader.identities(workload, &own)
        }
        _ => Arc::default(),
    };
    if let Discovery::Endpoints(set) = &discovery {
        reader.hold(set);
    }
    Some(Arc::new(Source {
        to: Destination {
            workload: workload.clone(),
            alias: server.alias.clone(),
            protocol: listener.protocol,
            port,
        },
        origin: server.object.clone(),
        discovery,
        ip,
        identities,
        strict: mode == MtlsMode::Strict,
        hostname: hostname(found_by),
        has_pods: server.has_pods,
        tls: listener.tls.clone(),
        outlier_detection: listener.outlier_detection,
        health_check: listener.health_check.clone(),
    }))
}

/// The name that a client takes the workload for (reference of App Mesh, 4.9).
fn hostname(found_by: &fragment::Discovery) -> Str {
    match found_by {
        fragment::Discovery::Dns { hostname, .. } => hostname.clone(),
        fragment::Discovery::Registry {
            namespace, service, ..
        } => format!("{service}.{namespace}").into(),
    }
}

fn service_endpoints(
    hostname: &str,
    port: u16,
    ip: IpPreference,
    reader: &mut Reader<'_>,
) -> Option<EndpointSetId> {
    let service = known_service(hostname, reader)?;
    service.ports.iter().find(|(number, _)| *number == port)?;
    Some(EndpointSetId::Service {
        namespace: service.namespace.clone(),
        name: service.name.clone(),
        port,
        ip,
    })
}

/// The addresses that clients dial for a host name, sorted, as far as Kubernetes Services and Tulle's own DNS server tell:
/// the cluster addresses, or those of all endpoints of a headless Service, ready or not, for readiness
/// comes and goes while a client that holds an address may go on to use it.
pub(crate) fn addresses(host: &Str, reader: &mut Reader<'_>) -> Arc<Vec<IpAddr>> {
    let mut addresses = BTreeSet::new();
    if let Some(service) = known_service(host, reader) {
        addresses.extend(service.addresses.iter().copied());
        if addresses.is_empty() {
            for slice in reader.slices(&service.namespace, &service.name) {
                addresses.extend(slice.endpoints.iter().map(|endpoint| endpoint.ip));
            }
        }
    } else if let Some(named) = reader.named(host) {
        return Arc::new(named);
    }
    Arc::new(addresses.into_iter().collect())
}

/// The cluster addresses of the Kubernetes Service that a host name means.
pub(crate) fn cluster_addresses(host: &str, reader: &mut Reader<'_>) -> Vec<IpAddr> {
    known_service(host, reader).map_or_else(Vec::new, |service| service.addresses.clone())
}

/// Whether it is for the cluster's DNS to answer a host that pods of a namespace call: it lies in the cluster's domain, or it is a
/// short name of a Service that exists.
pub(crate) fn cluster_answers(host: &str, namespace: &Str, reader: &mut Reader<'_>) -> bool {
    let domain = reader.cluster_domain();
    let domain = domain.trim_matches('.').to_lowercase();
    if lies_in(host, &domain) || lies_in(host, "svc") {
        return true;
    }
    let (namespace, name) = match service_of_host(host, &domain) {
        Some(service) => service,
        None if is_label(host) => (namespace.clone(), Str::from(host)),
        None => return false,
    };
    reader.kube_service(&namespace, &name).is_some()
}

/// The Kubernetes Service that a host name means; none for an alias in DNS, which has no endpoints.
fn known_service(host: &str, reader: &mut Reader<'_>) -> Option<Held<KubeService>> {
    let domain = reader.cluster_domain();
    let (namespace, name) = service_of_host(host, &domain)?;
    reader
        .kube_service(&namespace, &name)
        .filter(|service| !service.external)
}

/// Namespace and name in `svc.ns.svc.DOMAIN`, `svc.ns.svc` or `svc.ns`, whatever the case.
fn service_of_host(host: &str, domain: &str) -> Option<(Str, Str)> {
    let host = host.trim_end_matches('.').to_lowercase();
    let domain = domain.trim_matches('.').to_lowercase();
    let labels = match host.strip_suffix(&format!(".svc.{domain}")) {
        Some(rest) => rest,
        None => host.strip_suffix(".svc").unwrap_or(&host),
    };
    match labels.split_once('.') {
        Some((name, namespace)) if !name.is_empty() && is_label(namespace) => {
            Some((namespace.into(), name.into()))
        }
        _ => None,
    }
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && !text.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_forms_of_service_names_mean_a_service() {
        for (host, expected) in [
            ("web.shop.svc.cluster.local", Some(("shop", "web"))),
            ("WEB.Shop.SVC.cluster.LOCAL.", Some(("shop", "web"))),
            ("web.shop.svc", Some(("shop", "web"))),
            ("web.shop", Some(("shop", "web"))),
            ("web", None),
            ("web.shop.svc.other.domain", None),
            ("pod-0.web.shop.svc.cluster.local", None),
            ("api.example.com", None),
            (".shop", None),
            ("web.", None),
            ("", None),
        ] {
            let expected = expected.map(|(ns, name)| (Str::from(ns), Str::from(name)));
            assert_eq!(service_of_host(host, "cluster.local"), expected, "{host}");
        }
    }
}
