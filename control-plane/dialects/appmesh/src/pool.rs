//! Connection pools.

use tulle_crds::appmesh::{
    HttpConnectionPool, RequestPool, TcpConnectionPool, VirtualGatewayConnectionPool,
    VirtualNodeConnectionPool,
};
use tulle_model::policy::Protocol;
use tulle_model::traffic::Pool;

use crate::field::Field;
use crate::number::{COUNT, number};
use crate::report::{Report, code};

/// The members of a pool, those that a VirtualNode and a VirtualGateway have alike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Members {
    grpc: Option<RequestPool>,
    http: Option<HttpConnectionPool>,
    http2: Option<RequestPool>,
    tcp: Option<TcpConnectionPool>,
}

impl From<&VirtualNodeConnectionPool> for Members {
    fn from(given: &VirtualNodeConnectionPool) -> Self {
        let VirtualNodeConnectionPool {
            grpc,
            http,
            http2,
            tcp,
        } = *given;
        Self {
            grpc,
            http,
            http2,
            tcp,
        }
    }
}

impl From<&VirtualGatewayConnectionPool> for Members {
    fn from(given: &VirtualGatewayConnectionPool) -> Self {
        let VirtualGatewayConnectionPool { grpc, http, http2 } = *given;
        Self {
            grpc,
            http,
            http2,
            tcp: None,
        }
    }
}

/// The limits of the listener's protocol; every other member is an error. `kind` is the word of App Mesh's webhook for whose
/// pool it is, such as `Virtual Node`.
pub(crate) fn pool(
    report: &mut Report,
    field: &Field,
    members: Members,
    protocol: Protocol,
    kind: &str,
) -> Option<Pool> {
    let set: Vec<Protocol> = [
        (Protocol::Grpc, members.grpc.is_some()),
        (Protocol::Http, members.http.is_some()),
        (Protocol::Http2, members.http2.is_some()),
        (Protocol::Tcp, members.tcp.is_some()),
    ]
    .into_iter()
    .filter_map(|(member, set)| set.then_some(member))
    .collect();
    let keep = format!(
        "keep {}, which is the listener's protocol",
        protocol.as_str()
    );
    if set.len() > 1 {
        let message = format!("Only one type of {kind} Connection Pool is allowed");
        report.error(code::CONFLICT, field, message, &keep);
    }
    for member in set.iter().filter(|member| **member != protocol) {
        report.error(
            code::CONFLICT,
            &field.key(member.as_str()),
            format!(
                "the listener speaks {}, so these limits have no effect",
                protocol.as_str()
            ),
            format!("set connectionPool.{} instead", protocol.as_str()),
        );
    }
    let field = field.key(protocol.as_str());
    match protocol {
        Protocol::Http => members.http.map(|given| http(report, &field, given)),
        Protocol::Http2 => members.http2.map(|given| requests(report, &field, given)),
        Protocol::Grpc => members.grpc.map(|given| requests(report, &field, given)),
        Protocol::Tcp => members.tcp.map(|given| tcp(report, &field, given)),
    }
}

fn http(report: &mut Report, field: &Field, given: HttpConnectionPool) -> Pool {
    Pool {
        connections: limit(report, &field.key("maxConnections"), given.max_connections),
        pending_requests: given
            .max_pending_requests
            .and_then(|given| limit(report, &field.key("maxPendingRequests"), given)),
        requests: None,
    }
}

fn requests(report: &mut Report, field: &Field, given: RequestPool) -> Pool {
    Pool {
        requests: limit(report, &field.key("maxRequests"), given.max_requests),
        ..Pool::default()
    }
}

fn tcp(report: &mut Report, field: &Field, given: TcpConnectionPool) -> Pool {
    Pool {
        connections: limit(report, &field.key("maxConnections"), given.max_connections),
        ..Pool::default()
    }
}

fn limit(report: &mut Report, field: &Field, given: i64) -> Option<u32> {
    number(report, field, given, COUNT).ok()
}
