//! A real API server and its etcd, without anything else of a cluster: what is written there is what everybody reads.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::{Api, Program, free_port, pki};

/// How long a busy machine may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Who issues tokens of service accounts.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// Both processes; ended when this is dropped.
#[derive(Debug)]
pub struct ApiServer {
    server: Program,
    etcd: Program,
    kubeconfig: PathBuf,
    api: Api,
}

impl ApiServer {
    /// What of its folder is worth keeping once it has ended: what was written, and the key that signed tokens.
    pub const LASTS: [&str; 3] = ["etcd", "pki/accounts.key", "pki/accounts.pub"];

    /// Starts both below `folder`, on what [`ApiServer::LASTS`] of another if that is there. `node` is the program of `tests/cluster/node`, which is whatever it is called.
    ///
    /// # Errors
    /// They could not be started, or are not ready in time.
    pub async fn start(node: &Path, folder: &Path) -> anyhow::Result<Self> {
        let bin = folder.join("bin");
        std::fs::create_dir_all(&bin)?;
        for name in ["etcd", "kube-apiserver", "kubectl"] {
            let link = bin.join(name);
            if !link.exists() {
                std::os::unix::fs::symlink(node, link).context(name)?;
            }
        }
        let (clients, peers, port) = (free_port()?, free_port()?, free_port()?);
        let kubeconfig = folder.join("kubeconfig");
        let keys = folder.join("pki");
        pki::make(&keys, &kubeconfig, port)?;
        let logs = folder.join("logs");

        let mut command = Command::new(bin.join("etcd"));
        let url = |port| format!("http://127.0.0.1:{port}");
        command
            .args([
                "--name",
                "bench",
                "--unsafe-no-fsync",
                "--log-level",
                "warn",
            ])
            // A large mesh is written several times over.
            .args(["--quota-backend-bytes", "4294967296"])
            .arg("--data-dir")
            .arg(folder.join("etcd"))
            .args(["--listen-client-urls", &url(clients)])
            .args(["--advertise-client-urls", &url(clients)])
            .args(["--listen-peer-urls", &url(peers)])
            .args(["--initial-advertise-peer-urls", &url(peers)])
            .args(["--initial-cluster", &format!("bench={}", url(peers))]);
        let mut etcd = Program::start("etcd", &logs, &command)?;
        etcd.wait_until(LIMIT, async || {
            tokio::net::TcpStream::connect(("127.0.0.1", clients))
                .await
                .is_ok()
        })
        .await?;

        let file = |name: &str| keys.join(name).display().to_string();
        let mut command = Command::new(bin.join("kube-apiserver"));
        command
            .arg(format!("--etcd-servers={}", url(clients)))
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            .arg(format!("--secure-port={port}"))
            .arg(format!("--client-ca-file={}", file("ca.crt")))
            .arg(format!("--tls-cert-file={}", file("apiserver.crt")))
            .arg(format!("--tls-private-key-file={}", file("apiserver.key")))
            .arg(format!("--service-account-issuer={ISSUER}"))
            .arg(format!(
                "--service-account-key-file={}",
                file(pki::ACCOUNTS_PUBLIC)
            ))
            .arg(format!(
                "--service-account-signing-key-file={}",
                file(pki::ACCOUNTS_KEY)
            ))
            // Room for ten thousand Services and more.
            .arg("--service-cluster-ip-range=10.0.0.0/16")
            .args([
                "--authorization-mode=RBAC",
                "--endpoint-reconciler-type=none",
            ])
            .arg(format!("--cert-dir={}", keys.display()))
            // The bench is one client and no fairness is owed among its calls.
            .arg("--enable-priority-and-fairness=false")
            .args([
                "--max-requests-inflight=0",
                "--max-mutating-requests-inflight=0",
            ]);
        let mut server = Program::start("kube-apiserver", &logs, &command)?;
        let api = Api::new(&kubeconfig).await?;
        server
            .wait_until(LIMIT, async || api.is_ready().await)
            .await?;
        Ok(Self {
            server,
            etcd,
            kubeconfig,
            api,
        })
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The administrator's client.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Ends both, so that what was written is whole.
    ///
    /// # Errors
    /// They do not end.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.server.kill()?;
        self.etcd.stop()
    }

    /// Fails if one of the two has ended.
    ///
    /// # Errors
    /// One has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.etcd.check()?;
        self.server.check()
    }
}
