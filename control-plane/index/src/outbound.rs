//! What a sidecar's application may call, by destination port.

mod aliases;
mod tcp;

use std::collections::BTreeMap;
use std::sync::Arc;

use tulle_model::linked::{OutboundPort, OutboundService};
use tulle_model::policy::{ClientPolicy, Protocol};
use tulle_model::{ObjectId, Str};

use crate::backends::Callable;
use crate::clusters::Clusters;
use crate::reader::Reader;
use crate::value::Reach;

/// A service on one of its ports, as one client calls it.
#[derive(Debug)]
struct Call {
    reach: Reach,
    policy: Option<Arc<ClientPolicy>>,
    field: Str,
}

impl Call {
    fn host(&self) -> &Str {
        &self.reach.routes.host
    }
}

/// Sorts services by port, and on each port by host. What they lead to goes into `clusters`.
pub(crate) fn ports(
    client: &ObjectId,
    callables: Vec<Callable>,
    clusters: &mut Clusters,
    reader: &mut Reader<'_>,
) -> Vec<Arc<OutboundPort>> {
    let mut by_port: BTreeMap<u16, Vec<Call>> = BTreeMap::new();
    for callable in callables {
        let reach = reader.reach(&callable.service);
        for reach in reach.iter().flat_map(|ports| ports.iter()) {
            by_port.entry(reach.routes.port).or_default().push(Call {
                reach: reach.clone(),
                policy: callable.policy.clone(),
                field: callable.field.clone(),
            });
        }
    }
    by_port
        .into_iter()
        .map(|(port, calls)| outbound_port(client, port, calls, clusters, reader))
        .collect()
}

fn outbound_port(
    client: &ObjectId,
    port: u16,
    mut calls: Vec<Call>,
    clusters: &mut Clusters,
    reader: &mut Reader<'_>,
) -> Arc<OutboundPort> {
    calls.sort_by(|a, b| a.host().cmp(b.host()));
    let (mut http, tcp): (Vec<Call>, Vec<Call>) = calls
        .into_iter()
        .partition(|call| call.reach.routes.protocol.is_http());
    aliases::settle(&mut http, reader);
    let protocols = http.iter().map(|call| call.reach.routes.protocol);
    let http_protocol = protocols.min().unwrap_or(Protocol::Http);
    let tcp = tcp::settle(client, port, tcp, &http, clusters, reader);
    let http = http.into_iter().map(|call| {
        clusters.add(&call.reach.sources, call.policy.as_ref());
        OutboundService {
            routes: call.reach.routes,
            policy: call.policy,
        }
    });
    let outbound = OutboundPort {
        port,
        http: http.collect(),
        http_protocol,
        tcp,
    };
    reader.shares().ports.one(outbound)
}
