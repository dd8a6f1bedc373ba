//! Health checks of a VirtualNode, which its clients make.

use std::ops::RangeInclusive;
use std::time::Duration;

use tulle_crds::appmesh;
use tulle_model::policy::Protocol;
use tulle_model::traffic::HealthCheck;

use crate::field::Field;
use crate::number::number;
use crate::ports;
use crate::report::{LeftOut, Report, code};

const THRESHOLD: RangeInclusive<u32> = 2..=10;
const INTERVAL: RangeInclusive<u64> = 5_000..=300_000;
const TIMEOUT: RangeInclusive<u64> = 2_000..=60_000;

/// What is asked for where the user names no path.
const ROOT: &str = "/";

/// How clients ask this listener's hosts whether they are well; all of it or nothing. `listeners` are the node's port mappings.
pub(super) fn health_check(
    report: &mut Report,
    field: &Field,
    given: &appmesh::HealthCheck,
    listener: Protocol,
    listeners: &[i64],
) -> Option<HealthCheck> {
    let protocol = ports::protocol(given.protocol);
    let port = port(report, &field.key("port"), given.port, listeners);
    let path = path(report, &field.key("path"), given.path.as_deref(), protocol);
    let mut threshold = |name: &str, given| number(report, &field.key(name), given, THRESHOLD);
    let healthy = threshold("healthyThreshold", given.healthy_threshold);
    let unhealthy = threshold("unhealthyThreshold", given.unhealthy_threshold);
    let mut millis = |name: &str, given, range| {
        number(report, &field.key(name), given, range).map(Duration::from_millis)
    };
    let interval = millis("intervalMillis", given.interval_millis, INTERVAL);
    let timeout = millis("timeoutMillis", given.timeout_millis, TIMEOUT);
    if protocol == Protocol::Grpc && !listener.is_http2() {
        report.error(
            code::CONFLICT,
            &field.key("protocol"),
            format!(
                "the listener speaks {}, so clients have no HTTP/2 connection for gRPC's health checks; none are made",
                listener.as_str()
            ),
            format!("check by {}, or by tcp", listener.as_str()),
        );
        return None;
    }
    Some(HealthCheck {
        protocol,
        path: path.ok()?.into(),
        port: port.ok()?,
        healthy_threshold: healthy.ok()?,
        unhealthy_threshold: unhealthy.ok()?,
        interval: interval.ok()?,
        timeout: timeout.ok()?,
    })
}

fn port(
    report: &mut Report,
    field: &Field,
    given: Option<i64>,
    listeners: &[i64],
) -> Result<Option<u16>, LeftOut> {
    let port = ports::optional_port(report, field, given)?;
    if let Some(port) = port.filter(|port| !listeners.contains(&i64::from(*port))) {
        report.warning(
            code::AWS_LIMIT,
            field,
            format!(
                "the node has no listener on port {port}, so the application itself is asked, without its proxy; AWS's API refused that"
            ),
            "name the port of a listener, or leave the field out",
        );
    }
    Ok(port)
}

fn path<'a>(
    report: &mut Report,
    field: &Field,
    given: Option<&'a str>,
    protocol: Protocol,
) -> Result<&'a str, LeftOut> {
    let Some(path) = given else {
        return Ok(ROOT);
    };
    match protocol {
        Protocol::Grpc | Protocol::Tcp => {
            report.warning(
                code::NO_EFFECT,
                field,
                format!("a health check by {} asks for no path", protocol.as_str()),
                "remove the field",
            );
            Ok(ROOT)
        }
        Protocol::Http | Protocol::Http2 => {
            if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Ok(path);
            }
            Err(report.error(
                code::INVALID,
                field,
                format!("{path:?} is no path of a request, so no health checks are made"),
                "begin it with a slash, and percent-encode spaces and what is not ASCII",
            ))
        }
    }
}
