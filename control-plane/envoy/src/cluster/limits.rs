//! How much a cluster takes at a time.

use tulle_model::traffic::Pool;
use tulle_proto::cluster::CircuitBreakers;
use tulle_proto::cluster::circuit_breakers::Thresholds;
use tulle_proto::core::RoutingPriority;

use crate::wire;

/// What App Mesh wrote where nothing is limited; Envoy's own 1,024 would refuse requests that nobody asked to be limited.
const UNLIMITED: u32 = i32::MAX.unsigned_abs();

/// The limits of a pool, or none. No route has high priority, for which Envoy's own limits stay.
pub(super) fn circuit_breakers(pool: Option<Pool>) -> CircuitBreakers {
    let Pool {
        connections,
        pending_requests,
        requests,
    } = pool.unwrap_or_default();
    let limit = |limit: Option<u32>| Some(wire::u32_value(limit.unwrap_or(UNLIMITED)));
    CircuitBreakers {
        thresholds: vec![Thresholds {
            priority: RoutingPriority::Default.into(),
            max_connections: limit(connections),
            max_pending_requests: limit(pending_requests),
            max_requests: limit(requests),
            max_retries: limit(None),
            ..Default::default()
        }],
        ..Default::default()
    }
}
