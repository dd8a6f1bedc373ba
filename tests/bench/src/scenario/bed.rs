//! A mesh in an API server, and what proxies need to be let in.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;

use super::tools::Tools;
use crate::data::{self, Dialect, NAMESPACE, Shape};
use crate::lines::Launch;
use crate::stack::{self, Api, ApiServer, SYSTEM_NAMESPACE};
use crate::{event, stack::ISTIO_NAMESPACE};

/// How long kinds may take to be served after they were made known.
const KINDS: Duration = Duration::from_secs(60);

/// An API server with a mesh in it. Its processes end when this is dropped, and its folder is removed.
#[derive(Debug)]
pub struct Bed {
    /// The mesh.
    pub shape: Shape,
    /// The API server.
    pub server: ApiServer,
    /// A line for each proxy, as the client reads it.
    pub proxies: PathBuf,
    folder: PathBuf,
    started: usize,
}

impl Bed {
    /// Starts an API server and writes the mesh.
    ///
    /// # Errors
    /// A program of it does not start, or an object is refused.
    pub async fn make(tools: &Tools, shape: Shape) -> anyhow::Result<Self> {
        let folder = tools.folder.join(format!(
            "{}x{}-{}",
            shape.proxies,
            shape.services,
            std::process::id()
        ));
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let started = Instant::now();
        let server = ApiServer::start(&tools.node, &folder).await?;
        let bed = Self {
            proxies: folder.join("proxies.jsonl"),
            shape,
            server,
            folder,
            started: 0,
        };
        let api = bed.server.api();
        let mut dialects = vec![Dialect::AppMesh];
        bed.apply(&tools.crds)?;
        if let Some(crds) = &tools.istio_crds {
            bed.apply(crds)?;
            dialects.push(Dialect::Istio);
        }
        stack::load(
            api,
            &bed.shape.foundation(&[SYSTEM_NAMESPACE, ISTIO_NAMESPACE]),
        )
        .await?;
        for dialect in dialects {
            let objects = bed.shape.objects(dialect);
            served(api, &objects).await?;
            stack::load(api, &objects).await?;
        }
        let loaded = started.elapsed();
        bed.write_proxies().await?;
        eprintln!(
            "mesh of {} services and {} proxies written in {:.1} s, tokens in {:.1} s",
            bed.shape.services,
            bed.shape.proxies,
            loaded.as_secs_f64(),
            (started.elapsed() - loaded).as_secs_f64()
        );
        Ok(bed)
    }

    fn apply(&self, manifests: &Path) -> anyhow::Result<()> {
        let output = Command::new(self.folder.join("bin/kubectl"))
            .arg("--kubeconfig")
            .arg(self.server.kubeconfig())
            .args(["apply", "--server-side", "--filename"])
            .arg(manifests)
            .output()?;
        anyhow::ensure!(
            output.status.success(),
            "kubectl apply {}: {}",
            manifests.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Who each proxy is: in the words of every stack, as one file is read for all.
    async fn write_proxies(&self) -> anyhow::Result<()> {
        let tokens = stack::tokens(self.server.api(), self.shape.proxies, "tulle").await?;
        let mut text = String::new();
        for (number, token) in tokens.iter().enumerate() {
            let (pod, address) = (data::pod(number), data::pod_address(number));
            let workload = data::service(number / data::PODS_OF_A_WORKLOAD);
            let line = json!({
                "id": format!("sidecar~{address}~{pod}.{NAMESPACE}~{NAMESPACE}.svc.cluster.local"),
                "cluster": format!("{workload}.{NAMESPACE}"),
                "token": token,
                "metadata": {
                    "NAMESPACE": NAMESPACE,
                    "CLUSTER_ID": "Kubernetes",
                    "ISTIO_VERSION": "1.28.0",
                    "LABELS": { "app": workload },
                    "SERVICE_ACCOUNT": data::ACCOUNT,
                    "INSTANCE_IPS": address.to_string(),
                },
            });
            text.push_str(&line.to_string());
            text.push('\n');
        }
        std::fs::write(&self.proxies, text)?;
        Ok(())
    }

    /// A folder for something that is started on it.
    pub fn next_folder(&mut self, name: &str) -> PathBuf {
        self.started += 1;
        self.folder.join(format!("{:03}-{name}", self.started))
    }

    /// The folder of it all.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A source of events on its API server.
    ///
    /// # Errors
    /// It does not start.
    pub async fn events(&self, dialect: Dialect) -> anyhow::Result<event::Driver> {
        let launch = Launch {
            threads: 1,
            ..Launch::default()
        };
        Ok(event::Driver::launch(&launch, self.server.kubeconfig(), dialect).await?)
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if std::env::var_os("TULLE_BENCH_KEEP").is_none() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Waits until every kind of these objects is served.
async fn served(api: &Api, objects: &[data::Object]) -> anyhow::Result<()> {
    let mut collections: Vec<&str> = objects
        .iter()
        .map(|object| object.collection.as_str())
        .collect();
    collections.sort_unstable();
    collections.dedup();
    let started = Instant::now();
    for collection in collections {
        while let Err(error) = api.get(&format!("{collection}?limit=1")).await {
            if started.elapsed() > KINDS {
                return Err(error).context("a kind is not served");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}
