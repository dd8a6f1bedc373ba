//! A gateway's connection pools.
//!
//! App Mesh had a gateway call itself before it called anybody else, and a listener's pool limited that. Here a gateway calls
//! destinations and no other, so that the pool limits each of those: what one listener may send to it, and where several
//! listeners call the same destination what all of them may send together. The caller that no pool limits makes it as much as
//! comes.

use tulle_model::fragment::Listener;
use tulle_model::policy::Protocol;
use tulle_model::traffic::Pool;

/// What a listener may send to a destination of this protocol. Over HTTP/1.1 a connection carries one request at a time, which
/// is what its limit means to whoever set it; over HTTP/2 one carries any number, so requests are counted instead.
pub(super) fn toward(listener: &Listener, protocol: Protocol) -> Pool {
    let pool = listener.pool.unwrap_or_default();
    if !listener.protocol.is_http2() && protocol.is_http2() {
        return Pool {
            connections: None,
            requests: pool.connections,
            ..pool
        };
    }
    pool
}

/// What two may send together.
pub(crate) fn sum(a: Pool, b: Pool) -> Pool {
    let sum = |a: Option<u32>, b: Option<u32>| Some(a?.saturating_add(b?));
    Pool {
        connections: sum(a.connections, b.connections),
        pending_requests: sum(a.pending_requests, b.pending_requests),
        requests: sum(a.requests, b.requests),
    }
}
