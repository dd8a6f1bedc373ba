//! `tulle proxy`: what proxies hold.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tulle_status::{Aggregate, ReplicaReport};

use super::{FAULT, OK, Output, print};

/// What proxies hold
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Status(Status),
}

/// List every connected proxy: its replica, what it holds, what is pending or rejected and since when
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tulle proxy status
  tulle proxy status -n mesh-system -o json
  tulle proxy status --address 127.0.0.1:15014

Asks every replica through the API server (pods/portforward in the control plane's namespace), or the control plane
on this machine with --address.")]
struct Status {
    /// The control plane's namespace
    #[arg(short, long, default_value = "tulle-system", value_name = "NAMESPACE")]
    namespace: String,
    /// The replicas' labels
    #[arg(
        long,
        default_value = "app.kubernetes.io/name=tulle",
        value_name = "LABELS"
    )]
    selector: String,
    /// Ask one control plane at this address instead: its metrics port on this machine
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Print it as JSON or YAML
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Output>,
}

/// The metrics and debug port of a replica.
const ADMIN: u16 = 15014;
/// For each replica.
const PATIENCE: Duration = Duration::from_secs(5);
/// A report of ten thousand proxies is smaller.
const MOST: usize = 64 * 1024 * 1024;

pub(super) fn run(args: Args) -> anyhow::Result<u8> {
    let Command::Status(status) = args.command;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting a thread")?;
    let (reports, unreachable) = runtime.block_on(async {
        match &status.address {
            Some(address) => {
                let tcp = tokio::net::TcpStream::connect(address)
                    .await
                    .with_context(|| format!("control plane at {address}"))?;
                anyhow::Ok((vec![fetch(tcp).await?], false))
            }
            None => everywhere(&status).await,
        }
    })?;
    let mut all = Aggregate::default();
    for report in reports {
        all.merge(Arc::new(report));
    }
    let all = all.proxy_status();
    match status.output {
        None => print::out(&all.render(SystemTime::now()))?,
        Some(Output::Json) => print::out(&format!("{}\n", serde_json::to_string(&all)?))?,
        Some(Output::Yaml) => print::out(&tulle_proto::to_yaml(&serde_json::to_value(&all)?)?)?,
    }
    Ok(if unreachable { FAULT } else { OK })
}

/// The reports of all replicas, and whether one could not be asked.
async fn everywhere(status: &Status) -> anyhow::Result<(Vec<ReplicaReport>, bool)> {
    let client = kube::Client::try_default()
        .await
        .context("no cluster: neither a kubeconfig nor a pod's service account")?;
    let pods: Api<Pod> = Api::namespaced(client, &status.namespace);
    let params = ListParams::default().labels(&status.selector);
    let replicas = pods
        .list(&params)
        .await
        .with_context(|| format!("listing pods of namespace {}", status.namespace))?;
    anyhow::ensure!(
        !replicas.items.is_empty(),
        "no pod in namespace {} has the labels {}: name the control plane's with --namespace and --selector",
        status.namespace,
        status.selector
    );
    let names = replicas.items.into_iter().filter_map(|pod| {
        let phase = pod.status.and_then(|status| status.phase);
        // One that has ended holds no proxies.
        (phase.as_deref() == Some("Running")).then_some(pod.metadata.name)?
    });
    let asked = names.map(|name| {
        let pods = &pods;
        async move {
            let answer = timeout(PATIENCE, ask(pods, &name)).await;
            (
                name,
                answer.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer in {PATIENCE:?}"))),
            )
        }
    });
    let mut reports = Vec::new();
    let mut unreachable = false;
    for (name, answer) in join_all(asked).await {
        match answer {
            Ok(report) => reports.push(report),
            Err(error) => {
                unreachable = true;
                print::complain(
                    tulle_model::Severity::Warning,
                    &format!("replica {name}: {error:#}"),
                );
            }
        }
    }
    Ok((reports, unreachable))
}

async fn ask(pods: &Api<Pod>, replica: &str) -> anyhow::Result<ReplicaReport> {
    let mut forwarded = pods.portforward(replica, &[ADMIN]).await?;
    let stream = forwarded
        .take_stream(ADMIN)
        .context("the API server opened no stream")?;
    fetch(stream).await
}

async fn fetch(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> anyhow::Result<ReplicaReport> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = http::Request::get("/debug/report")
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
    serde_json::from_slice(&body).context("it answers something else than a report")
}
