//! istiod, from a binary that whoever runs the bench has: on its plaintext port, against the same API server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::http::page;
use super::tulle::pinned;
use super::{ApiServer, Program, free_port, pki};

/// Where it keeps what is its own.
pub const ISTIO_NAMESPACE: &str = "istio-system";
/// The name in its certificate.
pub const ISTIOD_SERVER_NAME: &str = "istiod.istio-system.svc";
/// Where its certificate authority is kept.
const AUTHORITY: &str = "/api/v1/namespaces/istio-system/secrets/istio-ca-secret";
/// Where it looks for what it injects, from where it is started.
const INJECTED: &str = "var/lib/istio/inject";
/// Where it looks for an authority that it is given.
const GIVEN: &str = "etc/cacerts";
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
    /// A folder with `config` and `values` of what it injects, if it is to admit pods and to give certificates too.
    pub inject: Option<PathBuf>,
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
    /// The port of its webhook, if it has one.
    pub webhook: u16,
    /// The port where it gives certificates, over TLS, if it does.
    pub secure: u16,
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
        let mut ports = [0; 5];
        for port in &mut ports {
            *port = free_port()?;
        }
        Self::start_at(options, api, folder, ports).await
    }

    /// As [`Istiod::start`], at these ports: xDS, debug pages, metrics, webhook, certificates.
    ///
    /// # Errors
    /// As [`Istiod::start`].
    pub async fn start_at(
        options: &IstiodOptions,
        api: &ApiServer,
        folder: &Path,
        ports: [u16; 5],
    ) -> anyhow::Result<Self> {
        let [xds, http, monitoring, webhook, secure] = ports;
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
            .args(["--httpAddr", &format!("127.0.0.1:{http}")])
            .args(["--monitoringAddr", &format!("127.0.0.1:{monitoring}")])
            .current_dir(folder)
            .env("POD_NAME", "istiod-1")
            .env("POD_NAMESPACE", ISTIO_NAMESPACE)
            .envs(options.profile.environment().iter().copied());
        match &options.inject {
            None => command
                .args(["--httpsAddr", "", "--secureGRPCAddr", ""])
                .env("PILOT_CERT_PROVIDER", "none")
                .env("ENABLE_CA_SERVER", "false"),
            Some(inject) => {
                let place = folder.join(INJECTED);
                std::fs::create_dir_all(&place)?;
                for name in ["config", "values"] {
                    let from = inject.join(name);
                    std::fs::copy(&from, place.join(name))
                        .with_context(|| from.display().to_string())?;
                }
                command
                    .args(["--httpsAddr", &format!("127.0.0.1:{webhook}")])
                    .args(["--secureGRPCAddr", &format!("127.0.0.1:{secure}")])
                    // Proxies have one token, and show it to every stack.
                    .env("TOKEN_AUDIENCES", "tulle")
            }
        };
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
            webhook,
            secure,
            ready_after,
        })
    }

    /// Has one that is to be started below `folder` sign with a P-256 key, and what its certificate is then verified by, PEM.
    /// By itself it makes an RSA key.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn give_authority(folder: &Path) -> anyhow::Result<String> {
        let place = folder.join(GIVEN);
        std::fs::create_dir_all(&place)?;
        let (certificate, key) = pki::authority("istiod")?;
        for name in ["ca-cert.pem", "cert-chain.pem", "root-cert.pem"] {
            std::fs::write(place.join(name), certificate.pem())?;
        }
        std::fs::write(place.join("ca-key.pem"), key.key().serialize_pem())?;
        Ok(certificate.pem())
    }

    /// What its certificate is verified by, PEM.
    ///
    /// # Errors
    /// It has made none.
    pub async fn roots(api: &ApiServer) -> anyhow::Result<String> {
        let secret = api.api().get(AUTHORITY).await?;
        let roots = secret["data"]["ca-cert.pem"].as_str();
        let roots = roots.with_context(|| format!("{AUTHORITY} has no ca-cert.pem"))?;
        Ok(String::from_utf8(STANDARD.decode(roots)?)?)
    }

    /// All its ports, for one that is to take its place.
    pub fn ports(&self) -> [u16; 5] {
        [
            self.xds,
            self.http,
            self.monitoring,
            self.webhook,
            self.secure,
        ]
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
