//! Endpoint sets: a lane of its own, from slices and pods to addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use tulle_model::endpoint::{Endpoint, EndpointSet, EndpointSetId};
use tulle_model::policy::IpPreference;
use tulle_model::{Name, Str};

use crate::mtls;
use crate::reader::Reader;

/// The endpoints of a set that may be used now.
pub(crate) fn endpoints(id: &EndpointSetId, reader: &mut Reader<'_>) -> Arc<EndpointSet> {
    let found = match id {
        EndpointSetId::Service {
            namespace,
            name,
            port,
            ip,
        } => of_service(namespace, name, *port, *ip, reader),
        EndpointSetId::Pods { workload, port, ip } => of_pods(workload, *port, *ip, reader),
    };
    let endpoints = found.into_iter().map(|((ip, port), traits)| Endpoint {
        ip,
        port,
        zone: traits.zone,
        mtls: traits.mtls,
    });
    Arc::new(EndpointSet {
        endpoints: endpoints.collect(),
    })
}

/// Each endpoint once, by address and port.
type Found = BTreeMap<(IpAddr, u16), Traits>;

/// What is known of an endpoint.
#[derive(Debug, Default)]
struct Traits {
    zone: Option<Str>,
    mtls: bool,
}

/// Takes up an endpoint; one that is there already has a zone where it is known.
fn add<'f>(found: &'f mut Found, ip: IpAddr, port: u16, zone: Option<&Str>) -> &'f mut Traits {
    let known = found.entry((ip, port)).or_default();
    if known.zone.as_ref() < zone {
        known.zone = zone.cloned();
    }
    known
}

/// Ready endpoints; where there are none, those that still serve although they terminate.
fn of_service(
    namespace: &Str,
    name: &Str,
    port: u16,
    ip: IpPreference,
    reader: &mut Reader<'_>,
) -> Found {
    let (mut ready, mut leaving) = (Found::new(), Found::new());
    let Some(service) = reader.kube_service(namespace, name) else {
        return ready;
    };
    let Some((_, port_name)) = service.ports.iter().find(|(number, _)| *number == port) else {
        return ready;
    };
    for slice in reader.slices(namespace, name) {
        let target = slice.ports.iter().find(|(name, _)| name == port_name);
        let Some(&(_, target_port)) = target else {
            continue;
        };
        for endpoint in slice.endpoints.iter().filter(|own| wanted(own.ip, ip)) {
            let zone = endpoint.zone.as_ref();
            if endpoint.ready {
                add(&mut ready, endpoint.ip, target_port, zone);
            } else if endpoint.serving && endpoint.terminating {
                add(&mut leaving, endpoint.ip, target_port, zone);
            }
        }
    }
    let mut found = if ready.is_empty() { leaving } else { ready };
    if reader.mtls().is_some() {
        for ((ip, port), traits) in &mut found {
            traits.mtls = taken_at(*ip, *port, reader);
        }
    }
    found
}

/// Whether whoever has an address takes mutual TLS. It may be that of several pods for a moment, when
/// one is gone and the next is there: then it takes both of them.
fn taken_at(ip: IpAddr, port: u16, reader: &mut Reader<'_>) -> bool {
    let mut pods = reader.pods_at(ip);
    pods.retain(|pod| mtls::has_addresses(pod));
    !pods.is_empty() && pods.iter().all(|pod| mtls::takes(pod, port, reader))
}

/// The workload's own pods that are ready, each by one address: IPv4 if it may choose. Where none of them
/// stays, those that go.
fn of_pods(workload: &Name, port: u16, ip: IpPreference, reader: &mut Reader<'_>) -> Found {
    let (mut ready, mut leaving) = (Found::new(), Found::new());
    let Some(workload) = reader.workload(workload) else {
        return ready;
    };
    let Some(selector) = &workload.pods else {
        return ready;
    };
    for pod in reader.pods(&workload.name.namespace, selector) {
        if !pod.ready || pod.finished {
            continue;
        }
        let usable = || pod.ips.iter().filter(|own| wanted(**own, ip));
        let chosen = usable()
            .find(|own| own.is_ipv4())
            .or_else(|| usable().next());
        if let Some(chosen) = chosen {
            let zone = pod.node.as_ref().and_then(|node| reader.zone(node));
            let mtls = mtls::takes(&pod, port, reader);
            let found = match pod.terminating {
                false => &mut ready,
                true => &mut leaving,
            };
            add(found, *chosen, port, zone.as_ref()).mtls = mtls;
        }
    }
    if ready.is_empty() { leaving } else { ready }
}

fn wanted(address: IpAddr, preference: IpPreference) -> bool {
    match preference {
        IpPreference::Unset => true,
        IpPreference::V4Only => address.is_ipv4(),
        IpPreference::V6Only => address.is_ipv6(),
    }
}
