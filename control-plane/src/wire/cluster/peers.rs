//! To the leader: what this replica's proxies say, over the xDS port, under the control plane's own identity.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::WatchStream;
use tulle_runtime::lease::Leadership;
use tulle_xds::PEER_REPORT;

use super::pods::Pods;

/// How to reach another replica.
pub(super) struct Dial {
    /// Our own namespace.
    pub(super) namespace: Arc<str>,
    /// Our own pod's name.
    pub(super) pod: Arc<str>,
    /// The port on which every replica listens.
    pub(super) port: u16,
    /// A name in every replica's certificate.
    pub(super) server_name: ServerName<'static>,
    /// The roots to trust, PEM, as they are now.
    pub(super) roots: watch::Receiver<String>,
    /// Our own token, renewed by the kubelet.
    pub(super) token: PathBuf,
    pub(super) pods: Arc<Pods>,
}

const PAUSE: Duration = Duration::from_millis(500);
const CONNECT: Duration = Duration::from_secs(3);
/// Reports to one leader are no more frequent than this.
const SPACING: Duration = Duration::from_secs(1);

/// Reports to whoever leads, as long as that is another.
pub(super) async fn report(
    dial: Dial,
    reports: watch::Receiver<Bytes>,
    mut leadership: watch::Receiver<Leadership>,
) {
    let mut complained = false;
    loop {
        let leader = leadership
            .borrow_and_update()
            .holder()
            .map(Arc::<str>::from);
        match leader {
            Some(leader) if leader != dial.pod => {
                let gone = leadership.wait_for(|now| now.holder() != Some(&*leader));
                let told = tokio::select! {
                    told = tell(&dial, &leader, reports.clone()) => told,
                    _ = gone => Ok(()),
                };
                match told {
                    Ok(()) => complained = false,
                    // The log is told once of each break; a leader that is just being replaced is no news.
                    Err(error) if !complained => {
                        complained = true;
                        tracing::info!(%leader, "cannot report to the leader yet: {error:#}");
                    }
                    Err(error) => {
                        tracing::debug!(%leader, "cannot report to the leader: {error:#}")
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
            _ => {
                if leadership.changed().await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Reports until the stream breaks.
async fn tell(dial: &Dial, leader: &str, reports: watch::Receiver<Bytes>) -> anyhow::Result<()> {
    let ip = dial
        .pods
        .address(&dial.namespace, leader)
        .context("its address is not known")?;
    let address = SocketAddr::new(ip, dial.port);
    let tcp = timeout(CONNECT, TcpStream::connect(address)).await??;
    tcp.set_nodelay(true)?;
    let connector = TlsConnector::from(Arc::new(client_config(&dial.roots.borrow())?));
    let tls = timeout(CONNECT, connector.connect(dial.server_name.clone(), tcp)).await??;
    let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5))
        .handshake(TokioIo::new(tls))
        .await?;
    // Dropped with this future, so that a stream never outlives its leader.
    let connection = tokio::spawn(connection);
    let _abort = AbortOnDrop(connection.abort_handle());
    let token = tokio::fs::read_to_string(&dial.token)
        .await
        .with_context(|| format!("token {}", dial.token.display()))?;
    let frames = WatchStream::new(reports)
        .filter(|report| std::future::ready(!report.is_empty()))
        .then(|report| async move {
            let frame = framed(&report);
            Ok::<_, std::convert::Infallible>(Frame::data(frame))
        });
    // The first goes at once; the latest of those that come meanwhile follows after the pause.
    let spaced = stream::unfold(
        (Box::pin(frames), false),
        |(mut frames, later)| async move {
            if later {
                tokio::time::sleep(SPACING).await;
            }
            let frame = frames.next().await?;
            Some((frame, (frames, true)))
        },
    );
    let request = Request::post(format!("https://{address}{PEER_REPORT}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {}", token.trim()))
        .body(StreamBody::new(spaced).boxed_unsync())?;
    let mut response = timeout(CONNECT, sender.send_request(request)).await??;
    if let Some(status) = response.headers().get("grpc-status") {
        anyhow::bail!("the leader refuses: grpc-status {status:?}");
    }
    tracing::info!(leader, %address, "reporting to the leader");
    while let Some(frame) = response.body_mut().frame().await {
        if let Some(trailers) = frame?.trailers_ref() {
            anyhow::bail!(
                "the leader has ended the stream: {:?}",
                trailers.get("grpc-message")
            );
        }
    }
    anyhow::bail!("the stream has ended")
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    // Reports are bounded far below 4 GiB where they are made.
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame.freeze()
}

fn client_config(roots: &str) -> anyhow::Result<rustls::ClientConfig> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let mut store = rustls::RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(roots.as_bytes()) {
        store.add(root?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
