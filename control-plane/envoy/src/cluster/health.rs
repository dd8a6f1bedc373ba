//! When a client leaves one of a cluster's hosts alone: by its answers to requests, and by its answers to checks.

use std::time::Duration;

use tulle_model::linked::ViewCluster;
use tulle_model::policy::Protocol;
use tulle_model::traffic;
use tulle_proto::cluster::{Cluster, OutlierDetection};
use tulle_proto::core::HealthCheck;
use tulle_proto::core::health_check::{
    GrpcHealthCheck, HealthChecker, HttpHealthCheck, TcpHealthCheck,
};
use tulle_proto::pb::envoy::r#type::v3::{CodecClientType, Int64Range};

use crate::wire;

/// Every status but the expected one, 200: with these a bad answer counts toward the threshold, where Envoy by itself would
/// take the host for ill at once.
const RETRIABLE: Int64Range = Int64Range {
    start: 100,
    end: 600,
};

/// A cluster with health checks is of no use before each host has answered the first of them or let its time run out. No user
/// can ask for less than this, and hosts that let longer times run out are not waited for.
const LONGEST_SETTLE: Duration = Duration::from_secs(2);

/// Sets what the destination's user asks of its clients, and returns how long the cluster may warm on account of it.
///
/// Such a cluster keeps Envoy's panic threshold of a half, as App Mesh's had it: where most hosts seem ill, the judgement is
/// trusted less than the hosts, above all where there is but one.
pub(super) fn watch(cluster: &mut Cluster, of: &ViewCluster) -> Duration {
    if of.outlier_detection.is_some() || of.health_check.is_some() {
        cluster.common_lb_config = None;
    }
    cluster.outlier_detection = of.outlier_detection.map(outlier_detection);
    let Some(check) = &of.health_check else {
        return Duration::ZERO;
    };
    cluster.health_checks = vec![health_check(check, &host(of))];
    check.timeout.min(LONGEST_SETTLE)
}

/// What checks say they call.
fn host(of: &ViewCluster) -> String {
    let host = format!("{}:{}", of.hostname, of.to.port);
    // Envoy takes its own default for a header with a line break, which would be refused.
    match host.contains(['\0', '\r', '\n']) {
        true => String::new(),
        false => host,
    }
}

/// Consecutive errors alone eject: what Envoy finds out by statistics nobody asked for.
fn outlier_detection(of: traffic::OutlierDetection) -> OutlierDetection {
    let never = Some(wire::u32_value(0));
    OutlierDetection {
        consecutive_5xx: Some(wire::u32_value(of.consecutive_errors)),
        enforcing_consecutive_5xx: Some(wire::u32_value(100)),
        interval: Some(wire::duration(of.interval)),
        base_ejection_time: Some(wire::duration(of.base_ejection)),
        max_ejection_percent: Some(wire::u32_value(of.max_ejection_percent)),
        always_eject_one_host: Some(wire::bool_value(true)),
        enforcing_success_rate: never,
        enforcing_consecutive_gateway_failure: never,
        enforcing_failure_percentage: never,
        enforcing_consecutive_local_origin_failure: never,
        enforcing_local_origin_success_rate: never,
        enforcing_failure_percentage_local_origin: never,
        ..Default::default()
    }
}

fn health_check(check: &traffic::HealthCheck, host: &str) -> HealthCheck {
    let checker = match check.protocol {
        Protocol::Http => http(check, host, CodecClientType::Http1),
        Protocol::Http2 => http(check, host, CodecClientType::Http2),
        Protocol::Grpc => HealthChecker::GrpcHealthCheck(GrpcHealthCheck {
            authority: host.to_owned(),
            ..Default::default()
        }),
        Protocol::Tcp => HealthChecker::TcpHealthCheck(TcpHealthCheck::default()),
    };
    let interval = Some(wire::duration(check.interval));
    HealthCheck {
        timeout: Some(wire::duration(check.timeout)),
        interval,
        // Envoy's own is a minute while nobody sends requests; the user said how often.
        no_traffic_interval: interval,
        healthy_threshold: Some(wire::u32_value(check.healthy_threshold)),
        unhealthy_threshold: Some(wire::u32_value(check.unhealthy_threshold)),
        health_checker: Some(checker),
        ..Default::default()
    }
}

fn http(check: &traffic::HealthCheck, host: &str, codec: CodecClientType) -> HealthChecker {
    HealthChecker::HttpHealthCheck(HttpHealthCheck {
        host: host.to_owned(),
        path: check.path.to_string(),
        codec_client_type: codec.into(),
        retriable_statuses: vec![RETRIABLE],
        ..Default::default()
    })
}
