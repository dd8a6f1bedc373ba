//! istiod, from a binary that whoever runs the bench has: on its plaintext port, against the same API server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::http::page;
use super::tulle::pinned;
use super::{ApiServer, Program, free_port};

/// Where it keeps what is its own.
pub const ISTIO_NAMESPACE: &str = "istio-system";
const LIMIT: Duration = Duration::from_secs(120);

/// How it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// As it is shipped.
    Default,
    /// With its limits and waits taken off.
    Tuned,
}

impl Profile {
    /// What is set in its environment.
    fn environment(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Default => &[],
            Self::Tuned => &[
                ("PILOT_MAX_REQUESTS_PER_SECOND", "10000"),
                ("PILOT_PUSH_THROTTLE", "1000"),
                ("PILOT_DEBOUNCE_AFTER", "0s"),
                ("PILOT_DEBOUNCE_MAX", "10ms"),
            ],
        }
    }
}

/// How it is run.
#[derive(Debug, Clone)]
pub struct IstiodOptions {
    /// The program.
    pub program: PathBuf,
    /// How it is set.
    pub profile: Profile,
    /// The only core that it may run on, if it is pinned.
    pub core: Option<usize>,
}

/// A running one; ended when this is dropped.
#[derive(Debug)]
pub struct Istiod {
    process: Program,
    /// How it was started.
    pub options: IstiodOptions,
    monitoring: u16,
    /// The plaintext xDS port.
    pub xds: u16,
    /// The port of its debug pages.
    pub http: u16,
    /// From start to ready.
    pub ready_after: Duration,
}

impl Istiod {
    /// Starts it below `folder` and waits until it is ready. Its kinds must be there.
    ///
    /// # Errors
    /// It cannot be started, or is not ready in time.
    pub async fn start(
        options: &IstiodOptions,
        api: &ApiServer,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let ports = [free_port()?, free_port()?, free_port()?];
        Self::start_at(options, api, folder, ports).await
    }

    /// As [`Istiod::start`], at these ports: xDS, debug pages, metrics.
    ///
    /// # Errors
    /// As [`Istiod::start`].
    pub async fn start_at(
        options: &IstiodOptions,
        api: &ApiServer,
        folder: &Path,
        ports: [u16; 3],
    ) -> anyhow::Result<Self> {
        let [xds, http, monitoring] = ports;
        std::fs::create_dir_all(folder)?;
        let settings = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": "istio", "namespace": ISTIO_NAMESPACE },
            "data": { "mesh": "" },
        });
        let maps = format!("/api/v1/namespaces/{ISTIO_NAMESPACE}/configmaps");
        api.api().create(&maps, &settings).await?;
        let mut command = pinned(&options.program, options.core);
        command
            .arg("discovery")
            .arg("--kubeconfig")
            .arg(api.kubeconfig())
            .args(["--grpcAddr", &format!("127.0.0.1:{xds}")])
            .args(["--httpsAddr", "", "--secureGRPCAddr", ""])
            .args(["--httpAddr", &format!("127.0.0.1:{http}")])
            .args(["--monitoringAddr", &format!("127.0.0.1:{monitoring}")])
            .current_dir(folder)
            .env("POD_NAME", "istiod-1")
            .env("POD_NAMESPACE", ISTIO_NAMESPACE)
            .env("PILOT_CERT_PROVIDER", "none")
            .env("ENABLE_CA_SERVER", "false")
            .envs(options.profile.environment().iter().copied());
        let mut process = Program::start("istiod", &folder.join("logs"), &command)?;
        let ready_after = process
            .wait_until(LIMIT, async || page(http, "/ready").await.is_ok())
            .await?;
        Ok(Self {
            process,
            options: options.clone(),
            monitoring,
            xds,
            http,
            ready_after,
        })
    }

    /// All its ports, for one that is to take its place.
    pub fn ports(&self) -> [u16; 3] {
        [self.xds, self.http, self.monitoring]
    }

    /// The process.
    pub fn process(&mut self) -> &mut Program {
        &mut self.process
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}
