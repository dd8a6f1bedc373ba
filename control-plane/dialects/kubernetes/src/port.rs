//! Port numbers and protocols.

use tulle_model::Severity;

use crate::report::{Report, code};

/// A port number; one out of bounds is reported and passed over.
pub(crate) fn port(report: &mut Report, field: &str, port: i32) -> Option<u16> {
    let number = u16::try_from(port).ok().filter(|port| *port != 0);
    if number.is_none() {
        report.add(
            Severity::Error,
            code::INVALID,
            field,
            format!("{port} is no port"),
            "give a number from 1 to 65535",
        );
    }
    number
}

/// Whether a port's protocol is TCP, which it is where nothing is said.
pub(crate) fn is_tcp(protocol: Option<&str>) -> bool {
    protocol.is_none_or(|protocol| protocol == "TCP")
}
