//! A VirtualNode's listeners.

use std::collections::BTreeSet;

use tulle_crds::appmesh::{self, ListenerTimeout};
use tulle_model::fragment::Listener;
use tulle_model::policy::{Protocol, Timeouts};

use super::health_check::health_check;
use super::outlier::outlier_detection;
use crate::duration::{http_timeouts, tcp_timeouts};
use crate::field::Field;
use crate::pool::pool;
use crate::ports;
use crate::report::{LeftOut, Report, code};
use crate::server_tls::server_tls;

/// A listener of a node with listeners on these `ports`; `seen` are those of the listeners before it.
pub(super) fn listener(
    report: &mut Report,
    field: &Field,
    given: &appmesh::Listener,
    seen: &mut BTreeSet<u16>,
    ports: &[i64],
) -> Result<Listener, LeftOut> {
    let protocol = ports::protocol(given.port_mapping.protocol);
    let pool = given.connection_pool.as_ref().and_then(|given| {
        let field = field.key("connectionPool");
        pool(report, &field, given.into(), protocol, "Virtual Node")
    });
    let outlier_detection = given
        .outlier_detection
        .as_ref()
        .and_then(|given| outlier_detection(report, &field.key("outlierDetection"), given));
    let health_check = given.health_check.as_ref().and_then(|given| {
        let field = field.key("healthCheck");
        health_check(report, &field, given, protocol, ports)
    });
    let tls = given
        .tls
        .as_ref()
        .map(|tls| server_tls(report, &field.key("tls"), tls));
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
        tls: tls.transpose()?,
        pool,
        outlier_detection,
        health_check,
        rate_limit: None,
    })
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
