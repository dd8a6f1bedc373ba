//! Endpoint sets: a lane of its own, from slices and pods to addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use tulle_model::endpoint::{Endpoint, EndpointSet, EndpointSetId};
use tulle_model::policy::IpPreference;
use tulle_model::{Name, Str};

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
    let endpoints = found
        .into_iter()
        .map(|((ip, port), zone)| Endpoint { ip, port, zone })
        .collect();
    Arc::new(EndpointSet { endpoints })
}

/// Zones by address and port: each endpoint once, where its zone is known with its zone.
type Found = BTreeMap<(IpAddr, u16), Option<Str>>;

fn add(found: &mut Found, ip: IpAddr, port: u16, zone: Option<&Str>) {
    let known = found.entry((ip, port)).or_default();
    if known.as_ref() < zone {
        *known = zone.cloned();
    }
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
    if ready.is_empty() { leaving } else { ready }
}

/// The workload's own pods that are ready and stay, each by one address: IPv4 if it may choose.
fn of_pods(workload: &Name, port: u16, ip: IpPreference, reader: &mut Reader<'_>) -> Found {
    let mut found = Found::new();
    let Some(workload) = reader.workload(workload) else {
        return found;
    };
    let Some(selector) = &workload.pods else {
        return found;
    };
    for pod in reader.pods(&workload.name.namespace, selector) {
        if !pod.ready || pod.terminating {
            continue;
        }
        let usable = || pod.ips.iter().filter(|own| wanted(**own, ip));
        let chosen = usable()
            .find(|own| own.is_ipv4())
            .or_else(|| usable().next());
        if let Some(chosen) = chosen {
            add(&mut found, *chosen, port, None);
        }
    }
    found
}

fn wanted(address: IpAddr, preference: IpPreference) -> bool {
    match preference {
        IpPreference::Unset => true,
        IpPreference::V4Only => address.is_ipv4(),
        IpPreference::V6Only => address.is_ipv6(),
    }
}
