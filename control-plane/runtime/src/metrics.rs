//! The metrics registry, and what it tells of the process itself.

mod process;

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where the rooms register their metrics, before the process starts to work.
#[derive(Debug)]
pub struct MetricsBuilder {
    registry: Registry,
}

impl MetricsBuilder {
    /// A registry that knows this process (`process_…`) and its version (`tulle_build_info`).
    pub fn new(version: &str) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::ProcessCollector::new()));
        registry.sub_registry_with_prefix("tulle").register(
            "build",
            "Version of this program",
            Info::new(vec![("version", version.to_owned())]),
        );
        Self { registry }
    }

    /// The registry of one room: `scope("xds")` prefixes every name with `tulle_xds_`.
    pub fn scope(&mut self, room: &str) -> &mut Registry {
        self.registry
            .sub_registry_with_prefix("tulle")
            .sub_registry_with_prefix(room)
    }

    /// Ends registration.
    pub fn build(self) -> Metrics {
        Metrics {
            registry: Arc::new(self.registry),
        }
    }
}

/// The finished registry. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
}

impl Metrics {
    /// All metrics as OpenMetrics text, see [`CONTENT_TYPE`].
    ///
    /// # Errors
    /// A collector failed.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn rooms_have_prefixes_and_process_is_told() {
        let mut builder = MetricsBuilder::new("1.2.3");
        let pushes = Counter::<u64>::default();
        builder
            .scope("xds")
            .register("pushes", "Pushes", pushes.clone());
        builder
            .scope("xds")
            .register("other", "Other", Counter::<u64>::default());
        pushes.inc();
        let text = builder.build().encode().unwrap();
        for line in [
            "tulle_xds_pushes_total 1",
            "tulle_xds_other_total 0",
            "tulle_build_info{version=\"1.2.3\"} 1",
        ] {
            assert!(text.contains(line), "{line} not in {text}");
        }
        let value = |name: &str| -> f64 {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("{name} ")))
                .unwrap_or_else(|| panic!("{name} not in {text}"));
            line.rsplit(' ').next().unwrap().parse().unwrap()
        };
        assert!(value("process_cpu_seconds_total") > 0.0);
        assert!(value("process_resident_memory_bytes") > 100_000.0);
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_max_fds") > value("process_open_fds"));
        assert!(value("process_threads") >= 1.0);
        assert!(value("process_start_time_seconds") > 1_700_000_000.0);
        assert!(text.ends_with("# EOF\n"));
    }
}
