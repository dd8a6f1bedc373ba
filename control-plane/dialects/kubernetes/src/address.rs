//! IP addresses.

use std::net::IpAddr;

use tulle_model::Severity;

use crate::report::{Report, code};

/// An address; one that is none is reported and passed over.
pub(crate) fn address(report: &mut Report, field: &str, text: &str) -> Option<IpAddr> {
    let address = text.parse().ok();
    if address.is_none() {
        report.add(
            Severity::Error,
            code::INVALID,
            field,
            format!("{text:?} is no IP address"),
            "write an IPv4 or IPv6 address",
        );
    }
    address
}
