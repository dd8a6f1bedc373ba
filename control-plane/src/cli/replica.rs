//! What a replica of the control plane tells on its debug pages: on this machine, or by way of the API server.

use std::time::Duration;

use anyhow::Context;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use tokio::io::{AsyncRead, AsyncWrite};

/// The metrics and debug port of a replica.
const ADMIN: u16 = 15014;
/// For each replica.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// A report of ten thousand proxies is smaller.
const MOST: usize = 64 * 1024 * 1024;

/// Where the replicas are.
#[derive(Debug, clap::Args)]
pub(super) struct Replicas {
    /// The control plane's namespace
    #[arg(short, long, default_value = "tulle-system", value_name = "NAMESPACE")]
    pub(super) namespace: String,
    /// The replicas' labels
    #[arg(
        long,
        default_value = "app.kubernetes.io/name=tulle",
        value_name = "LABELS"
    )]
    selector: String,
    /// Ask one control plane at this address instead: its metrics port on this machine
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) address: Option<String>,
}

impl Replicas {
    /// The pods of the control plane's namespace.
    pub(super) async fn pods(&self) -> anyhow::Result<Api<Pod>> {
        Ok(Api::namespaced(client().await?, &self.namespace))
    }

    /// The replicas' names, of those that run.
    pub(super) async fn running(&self, pods: &Api<Pod>) -> anyhow::Result<Vec<String>> {
        let params = ListParams::default().labels(&self.selector);
        let replicas = pods
            .list(&params)
            .await
            .with_context(|| format!("listing pods of namespace {}", self.namespace))?;
        anyhow::ensure!(
            !replicas.items.is_empty(),
            "no pod in namespace {} has the labels {}: name the control plane's with --namespace and --selector",
            self.namespace,
            self.selector
        );
        let names = replicas.items.into_iter().filter_map(|pod| {
            let phase = pod.status.and_then(|status| status.phase);
            // One that has ended holds no proxies.
            (phase.as_deref() == Some("Running")).then_some(pod.metadata.name)?
        });
        Ok(names.collect())
    }
}

/// The API server, as `kubectl` would reach it from here.
pub(super) async fn client() -> anyhow::Result<kube::Client> {
    kube::Client::try_default()
        .await
        .context("no cluster: neither a kubeconfig nor a pod's service account")
}

/// A page of the control plane whose metrics port has this address.
pub(super) async fn fetch_at(address: &str, page: &str) -> anyhow::Result<bytes::Bytes> {
    let tcp = tokio::net::TcpStream::connect(address)
        .await
        .with_context(|| format!("control plane at {address}"))?;
    fetch(tcp, page).await
}

/// A page of one replica, through the API server.
pub(super) async fn fetch_of(
    pods: &Api<Pod>,
    replica: &str,
    page: &str,
) -> anyhow::Result<bytes::Bytes> {
    let ask = async {
        let mut forwarded = pods.portforward(replica, &[ADMIN]).await?;
        let stream = forwarded
            .take_stream(ADMIN)
            .context("the API server opened no stream")?;
        fetch(stream, page).await
    };
    let answer = tokio::time::timeout(PATIENCE, ask).await;
    answer.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer in {PATIENCE:?}")))
}

async fn fetch(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    page: &str,
) -> anyhow::Result<bytes::Bytes> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = http::Request::get(page)
        .header("host", "localhost")
        .body(Empty::<bytes::Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MOST)
        .collect()
        .await
        .map_err(|error| anyhow::anyhow!(error))?
        .to_bytes();
    connection.abort();
    anyhow::ensure!(
        status.is_success(),
        "it answers {status}: {}",
        String::from_utf8_lossy(&body).trim()
    );
    Ok(body)
}
