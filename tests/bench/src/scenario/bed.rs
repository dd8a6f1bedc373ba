//! A mesh in an API server, and what proxies need to be let in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};

use super::kept::{Kept, PROXIES};
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
        let (kinds, objects) = contents(tools, &shape);
        let kept = match &tools.cache {
            Some(cache) => Some(Kept::of(cache, &tools.node, &shape, &objects, &kinds)?),
            None => None,
        };
        let known = kept.as_ref().filter(|kept| kept.is_there());
        if let Some(kept) = known {
            kept.put_into(&folder)?;
        }
        let mut bed = Self {
            proxies: folder.join(PROXIES),
            server: ApiServer::start(&tools.node, &folder).await?,
            shape,
            folder,
            started: 0,
        };
        let known = known.is_some();
        if !known {
            bed.write(&kinds, &objects).await?;
            if let Some(kept) = kept {
                // Whoever measures on it first finds it as all others will.
                bed.server.stop()?;
                kept.keep(&bed.folder)?;
                bed.server = ApiServer::start(&tools.node, &bed.folder).await?;
            }
        }
        served(bed.server.api(), &objects).await?;
        eprintln!(
            "mesh of {} services and {} proxies {} in {:.1} s",
            bed.shape.services,
            bed.shape.proxies,
            if known {
                "taken from the cache"
            } else {
                "written"
            },
            started.elapsed().as_secs_f64()
        );
        Ok(bed)
    }

    async fn write(&self, kinds: &[&PathBuf], objects: &[data::Object]) -> anyhow::Result<()> {
        let api = self.server.api();
        for path in kinds {
            self.apply(path)?;
        }
        let namespaces = [SYSTEM_NAMESPACE, ISTIO_NAMESPACE];
        stack::load(api, &self.shape.foundation(&namespaces)).await?;
        served(api, objects).await?;
        stack::load(api, objects).await?;
        self.write_proxies().await
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

    /// Who one of the proxies is: its line of the file.
    ///
    /// # Errors
    /// There are not so many.
    pub fn proxy(&self, number: usize) -> anyhow::Result<Value> {
        let lines = std::fs::read_to_string(&self.proxies)?;
        let line = lines.lines().nth(number);
        Ok(serde_json::from_str(line.context("too few proxies")?)?)
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

/// The kinds that the stacks need, and the mesh in all of them.
fn contents<'a>(tools: &'a Tools, shape: &Shape) -> (Vec<&'a PathBuf>, Vec<data::Object>) {
    let mut kinds = vec![&tools.crds];
    let mut objects = shape.objects(Dialect::AppMesh);
    if let Some(istio) = &tools.istio_crds {
        kinds.push(istio);
        let there: BTreeSet<String> = objects.iter().map(data::Object::path).collect();
        let more = shape.objects(Dialect::Istio).into_iter();
        objects.extend(more.filter(|object| !there.contains(&object.path())));
    }
    (kinds, objects)
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
