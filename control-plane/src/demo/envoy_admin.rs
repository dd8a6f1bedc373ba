//! What a proxy says of itself, read from Envoy's admin interface.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use http::{HeaderMap, StatusCode};

use super::http_client::HttpClient;

/// `(\.update_(rejected|success)|control_plane\.connected_state)$`, as a URL has it.
const STATS: &str =
    "/stats?filter=(%5C.update_(rejected%7Csuccess)%7Ccontrol_plane%5C.connected_state)$";

const REJECTED: &str = ".update_rejected";
const SUCCESS: &str = ".update_success";

/// The xDS types that are watched for refusals.
pub(crate) const TYPES: [&str; 4] = ["cds", "lds", "rds", "eds"];

/// What a proxy says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ProxyState {
    /// It has its configuration and works.
    pub(crate) live: bool,
    /// It is connected to the control plane.
    pub(crate) connected: bool,
    /// Updates that it refused, in the order of `TYPES`.
    pub(crate) rejected: [u64; TYPES.len()],
    /// Updates that it took, in the order of `TYPES`.
    pub(crate) updates: [u64; TYPES.len()],
}

/// Asks the proxy.
///
/// # Errors
/// It does not answer.
pub(crate) async fn ask(client: &HttpClient, admin: SocketAddr) -> Result<ProxyState> {
    let live = is_live(client, admin).await?;
    let answer = client.get(admin, STATS, HeaderMap::new()).await?;
    ensure!(
        answer.status == StatusCode::OK,
        "{admin} answered {}",
        answer.status
    );
    let mut state = read(&String::from_utf8_lossy(&answer.body));
    state.live = live;
    Ok(state)
}

/// Whether the proxy has its configuration and works.
///
/// # Errors
/// It does not answer.
pub(crate) async fn is_live(client: &HttpClient, admin: SocketAddr) -> Result<bool> {
    Ok(client.get(admin, "/ready", HeaderMap::new()).await?.status == StatusCode::OK)
}

fn read(stats: &str) -> ProxyState {
    let lines = || stats.lines().filter_map(|line| line.split_once(": "));
    // A cluster that is resolved by DNS counts its resolutions as updates, too, but can refuse none.
    let subscriptions: BTreeSet<&str> = lines()
        .filter_map(|(name, _)| name.strip_suffix(REJECTED))
        .collect();
    let mut state = ProxyState::default();
    for (name, value) in lines() {
        let value: u64 = value.trim().parse().unwrap_or_default();
        if name == "control_plane.connected_state" {
            state.connected = value == 1;
        } else if let (Some(index), Some(_)) = (kind(name), name.strip_suffix(REJECTED)) {
            state.rejected[index] += value;
        } else if let (Some(index), Some(subscription)) = (kind(name), name.strip_suffix(SUCCESS))
            && subscriptions.contains(subscription)
        {
            state.updates[index] += value;
        }
    }
    state
}

/// The position in `TYPES` of the xDS type that a statistic is about. EDS counts under its cluster's name.
fn kind(name: &str) -> Option<usize> {
    let kind = if name.starts_with("cluster_manager.cds.") {
        "cds"
    } else if name.starts_with("listener_manager.lds.") {
        "lds"
    } else if name.contains(".rds.") {
        "rds"
    } else if name.starts_with("cluster.") && !name.contains(".sds.") {
        "eds"
    } else {
        return None;
    };
    TYPES.iter().position(|known| *known == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_summed_by_type() {
        let state = read(
            "cluster.cds_egress_demo_blue_tulle-demo_http_18080.update_rejected: 1\n\
             cluster.cds_egress_demo_blue_tulle-demo_http_18080.update_success: 2\n\
             cluster_manager.cds.update_rejected: 3\n\
             cluster.cds_egress_demo_payments_tulle-demo_http_18090.update_success: 8\n\
             control_plane.connected_state: 1\n\
             http.egress.rds.rds_egress_http_18080.update_rejected: 4\n\
             listener_manager.lds.update_rejected: 0\n\
             listener_manager.lds.update_success: 5\n\
             sds.token.update_rejected: 9\n",
        );
        assert_eq!(state.rejected, [3, 0, 4, 1]);
        assert_eq!(state.updates, [0, 5, 0, 2]);
        assert!(state.connected && !state.live);
    }
}
