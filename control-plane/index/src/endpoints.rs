//! Endpoint sets: a lane of its own, from slices and pods to addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use tulle_model::endpoint::{Endpoint, EndpointSet, EndpointSetId};
use tulle_model::fragment::Pod;
use tulle_model::policy::IpPreference;
use tulle_model::{Name, Str};

use crate::mtls;
use crate::reader::Reader;
use crate::registry;

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

/// The workload's pods that are ready, each by one address: IPv4 if it may choose. Where none of them
/// stays, those that go.
fn of_pods(workload: &Name, port: u16, ip: IpPreference, reader: &mut Reader<'_>) -> Found {
    let (mut ready, mut leaving) = (Found::new(), Found::new());
    for pod in registry::pods(workload, reader) {
        if let Some(chosen) = dialled(&pod, ip) {
            let zone = pod.node.as_ref().and_then(|node| reader.zone(node));
            let mtls = mtls::takes(&pod, port, reader);
            let found = match pod.terminating {
                false => &mut ready,
                true => &mut leaving,
            };
            add(found, chosen, port, zone.as_ref()).mtls = mtls;
        }
    }
    if ready.is_empty() { leaving } else { ready }
}

/// The address by which a pod is called, if it is ready.
fn dialled(pod: &Pod, ip: IpPreference) -> Option<IpAddr> {
    if !pod.ready || pod.finished {
        return None;
    }
    usable(pod.ips.iter().copied(), ip).first().copied()
}

/// Those of someone's addresses by which he is called: of one family, IPv4 if there is a choice.
pub(crate) fn usable(addresses: impl IntoIterator<Item = IpAddr>, ip: IpPreference) -> Vec<IpAddr> {
    let wanted = addresses.into_iter().filter(|own| wanted(*own, ip));
    let (four, six): (Vec<IpAddr>, Vec<IpAddr>) = wanted.partition(IpAddr::is_ipv4);
    if four.is_empty() { six } else { four }
}

/// The addresses of the workload's pods, sorted, as [`of_pods`] chooses them.
pub(crate) fn pod_addresses(
    workload: &Name,
    ip: IpPreference,
    reader: &mut Reader<'_>,
) -> Vec<IpAddr> {
    let (mut ready, mut leaving) = (BTreeSet::new(), BTreeSet::new());
    for pod in registry::pods(workload, reader) {
        if let Some(address) = dialled(&pod, ip) {
            match pod.terminating {
                false => ready.insert(address),
                true => leaving.insert(address),
            };
        }
    }
    let found = if ready.is_empty() { leaving } else { ready };
    found.into_iter().collect()
}

fn wanted(address: IpAddr, preference: IpPreference) -> bool {
    match preference {
        IpPreference::Unset => true,
        IpPreference::V4Only => address.is_ipv4(),
        IpPreference::V6Only => address.is_ipv6(),
    }
}
