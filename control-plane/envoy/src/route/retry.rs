//! Retries.

use tulle_model::policy::{RetryOn, RetryPolicy};
use tulle_proto::pb::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
use tulle_proto::route;
use tulle_proto::route::retry_policy::RetryHostPredicate;
use tulle_proto::route::retry_policy::retry_host_predicate::ConfigType;

use crate::wire;

/// Envoy's retry policy. One that allows no retry is still sent: its limit holds for the first try.
pub(super) fn policy(policy: &RetryPolicy) -> route::RetryPolicy {
    let mut on: Vec<_> = policy.on.iter().copied().map(condition).collect();
    if !policy.status_codes.is_empty() {
        on.push("retriable-status-codes");
    }
    let avoid = policy.avoid_previous_hosts;
    route::RetryPolicy {
        retry_on: on.join(","),
        num_retries: Some(wire::u32_value(policy.max_retries)),
        per_try_timeout: policy.per_try_timeout.map(wire::duration),
        retry_host_predicate: avoid.map(|_| other_host()).into_iter().collect(),
        host_selection_retry_max_attempts: avoid.map_or(0, i64::from),
        retriable_status_codes: policy.status_codes.iter().copied().map(u32::from).collect(),
        ..Default::default()
    }
}

fn condition(on: RetryOn) -> &'static str {
    match on {
        RetryOn::ConnectFailure => "connect-failure",
        RetryOn::Reset => "reset",
        RetryOn::RefusedStream => "refused-stream",
        RetryOn::GrpcCancelled => "cancelled",
        RetryOn::GrpcDeadlineExceeded => "deadline-exceeded",
        RetryOn::GrpcInternal => "internal",
        RetryOn::GrpcResourceExhausted => "resource-exhausted",
        RetryOn::GrpcUnavailable => "unavailable",
    }
}

fn other_host() -> RetryHostPredicate {
    RetryHostPredicate {
        name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
        config_type: Some(ConfigType::TypedConfig(tulle_proto::any(
            &PreviousHostsPredicate::default(),
        ))),
    }
}
