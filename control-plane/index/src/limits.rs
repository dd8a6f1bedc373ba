//! Defaults: time limits and the retries that App Mesh made unasked.

use std::collections::BTreeSet;
use std::time::Duration;

use tulle_model::policy::{Limits, Protocol, RetryOn, RetryPolicy, Timeouts};

/// How long a request may take where nothing is said.
pub(crate) const REQUEST: Duration = Duration::from_secs(15);
/// How long nothing may move where nothing is said.
pub(crate) const IDLE: Duration = Duration::from_secs(300);

/// Applies the defaults; zero is no limit. TCP knows no requests.
pub(crate) fn limits(timeouts: Timeouts, protocol: Protocol) -> Limits {
    let limit = |said: Option<Duration>, default: Duration| {
        Some(said.unwrap_or(default)).filter(|limit| !limit.is_zero())
    };
    Limits {
        request: limit(timeouts.request, REQUEST).filter(|_| protocol.is_http()),
        idle: limit(timeouts.idle, IDLE),
    }
}

/// The retries of a route: what the user says, else App Mesh's own if they are switched on.
pub(crate) fn retry(
    said: Option<&RetryPolicy>,
    protocol: Protocol,
    implicit: bool,
) -> Option<RetryPolicy> {
    if !protocol.is_http() {
        return None;
    }
    match said {
        Some(policy) => Some(policy.clone()),
        None if implicit => Some(RetryPolicy {
            max_retries: 2,
            per_try_timeout: None,
            on: BTreeSet::from([
                RetryOn::GrpcUnavailable,
                RetryOn::Reset,
                RetryOn::ConnectFailure,
                RetryOn::RefusedStream,
            ]),
            status_codes: BTreeSet::from([503]),
            avoid_previous_hosts: Some(5),
        }),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsaid_is_the_default_and_zero_is_no_limit() {
        let said = |request: Option<u64>, idle: Option<u64>| Timeouts {
            request: request.map(Duration::from_secs),
            idle: idle.map(Duration::from_secs),
        };
        let of = |timeouts, protocol| {
            let Limits { request, idle } = limits(timeouts, protocol);
            (request.map(|d| d.as_secs()), idle.map(|d| d.as_secs()))
        };
        for (timeouts, protocol, expected) in [
            (said(None, None), Protocol::Http, (Some(15), Some(300))),
            (said(None, None), Protocol::Tcp, (None, Some(300))),
            (said(Some(0), Some(0)), Protocol::Grpc, (None, None)),
            (
                said(Some(60), Some(1)),
                Protocol::Http2,
                (Some(60), Some(1)),
            ),
            (said(Some(60), Some(0)), Protocol::Tcp, (None, None)),
        ] {
            assert_eq!(of(timeouts, protocol), expected);
        }
    }

    #[test]
    fn a_policy_replaces_the_implicit_retries_even_to_turn_them_off() {
        let off = RetryPolicy {
            max_retries: 0,
            per_try_timeout: None,
            on: BTreeSet::new(),
            status_codes: BTreeSet::new(),
            avoid_previous_hosts: None,
        };
        assert_eq!(retry(Some(&off), Protocol::Http, true), Some(off.clone()));
        assert_eq!(retry(None, Protocol::Http, false), None);
        assert_eq!(retry(None, Protocol::Tcp, true), None);
        let implicit = retry(None, Protocol::Grpc, true).unwrap();
        assert_eq!(implicit.max_retries, 2);
        assert_eq!(implicit.avoid_previous_hosts, Some(5));
        assert_eq!(implicit.status_codes, BTreeSet::from([503]));
    }
}
