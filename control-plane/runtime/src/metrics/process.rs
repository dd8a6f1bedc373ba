//! What every Prometheus client tells of its process, read anew at each scrape. What cannot be read is left out.

use std::fmt;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::process::Resource;
use rustix::time::{ClockId, clock_gettime};

#[derive(Debug)]
pub(super) struct ProcessCollector {
    started: Duration,
}

impl ProcessCollector {
    pub(super) fn new() -> Self {
        Self {
            started: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let cpu = ConstCounter::new(cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9);
        let metric = encoder.encode_descriptor(
            "process_cpu_seconds",
            "User and system CPU time spent",
            None,
            cpu.metric_type(),
        )?;
        cpu.encode(metric)?;

        let mut gauge = |name: &str, help: &str, value: Option<u64>| -> Result<(), fmt::Error> {
            let Some(value) = value else { return Ok(()) };
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)
        };
        gauge(
            "process_start_time_seconds",
            "Start time since the epoch",
            Some(self.started.as_secs()),
        )?;
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        gauge(
            "process_resident_memory_bytes",
            "Resident memory",
            kibibytes(&status, "VmRSS:"),
        )?;
        gauge(
            "process_virtual_memory_bytes",
            "Virtual memory",
            kibibytes(&status, "VmSize:"),
        )?;
        gauge(
            "process_threads",
            "Operating system threads",
            field(&status, "Threads:"),
        )?;
        // Reading the folder holds one descriptor of its own.
        let open = fs::read_dir("/proc/self/fd")
            .ok()
            .map(|fds| fds.count().saturating_sub(1) as u64);
        gauge("process_open_fds", "Open file descriptors", open)?;
        gauge(
            "process_max_fds",
            "Limit of open file descriptors",
            rustix::process::getrlimit(Resource::Nofile).current,
        )
    }
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    field(status, name).map(|n| n * 1024)
}
