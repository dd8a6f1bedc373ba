//! Retry policies.

use std::collections::BTreeSet;

use tulle_crds::appmesh::{
    self, GrpcRetryEvent, GrpcRetryPolicy, HttpRetryEvent, HttpRetryPolicy, TcpRetryEvent,
};
use tulle_model::policy::{RetryOn, RetryPolicy};

use crate::duration::duration;
use crate::field::Field;
use crate::report::{Report, code};

/// The codes that `server-error` stands for: a list, since Envoy's own `5xx` would also retry
/// resets and time-outs.
const SERVER_ERROR: [u16; 11] = [500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511];
const GATEWAY_ERROR: [u16; 3] = [502, 503, 504];
const CLIENT_ERROR: [u16; 1] = [409];

/// How often another host is looked for before a retry goes to one that failed already. App Mesh
/// is known to have done so for its implicit policy; it cannot do harm for a written one.
const HOST_ATTEMPTS: u32 = 5;

/// The policy of an HTTP or HTTP/2 route. `None`, as if nothing were said, if it is unusable.
pub(crate) fn http_retry(
    report: &mut Report,
    field: &Field,
    policy: Option<&HttpRetryPolicy>,
) -> Option<RetryPolicy> {
    let policy = policy?;
    let events = Events {
        http: &policy.http_retry_events,
        tcp: &policy.tcp_retry_events,
        grpc: &[],
    };
    retry(
        report,
        field,
        &events,
        policy.max_retries,
        policy.per_retry_timeout,
    )
}

/// The policy of a gRPC route. `None`, as if nothing were said, if it is unusable.
pub(crate) fn grpc_retry(
    report: &mut Report,
    field: &Field,
    policy: Option<&GrpcRetryPolicy>,
) -> Option<RetryPolicy> {
    let policy = policy?;
    let events = Events {
        http: &policy.http_retry_events,
        tcp: &policy.tcp_retry_events,
        grpc: &policy.grpc_retry_events,
    };
    retry(
        report,
        field,
        &events,
        policy.max_retries,
        policy.per_retry_timeout,
    )
}

struct Events<'a> {
    http: &'a [HttpRetryEvent],
    tcp: &'a [TcpRetryEvent],
    grpc: &'a [GrpcRetryEvent],
}

fn retry(
    report: &mut Report,
    field: &Field,
    events: &Events<'_>,
    max_retries: i64,
    per_retry_timeout: appmesh::Duration,
) -> Option<RetryPolicy> {
    let timeout_field = field.key("perRetryTimeout");
    let per_try_timeout =
        duration(report, &timeout_field, per_retry_timeout).filter(|limit| !limit.is_zero());
    let Ok(mut max_retries) = u32::try_from(max_retries) else {
        report.error(
            code::INVALID,
            &field.key("maxRetries"),
            format!("{max_retries} is no number of retries; the policy is left out"),
            "give 0 to turn retries off, or a small positive number",
        );
        return None;
    };
    let (on, status_codes) = conditions(events);
    if max_retries > 0 && on.is_empty() && status_codes.is_empty() {
        report.error(
            code::MISSING,
            field,
            "the policy names no event, so nothing is retried",
            "list at least one event in httpRetryEvents or tcpRetryEvents (gRPC: grpcRetryEvents too)",
        );
        max_retries = 0;
    }
    Some(RetryPolicy {
        max_retries,
        per_try_timeout,
        on,
        status_codes,
        avoid_previous_hosts: (max_retries > 0).then_some(HOST_ATTEMPTS),
    })
}

fn conditions(events: &Events<'_>) -> (BTreeSet<RetryOn>, BTreeSet<u16>) {
    let mut on = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for event in events.http {
        match event {
            HttpRetryEvent::ServerError => codes.extend(SERVER_ERROR),
            HttpRetryEvent::GatewayError => codes.extend(GATEWAY_ERROR),
            HttpRetryEvent::ClientError => codes.extend(CLIENT_ERROR),
            HttpRetryEvent::StreamError => on.extend([RetryOn::RefusedStream, RetryOn::Reset]),
        }
    }
    for event in events.tcp {
        match event {
            TcpRetryEvent::ConnectionError => on.insert(RetryOn::ConnectFailure),
        };
    }
    on.extend(events.grpc.iter().map(|event| match event {
        GrpcRetryEvent::Cancelled => RetryOn::GrpcCancelled,
        GrpcRetryEvent::DeadlineExceeded => RetryOn::GrpcDeadlineExceeded,
        GrpcRetryEvent::Internal => RetryOn::GrpcInternal,
        GrpcRetryEvent::ResourceExhausted => RetryOn::GrpcResourceExhausted,
        GrpcRetryEvent::Unavailable => RetryOn::GrpcUnavailable,
    }));
    (on, codes)
}
