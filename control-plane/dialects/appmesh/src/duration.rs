//! Durations and the time limits made of them.

use std::time::Duration;

use tulle_crds::appmesh;
use tulle_model::policy::Timeouts;

use crate::field::Field;
use crate::report::{Report, code};

/// The longest limit that is passed on. Envoy refuses durations of more than about 292 years; a
/// limit beyond a century is none.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A duration; zero, which turns off the limit that it sets, stays zero.
///
/// `None`, as if nothing were said, if it is negative.
pub(crate) fn duration(
    report: &mut Report,
    field: &Field,
    duration: appmesh::Duration,
) -> Option<Duration> {
    if duration.value < 0 {
        report.error(
            code::INVALID,
            &field.key("value"),
            format!(
                "a duration cannot be negative ({}); the default applies",
                duration.value
            ),
            "give 0 for no limit, or a positive number",
        );
        return None;
    }
    let length = duration.to_std();
    if length > LONGEST {
        report.warning(
            code::INVALID,
            &field.key("value"),
            "longer than a hundred years: taken as no limit",
            "give 0 for no limit",
        );
        return Some(Duration::ZERO);
    }
    Some(length)
}

/// Limits of an HTTP, HTTP/2 or gRPC route or listener.
pub(crate) fn http_timeouts(
    report: &mut Report,
    field: &Field,
    timeout: Option<&appmesh::HttpTimeout>,
) -> Timeouts {
    let Some(timeout) = timeout else {
        return Timeouts::default();
    };
    Timeouts {
        request: timeout
            .per_request
            .and_then(|limit| duration(report, &field.key("perRequest"), limit)),
        idle: timeout
            .idle
            .and_then(|limit| duration(report, &field.key("idle"), limit)),
    }
}

/// Limits of a TCP route or listener.
pub(crate) fn tcp_timeouts(
    report: &mut Report,
    field: &Field,
    timeout: Option<&appmesh::TcpTimeout>,
) -> Timeouts {
    Timeouts {
        request: None,
        idle: timeout
            .and_then(|timeout| timeout.idle)
            .and_then(|limit| duration(report, &field.key("idle"), limit)),
    }
}
