//! What the control plane tells under `/metrics`, beside the process' own.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use tulle_runtime::metrics::MetricsBuilder;
use tulle_xds::Server;

/// Metrics that the mesh's task writes.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    /// Seconds from a file's save to the last ACK.
    pub(super) convergence: Histogram,
}

/// All metrics, and the registry that shows them.
pub(super) fn metrics(server: Server) -> (Metrics, tulle_runtime::metrics::Metrics) {
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
        .scope("xds")
        .register_collector(Box::new(Xds(server)));
    (metrics, builder.build())
}

/// Reads the server's own counters when somebody looks.
struct Xds(Server);

impl std::fmt::Debug for Xds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Xds")
    }
}

impl Collector for Xds {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counters = self.0.counters();
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
            ("streams", "Streams now", self.0.streams()),
            ("connections", "Connections now", self.0.connections()),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value as u64);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}
