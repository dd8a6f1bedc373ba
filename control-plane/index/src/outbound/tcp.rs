//! TCP services that share a port: nothing but the address dialled can tell them apart.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tulle_model::linked::OutboundTcp;
use tulle_model::policy::{Protocol, Timeouts};
use tulle_model::{Finding, ObjectId, Severity, Str, codes};

use super::Call;
use crate::clusters::Clusters;
use crate::limits;
use crate::reader::Reader;

/// Decides which of a port's TCP services (sorted by host) a client can call, and by which addresses.
///
/// One alone has every address. Several, or one beside HTTP, have the addresses of the Kubernetes
/// Service that their host names. Those without, or with an address that another one (HTTP included) has,
/// are left out and the client's object is told; if none has addresses and there is no HTTP the first by
/// host has all.
pub(super) fn settle(
    client: &ObjectId,
    port: u16,
    calls: Vec<Call>,
    http: &[Call],
    clusters: &mut Clusters,
    reader: &mut Reader<'_>,
) -> Vec<OutboundTcp> {
    if calls.is_empty() || calls.len() == 1 && http.is_empty() {
        return calls
            .into_iter()
            .map(|call| outbound(call, vec![], clusters))
            .collect();
    }
    let mut calls: Vec<(Call, Vec<IpAddr>)> = calls
        .into_iter()
        .map(|call| {
            let addresses = reader.host_addresses(call.host());
            (call, addresses.to_vec())
        })
        .collect();
    let first_known = calls.iter().find(|(_, addresses)| !addresses.is_empty());
    let winner: Str = match (http.first(), first_known, calls.first()) {
        (Some(http), _, _) => http.host().clone(),
        (None, Some((known, _)), _) => known.host().clone(),
        (None, None, Some(_)) => {
            // Nobody can be told apart: the first one alone has the port.
            let (first, _) = calls.remove(0);
            for (call, _) in &calls {
                reader.report(conflict(client, port, call, first.host()));
            }
            return vec![outbound(first, vec![], clusters)];
        }
        (None, None, None) => return vec![],
    };
    let mut owners: BTreeMap<IpAddr, Str> = BTreeMap::new();
    for call in http {
        let host = call.host();
        let addresses = reader.host_addresses(host);
        owners.extend(addresses.iter().map(|address| (*address, host.clone())));
    }
    let mut settled = vec![];
    for (call, addresses) in calls {
        let owner = addresses.iter().find_map(|address| owners.get(address));
        let owner = owner.or(addresses.is_empty().then_some(&winner));
        if let Some(owner) = owner {
            reader.report(conflict(client, port, &call, owner));
            continue;
        }
        for address in &addresses {
            owners.insert(*address, call.host().clone());
        }
        settled.push(outbound(call, addresses, clusters));
    }
    settled
}

fn outbound(call: Call, addresses: Vec<IpAddr>, clusters: &mut Clusters) -> OutboundTcp {
    clusters.add(&call.reach.sources, call.policy.as_ref());
    let routes = &call.reach.routes;
    let (origin, targets, limits) = match routes.routes.first() {
        Some(route) => (route.origin.clone(), route.targets.clone(), route.limits),
        None => (
            routes.object.clone(),
            vec![],
            limits::limits(Timeouts::default(), Protocol::Tcp),
        ),
    };
    OutboundTcp {
        object: routes.object.clone(),
        host: routes.host.clone(),
        addresses,
        origin,
        targets,
        limits,
        policy: call.policy,
    }
}

fn conflict(client: &ObjectId, port: u16, call: &Call, owner: &str) -> Finding {
    let host = call.host();
    Finding::new(
        Severity::Error,
        codes::PORT_CONFLICT,
        client,
        &call.field,
        format!(
            "{host} and {owner} cannot be told apart on port {port}, so {host} cannot be called there"
        ),
    )
    .help(format!(
        "give {host} another port, or make it the name of a Kubernetes Service of its own (SERVICE.NAMESPACE.svc.DOMAIN)"
    ))
}
