use std::time::Duration;

use serde_json::json;
use tulle_model::policy::RetryOn;

use super::*;

fn retry(kind: &str, policy: Value) -> Translated {
    let wanted = if kind == "grpcRoute" {
        json!({})
    } else {
        json!({"prefix": "/"})
    };
    let mut spec = matching(kind, wanted);
    let mut policy = policy;
    if policy.get("perRetryTimeout").is_none() {
        policy["perRetryTimeout"] = json!({"unit": "ms", "value": 2000});
    }
    spec["routes"][0][kind]["retryPolicy"] = policy;
    translated("VirtualRouter", spec)
}

#[test]
fn retry_events() {
    let server = vec![500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511];
    for (kind, list, event, on, codes) in [
        (
            "httpRoute",
            "httpRetryEvents",
            "server-error",
            vec![],
            server,
        ),
        (
            "http2Route",
            "httpRetryEvents",
            "gateway-error",
            vec![],
            vec![502, 503, 504],
        ),
        (
            "httpRoute",
            "httpRetryEvents",
            "client-error",
            vec![],
            vec![409],
        ),
        (
            "grpcRoute",
            "httpRetryEvents",
            "stream-error",
            vec![RetryOn::RefusedStream, RetryOn::Reset],
            vec![],
        ),
        (
            "httpRoute",
            "tcpRetryEvents",
            "connection-error",
            vec![RetryOn::ConnectFailure],
            vec![],
        ),
        (
            "grpcRoute",
            "tcpRetryEvents",
            "connection-error",
            vec![RetryOn::ConnectFailure],
            vec![],
        ),
        (
            "grpcRoute",
            "grpcRetryEvents",
            "cancelled",
            vec![RetryOn::GrpcCancelled],
            vec![],
        ),
        (
            "grpcRoute",
            "grpcRetryEvents",
            "deadline-exceeded",
            vec![RetryOn::GrpcDeadlineExceeded],
            vec![],
        ),
        (
            "grpcRoute",
            "grpcRetryEvents",
            "internal",
            vec![RetryOn::GrpcInternal],
            vec![],
        ),
        (
            "grpcRoute",
            "grpcRetryEvents",
            "resource-exhausted",
            vec![RetryOn::GrpcResourceExhausted],
            vec![],
        ),
        (
            "grpcRoute",
            "grpcRetryEvents",
            "unavailable",
            vec![RetryOn::GrpcUnavailable],
            vec![],
        ),
    ] {
        let translated = retry(kind, json!({"maxRetries": 4, list: [event]}));
        assert_eq!(translated.findings, []);
        let policy = only_route(translated.fragments[0].clone()).retry.unwrap();
        assert_eq!(policy.on, on.into_iter().collect(), "{event}");
        assert_eq!(policy.status_codes, codes.into_iter().collect(), "{event}");
        assert_eq!(policy.max_retries, 4);
        assert_eq!(policy.per_try_timeout, Some(Duration::from_secs(2)));
        assert_eq!(policy.avoid_previous_hosts, Some(5));
    }
}

#[test]
fn retries_turned_off() {
    for policy in [
        json!({"maxRetries": 0}),
        json!({"maxRetries": 0, "httpRetryEvents": ["server-error"], "perRetryTimeout": {"unit": "s", "value": 0}}),
    ] {
        let translated = retry("httpRoute", policy);
        assert_eq!(translated.findings, []);
        let policy = only_route(translated.fragments[0].clone()).retry.unwrap();
        assert_eq!((policy.max_retries, policy.avoid_previous_hosts), (0, None));
    }
}

#[test]
fn a_per_retry_timeout_of_zero_is_none() {
    let translated = retry(
        "httpRoute",
        json!({"maxRetries": 1, "tcpRetryEvents": ["connection-error"], "perRetryTimeout": {"unit": "ms", "value": 0}}),
    );
    assert_eq!(translated.findings, []);
    let policy = only_route(translated.fragments[0].clone()).retry.unwrap();
    assert_eq!(policy.per_try_timeout, None);
}

#[test]
fn retry_rules() {
    let field = "spec.routes[0].httpRoute.retryPolicy";
    let eventless = retry("httpRoute", json!({"maxRetries": 3}));
    assert_eq!(
        findings(&eventless),
        [(Severity::Error, "missing-field", field)]
    );
    assert_eq!(
        only_route(eventless.fragments[0].clone())
            .retry
            .unwrap()
            .max_retries,
        0
    );
    for bad in [-1, i64::MAX] {
        let negative = retry(
            "httpRoute",
            json!({"maxRetries": bad, "httpRetryEvents": ["server-error"]}),
        );
        let field = format!("{field}.maxRetries");
        assert_eq!(
            findings(&negative),
            [(Severity::Error, "invalid-value", &*field)]
        );
        assert_eq!(only_route(negative.fragments[0].clone()).retry, None);
    }
}
