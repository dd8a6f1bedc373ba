//! Which TCP service a connection to a port is for.

use std::collections::BTreeSet;
use std::net::IpAddr;

use tulle_model::Capture;
use tulle_model::linked::{OutboundPort, OutboundTcp};

/// A TCP service and the addresses under which it, and no service before it, is dialled on its port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TcpChain<'a> {
    pub(crate) service: &'a OutboundTcp,
    /// Sorted; empty: every address.
    pub(crate) addresses: Vec<IpAddr>,
}

/// The TCP services of a port that connections can reach, and those that they cannot because an earlier
/// one takes all of theirs. Envoy refuses two chains that match the same.
///
/// Without redirected traffic all of a port's connections go to one address of the proxy's own, so that
/// addresses tell nothing: HTTP services take the port, else the first TCP service does.
pub(crate) fn tcp_chains(
    port: &OutboundPort,
    capture: Capture,
) -> (Vec<TcpChain<'_>>, Vec<&OutboundTcp>) {
    let by_address = capture == Capture::Transparent;
    let mut all_taken = !port.http.is_empty();
    let mut taken = BTreeSet::new();
    let (mut chains, mut hidden) = (Vec::new(), Vec::new());
    for service in &port.tcp {
        if by_address && !service.addresses.is_empty() {
            let addresses: BTreeSet<IpAddr> = service
                .addresses
                .iter()
                .copied()
                .filter(|address| taken.insert(*address))
                .collect();
            if addresses.is_empty() {
                hidden.push(service);
            } else {
                let addresses = addresses.into_iter().collect();
                chains.push(TcpChain { service, addresses });
            }
        } else if all_taken {
            hidden.push(service);
        } else {
            all_taken = true;
            let addresses = Vec::new();
            chains.push(TcpChain { service, addresses });
        }
    }
    (chains, hidden)
}
