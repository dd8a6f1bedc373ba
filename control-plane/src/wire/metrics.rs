//! What the control plane tells under `/metrics`, beside the process' own.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tokio::runtime::Handle;
use tulle_injector::webhook::LATENCY_BOUNDS;
use tulle_runtime::metrics::MetricsBuilder;

use super::late::Late;

/// Metrics that the mesh's task writes.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    /// Seconds from a file's save to the last ACK.
    pub(super) convergence: Histogram,
}

/// All metrics, and the registry that shows them. Has to be called on the runtime that they tell of.
pub(super) fn metrics(late: Late) -> (Metrics, tulle_runtime::metrics::Metrics) {
    let mut builder = MetricsBuilder::new(env!("CARGO_PKG_VERSION"));
    let metrics = Metrics {
        convergence: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
    };
    builder.scope("mesh").register(
        "convergence_seconds",
        "Time from a file's save until the last proxy concerned has accepted the change",
        metrics.convergence.clone(),
    );
    builder
        .scope("runtime")
        .register_collector(Box::new(Runtime(Handle::current())));
    builder
        .scope("xds")
        .register_collector(Box::new(Xds(late.clone())));
    builder
        .scope("webhook")
        .register_collector(Box::new(Webhooks(late.clone())));
    builder
        .scope("dns")
        .register_collector(Box::new(Dns(late.clone())));
    builder
        .scope("status")
        .register_collector(Box::new(Writers(late.clone())));
    builder
        .scope("cluster")
        .register_collector(Box::new(ApiServer(late)));
    (metrics, builder.build())
}

/// Asks the asynchronous runtime when somebody looks.
#[derive(Debug)]
struct Runtime(Handle);

impl Collector for Runtime {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let alive = self.0.metrics().num_alive_tasks();
        let gauge = ConstGauge::new(i64::try_from(alive).unwrap_or(i64::MAX));
        let help = "Tasks that have not ended";
        let metric = encoder.encode_descriptor("alive_tasks", help, None, gauge.metric_type())?;
        gauge.encode(metric)
    }
}

/// Reads the server's own counters when somebody looks.
struct Xds(Late);

impl std::fmt::Debug for Xds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Xds")
    }
}

impl Collector for Xds {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(server) = self.0.server() else {
            return Ok(());
        };
        let counters = server.counters();
        let totals = [
            (
                "connections_accepted",
                "Connections accepted",
                counters.connections,
            ),
            (
                "connections_refused",
                "Connections closed because there were too many",
                counters.connections_refused,
            ),
            (
                "handshakes_failed",
                "TLS handshakes that failed or took too long",
                counters.handshakes_failed,
            ),
            ("denied", "Calls refused for want of proof", counters.denied),
            (
                "share_exceeded",
                "Calls refused because their caller has too many connections or streams",
                counters.share_exceeded,
            ),
            ("streams_begun", "Streams begun", counters.streams),
            ("requests", "Discovery requests read", counters.requests),
            (
                "responses",
                "Discovery responses written",
                counters.responses,
            ),
            (
                "resources_sent",
                "Resources in those responses",
                counters.resources,
            ),
            (
                "removals_sent",
                "Removals in those responses",
                counters.removals,
            ),
            ("nacks", "Responses that clients rejected", counters.nacks),
            (
                "holds_expired",
                "Resources sent although a requirement was missing",
                counters.holds_expired,
            ),
            (
                "panics",
                "Streams ended by a defect of this program",
                counters.panics,
            ),
        ];
        for (name, help, value) in totals {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        let gauges = [
            ("streams", "Streams now", server.streams()),
            ("connections", "Connections now", server.connections()),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value as u64);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}

/// Reads the counts of the webhooks when somebody looks.
#[derive(Debug)]
struct Webhooks(Late);

impl Collector for Webhooks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(stats) = self.0.webhooks() else {
            return Ok(());
        };
        let stats = stats.snapshot();
        let name = "request_duration_seconds";
        let help = "Time from a request's head to its answer";
        let mut durations = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for series in &stats.requests {
            let labels = [
                ("path", series.route.as_str()),
                ("outcome", series.outcome.as_str()),
            ];
            let bounds = LATENCY_BOUNDS.iter().copied().chain([f64::MAX]);
            let buckets: Vec<(f64, u64)> = bounds.zip(series.buckets).collect();
            durations
                .encode_family(&labels)?
                .encode_histogram::<[(String, String); 0]>(
                    series.sum_seconds,
                    series.count,
                    &buckets,
                    None,
                )?;
        }
        let connections = stats.connections;
        for (name, help, value) in [
            (
                "connections_accepted",
                "Connections accepted",
                connections.accepted,
            ),
            (
                "connections_evicted",
                "Connections closed to make room",
                connections.evicted,
            ),
            (
                "connections_refused",
                "Connections closed because there were too many",
                connections.refused,
            ),
            (
                "handshakes_failed",
                "TLS handshakes that failed or took too long",
                connections.handshakes_failed,
            ),
        ] {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        let gauge = ConstGauge::new(connections.open);
        let metric = encoder.encode_descriptor(
            "connections",
            "Connections now",
            None,
            gauge.metric_type(),
        )?;
        gauge.encode(metric)
    }
}

/// What is known of the API server.
#[derive(Debug)]
struct ApiServer(Late);

impl Collector for ApiServer {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(clock) = self.0.clock() else {
            return Ok(());
        };
        let gauge = ConstGauge::new(clock.ahead());
        let metric = encoder.encode_descriptor(
            "clock_ahead_seconds",
            "How far this clock is ahead of the API server's, exact to a second",
            None,
            gauge.metric_type(),
        )?;
        gauge.encode(metric)
    }
}

/// Reads the counts of the DNS server when somebody looks.
#[derive(Debug)]
struct Dns(Late);

impl Collector for Dns {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(dns) = self.0.dns() else {
            return Ok(());
        };
        let counts = dns.counts();
        for (name, help, value) in [
            ("udp", "Packets by UDP", counts.udp),
            ("tcp", "Messages by TCP", counts.tcp),
            (
                "answered",
                "Questions about names that exist",
                counts.answered,
            ),
            (
                "no_such_name",
                "Questions about names of the zones that do not exist",
                counts.no_such_name,
            ),
            (
                "refused",
                "Questions about names in no zone, and of other kinds",
                counts.refused,
            ),
            (
                "malformed",
                "Messages that are no question",
                counts.malformed,
            ),
            (
                "truncated",
                "Answers that did not fit into a UDP packet",
                counts.truncated,
            ),
            (
                "connections_refused",
                "TCP connections closed because there were too many",
                counts.connections_refused,
            ),
            (
                "panics",
                "Questions that met a defect of this program",
                counts.panics,
            ),
        ] {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}

/// Reads the counts of what is written to the API server when somebody looks.
#[derive(Debug)]
struct Writers(Late);

impl Collector for Writers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(counters) = self.0.writers() else {
            return Ok(());
        };
        let counts = counters.now();
        for (name, help, value) in [
            ("written", "Statuses written", counts.statuses),
            (
                "unchanged",
                "Looks at an object that had its status already",
                counts.unchanged,
            ),
            ("events", "Events made", counts.events),
            (
                "events_dropped",
                "Events that had no room, or failed",
                counts.events_dropped,
            ),
            (
                "finalizers",
                "Objects freed of the old controller's finalizers",
                counts.finalizers,
            ),
            (
                "conflicts",
                "Writes refused because the object had changed",
                counts.conflicts,
            ),
            (
                "failures",
                "Writes that failed otherwise and are tried again",
                counts.failures,
            ),
        ] {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}
