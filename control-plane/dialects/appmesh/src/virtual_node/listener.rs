//! A VirtualNode's listeners.

use std::collections::BTreeSet;

use tulle_crds::appmesh::{self, ListenerTimeout, VirtualNodeConnectionPool};
use tulle_model::fragment::Listener;
use tulle_model::policy::{Protocol, Timeouts};

use crate::duration::{http_timeouts, tcp_timeouts};
use crate::field::Field;
use crate::ports;
use crate::report::{LeftOut, Report, code};

/// What becomes of a port for which the user says what TLS is used.
const PLAINTEXT: &str =
    "the port is in plaintext until then, where proxies use mutual TLS by themselves too";

pub(super) fn listener(
    report: &mut Report,
    field: &Field,
    given: &appmesh::Listener,
    seen: &mut BTreeSet<u16>,
) -> Result<Listener, LeftOut> {
    let protocol = ports::protocol(given.port_mapping.protocol);
    if let Some(pool) = &given.connection_pool {
        let field = field.key("connectionPool");
        report.not_honoured_yet(&field);
        if members(pool) > 1 {
            report.error(
                code::CONFLICT,
                &field,
                "Only one type of Virtual Node Connection Pool is allowed",
                format!(
                    "keep {}, which is the listener's protocol",
                    protocol.as_str()
                ),
            );
        }
    }
    for (key, set) in [
        ("healthCheck", given.health_check.is_some()),
        ("outlierDetection", given.outlier_detection.is_some()),
    ] {
        if set {
            report.not_honoured_yet(&field.key(key));
        }
    }
    if given.tls.is_some() {
        report.half_honoured_yet(&field.key("tls"), PLAINTEXT);
    }
    let timeouts = timeouts(
        report,
        &field.key("timeout"),
        given.timeout.as_ref(),
        protocol,
    );
    let port = ports::listener_port(report, field, given.port_mapping.port, seen)?;
    Ok(Listener {
        port,
        protocol,
        timeouts,
        tls: given.tls.is_some(),
    })
}

fn members(pool: &VirtualNodeConnectionPool) -> usize {
    [
        pool.grpc.is_some(),
        pool.http.is_some(),
        pool.http2.is_some(),
        pool.tcp.is_some(),
    ]
    .into_iter()
    .filter(|set| *set)
    .count()
}

/// The member of the listener's protocol; every other one is an error.
fn timeouts(
    report: &mut Report,
    field: &Field,
    timeout: Option<&ListenerTimeout>,
    protocol: Protocol,
) -> Timeouts {
    let Some(timeout) = timeout else {
        return Timeouts::default();
    };
    for (member, set) in [
        (Protocol::Grpc, timeout.grpc.is_some()),
        (Protocol::Http, timeout.http.is_some()),
        (Protocol::Http2, timeout.http2.is_some()),
        (Protocol::Tcp, timeout.tcp.is_some()),
    ] {
        if set && member != protocol {
            report.error(
                code::CONFLICT,
                &field.key(member.as_str()),
                format!(
                    "the listener speaks {}, so this timeout has no effect",
                    protocol.as_str()
                ),
                format!("set timeout.{} instead", protocol.as_str()),
            );
        }
    }
    let field = field.key(protocol.as_str());
    match protocol {
        Protocol::Grpc => http_timeouts(report, &field, timeout.grpc.as_ref()),
        Protocol::Http => http_timeouts(report, &field, timeout.http.as_ref()),
        Protocol::Http2 => http_timeouts(report, &field, timeout.http2.as_ref()),
        Protocol::Tcp => tcp_timeouts(report, &field, timeout.tcp.as_ref()),
    }
}
