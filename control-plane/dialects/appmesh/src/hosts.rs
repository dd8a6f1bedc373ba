//! Host names: of services, of DNS discovery, of gateway routes.

use std::net::{IpAddr, Ipv6Addr};

use tulle_model::Str;
use tulle_model::id::shared;
use tulle_model::matching::HostMatch;

use crate::field::Field;
use crate::report::{LeftOut, Report, code};

const HELP: &str = "write a DNS name: labels of letters, digits, `-` and `_` with dots between, no port, no wildcard";

/// A host as clients send it in `Host`, in lower case: a DNS name or an address.
pub(crate) fn host(report: &mut Report, field: &Field, text: &str) -> Result<Str, LeftOut> {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .is_some_and(|text| text.parse::<Ipv6Addr>().is_ok());
    if bracketed || is_dns_name(text) {
        Ok(shared(&text.to_ascii_lowercase()))
    } else {
        Err(invalid(report, field, text))
    }
}

/// A name to be resolved, in lower case and without a final dot; an address stands for itself.
pub(crate) fn dns_name(report: &mut Report, field: &Field, text: &str) -> Result<Str, LeftOut> {
    if text.parse::<IpAddr>().is_ok() || is_dns_name(text) {
        Ok(shared(&text.trim_end_matches('.').to_ascii_lowercase()))
    } else {
        Err(invalid(report, field, text))
    }
}

/// The condition on the host of a gateway route: exactly one of `exact` and `suffix`.
pub(crate) fn host_match(
    report: &mut Report,
    field: &Field,
    exact: Option<&str>,
    suffix: Option<&str>,
) -> Result<HostMatch, LeftOut> {
    match (exact, suffix) {
        (Some(exact), None) => host(report, &field.key("exact"), exact).map(HostMatch::Exact),
        (None, Some(suffix)) => {
            let field = field.key("suffix");
            if is_suffix(suffix) {
                Ok(HostMatch::Suffix(suffix.to_ascii_lowercase().into()))
            } else {
                Err(report.error(
                    code::INVALID,
                    &field,
                    format!("{suffix:?} is not the end of a host name"),
                    "write the ending itself, such as .example.com, without port or wildcard",
                ))
            }
        }
        (None, None) => Err(report.error(
            code::MISSING,
            field,
            "Either exact or suffix match for hostname must be specified",
            "set exact or suffix",
        )),
        (Some(_), Some(_)) => Err(report.error(
            code::CONFLICT,
            field,
            "Both exact and suffix match for hostname are not allowed. Only one must be specified",
            "remove exact or suffix",
        )),
    }
}

fn invalid(report: &mut Report, field: &Field, text: &str) -> LeftOut {
    report.error(
        code::INVALID,
        field,
        format!("{text:?} is no host name"),
        HELP,
    )
}

/// Up to 253 characters: labels of 1 to 63 letters, digits, `-` and `_`; a final dot is allowed.
fn is_dns_name(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len()) && label.bytes().all(is_label_byte)
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// The end of a host name, which may begin inside a label or with its dot.
fn is_suffix(text: &str) -> bool {
    is_dns_name(text.strip_prefix('.').unwrap_or(text))
}
