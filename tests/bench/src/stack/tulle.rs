//! Tulle as it is released, outside of a pod: it reads the API server by a kubeconfig and is told by its arguments who it is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::http::page;
use super::{ApiServer, Program, free_port};

/// Where Tulle keeps what is its own.
pub const SYSTEM_NAMESPACE: &str = "tulle-system";
/// The name in its certificate.
pub const TULLE_SERVER_NAME: &str = "tulle.tulle-system.svc";
const LIMIT: Duration = Duration::from_secs(120);
/// Where its certificate authority is kept.
const AUTHORITY: &str = "/api/v1/namespaces/tulle-system/secrets/tulle-ca";

/// How it is run.
#[derive(Debug, Clone)]
pub struct TulleOptions {
    /// The program.
    pub program: PathBuf,
    /// The only core that it may run on, if it is pinned.
    pub core: Option<usize>,
    /// Whether proxies are given certificates for mutual TLS among themselves.
    pub certificates: bool,
    /// The group that it runs in, if its memory is bounded ([`super::MemoryLimit::processes`]).
    pub group: Option<PathBuf>,
}

/// A running one; ended when this is dropped.
#[derive(Debug)]
pub struct Tulle {
    process: Program,
    /// The xDS port.
    pub xds: u16,
    /// The webhooks' port.
    pub webhook: u16,
    /// The port of metrics and readiness.
    pub admin: u16,
    dns: u16,
    /// From start to ready.
    pub ready_after: Duration,
    /// What its certificate is verified by, PEM.
    pub roots: String,
}

impl Tulle {
    /// Starts it below `folder` and waits until it is ready. What it is to own must be there: [`SYSTEM_NAMESPACE`].
    ///
    /// # Errors
    /// It cannot be started, or is not ready in time.
    pub async fn start(
        options: &TulleOptions,
        api: &ApiServer,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let ports = [free_port()?, free_port()?, free_port()?, free_port()?];
        Self::start_at(options, api, folder, ports).await
    }

    /// As [`Tulle::start`], at these ports: xDS, webhooks, metrics, DNS.
    ///
    /// # Errors
    /// As [`Tulle::start`].
    pub async fn start_at(
        options: &TulleOptions,
        api: &ApiServer,
        folder: &Path,
        ports: [u16; 4],
    ) -> anyhow::Result<Self> {
        let [xds, webhook, admin, dns] = ports;
        std::fs::create_dir_all(folder)?;
        let config = folder.join("tulle.yaml");
        let mode = if options.certificates {
            "permissive"
        } else {
            "off"
        };
        let text = format!(
            "apiVersion: tulle.dev/v1alpha1\n\
             kind: MeshConfig\n\
             spec:\n\
             \x20 mtls: {{mode: \"{mode}\"}}\n\
             \x20 listen: {{address: 127.0.0.1, xds: {xds}, admin: {admin}, webhook: {webhook}, dns: {dns}}}\n"
        );
        std::fs::write(&config, text)?;
        let mut command = match &options.group {
            None => pinned(&options.program, options.core),
            Some(group) => {
                let mut command = Command::new("sh");
                command
                    .args(["-c", "echo $$ >\"$0\" && exec \"$@\""])
                    .arg(group)
                    .arg(&options.program);
                command
            }
        };
        command
            .args(["serve", "--kubernetes", "--pod-name", "tulle-0"])
            .args(["--pod-namespace", SYSTEM_NAMESPACE])
            .args(["--pod-ip", "127.0.0.1"])
            .arg("--config")
            .arg(&config)
            .arg("--token")
            .arg(folder.join("token"))
            .env("KUBECONFIG", api.kubeconfig());
        let mut process = Program::start("tulle", &folder.join("logs"), &command)?;
        let ready_after = process
            .wait_until(LIMIT, async || page(admin, "/readyz").await.is_ok())
            .await?;
        let secret = api.api().get(AUTHORITY).await?;
        let roots = secret["data"]["ca.crt"]
            .as_str()
            .with_context(|| format!("{AUTHORITY} has no ca.crt"))?;
        let roots = String::from_utf8(STANDARD.decode(roots)?)?;
        Ok(Self {
            process,
            xds,
            webhook,
            admin,
            dns,
            ready_after,
            roots,
        })
    }

    /// Tasks of its runtime that have not ended.
    ///
    /// # Errors
    /// It does not tell.
    pub async fn tasks(&self) -> anyhow::Result<f64> {
        const NAME: &str = "tulle_runtime_alive_tasks ";
        let metrics = page(self.admin, "/metrics").await?;
        let value = metrics.lines().find_map(|line| line.strip_prefix(NAME));
        Ok(value.with_context(|| format!("no {NAME}"))?.parse()?)
    }

    /// All its ports, for one that is to take its place.
    pub fn ports(&self) -> [u16; 4] {
        [self.xds, self.webhook, self.admin, self.dns]
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

/// A command that may run on one core only, if one is given.
pub(super) fn pinned(program: &Path, core: Option<usize>) -> Command {
    match core {
        None => Command::new(program),
        Some(core) => {
            let mut command = Command::new("taskset");
            command.arg("-c").arg(core.to_string()).arg(program);
            command
        }
    }
}
