//! Ports, and the lists of listeners that nodes, routers and gateways have.

use std::collections::BTreeSet;

use tulle_crds::appmesh;
use tulle_model::policy::Protocol;

use crate::field::Field;
use crate::report::{LeftOut, Report, code};

/// A port number; 0 and what is beyond 65535 is an error.
pub(crate) fn port(report: &mut Report, field: &Field, port: i64) -> Result<u16, LeftOut> {
    match u16::try_from(port) {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(report.error(
            code::INVALID,
            field,
            format!("{port} is no port"),
            "give a number from 1 to 65535",
        )),
    }
}

/// A port number that may be absent.
pub(crate) fn optional_port(
    report: &mut Report,
    field: &Field,
    given: Option<i64>,
) -> Result<Option<u16>, LeftOut> {
    given.map(|given| port(report, field, given)).transpose()
}

/// Reads a listener's port mapping. Of several listeners on one port the first counts.
pub(crate) fn listener_port(
    report: &mut Report,
    listener: &Field,
    given: i64,
    seen: &mut BTreeSet<u16>,
) -> Result<u16, LeftOut> {
    let field = listener.key("portMapping").key("port");
    let port = port(report, &field, given)?;
    if seen.insert(port) {
        return Ok(port);
    }
    Err(report.error(
        code::DUPLICATE,
        &field,
        format!("port {port} has a listener already; this one is left out"),
        "give every listener a port of its own",
    ))
}

/// The model's word for a protocol.
pub(crate) fn protocol(protocol: appmesh::Protocol) -> Protocol {
    match protocol {
        appmesh::Protocol::Http => Protocol::Http,
        appmesh::Protocol::Http2 => Protocol::Http2,
        appmesh::Protocol::Grpc => Protocol::Grpc,
        appmesh::Protocol::Tcp => Protocol::Tcp,
    }
}
