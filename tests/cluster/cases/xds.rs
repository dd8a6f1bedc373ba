//! A client of the control plane's port made by hand: it sends what an attacker wants, from where the attacker is.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tulle_proto::core::Node;
use tulle_proto::discovery::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use tulle_proto::prost::Message;

pub(crate) const DELTA: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
pub(crate) const SOTW: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

pub(crate) const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
pub(crate) const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
pub(crate) const SECRET: &str =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/// The control plane as seen from one place.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) server: String,
    pub(crate) roots: String,
    /// The network to call from: that of a pod, or the node's.
    pub(crate) network: Option<PathBuf>,
}

/// A call and everything that is sent on it.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) path: String,
    pub(crate) authorization: Vec<String>,
    pub(crate) frames: Vec<Bytes>,
    pub(crate) headers: Vec<(String, String)>,
    /// How long answers are waited for.
    pub(crate) patience: Duration,
    /// Who is told when the first resource has come.
    pub(crate) given: Option<Sender<()>>,
}

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    /// `type name` of every resource.
    pub(crate) resources: BTreeSet<String>,
    /// Their bytes.
    pub(crate) bytes: Vec<u8>,
    /// How the call ended, if it did.
    pub(crate) end: Option<String>,
    /// When it ended.
    pub(crate) took: Duration,
}

pub(crate) fn framed(message: &impl Message) -> Bytes {
    prefixed(0, &message.encode_to_vec())
}

pub(crate) fn prefixed(flag: u8, message: &[u8]) -> Bytes {
    let mut out = BytesMut::from(&[flag][..]);
    out.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    out.extend_from_slice(message);
    out.freeze()
}

pub(crate) fn request(node: Node, type_url: &str, names: &[&str]) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest {
        node: Some(node),
        type_url: type_url.to_owned(),
        resource_names_subscribe: names.iter().map(ToString::to_string).collect(),
        ..Default::default()
    }
}

pub(crate) fn node(id: &str) -> Node {
    Node {
        id: id.to_owned(),
        ..Node::default()
    }
}

impl Attempt {
    /// An honest stream with this token that asks for listeners and clusters.
    pub(crate) fn with_token(token: &str) -> Self {
        Self {
            path: DELTA.to_owned(),
            authorization: vec![format!("Bearer {token}")],
            frames: vec![
                framed(&request(node("me"), LISTENER, &[])),
                framed(&request(node("me"), CLUSTER, &[])),
            ],
            headers: Vec::new(),
            patience: Duration::from_secs(1),
            given: None,
        }
    }
}

impl Door {
    /// Makes the call in a thread of its own, which enters the network.
    pub(crate) fn attempt(&self, attempt: &Attempt) -> anyhow::Result<Answered> {
        let (door, attempt) = (self.clone(), attempt.clone());
        let thread = std::thread::spawn(move || {
            if let Some(network) = &door.network {
                let file = File::open(network).context("the pod's network")?;
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
            }
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(door.play(&attempt))
        });
        thread
            .join()
            .map_err(|_| anyhow::anyhow!("the client panicked"))?
    }

    fn tls(&self) -> anyhow::Result<TlsConnector> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.roots.as_bytes()) {
            roots.add(certificate?)?;
        }
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }

    async fn play(&self, attempt: &Attempt) -> anyhow::Result<Answered> {
        let started = Instant::now();
        let tcp = TcpStream::connect(self.address).await.context("connect")?;
        let name = ServerName::try_from(self.server.clone())?;
        let io = self.tls()?.connect(name, tcp).await.context("TLS")?;
        let (mut send, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await?;
        tokio::spawn(connection);
        let mut request = Request::post(format!("https://{}{}", self.server, attempt.path))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for value in &attempt.authorization {
            request = request.header("authorization", value);
        }
        for (name, value) in &attempt.headers {
            request = request.header(name, value);
        }
        // The frames, and then nothing more, but the stream stays open.
        let frames: Vec<_> = attempt.frames.clone();
        let body = stream::unfold(frames.into_iter(), |mut frames| async move {
            match frames.next() {
                Some(bytes) => Some((Ok::<_, Infallible>(Frame::data(bytes)), frames)),
                None => std::future::pending().await,
            }
        });
        let request = request.body(StreamBody::new(Box::pin(body)))?;
        let mut answered = Answered::default();
        let read = async {
            let mut response = match send.send_request(request).await {
                Ok(response) => response,
                Err(error) => return format!("{error:?}"),
            };
            let mut buffer = BytesMut::new();
            loop {
                let frame = match response.body_mut().frame().await {
                    None => return format!("{} {:?}", response.status(), response.headers()),
                    Some(Err(error)) => return format!("{error:?}"),
                    Some(Ok(frame)) => frame,
                };
                match frame.into_data() {
                    Ok(data) => buffer.extend_from_slice(&data),
                    Err(frame) => return format!("{:?}", frame.into_trailers()),
                }
                while let Some(message) = take_message(&mut buffer) {
                    let Ok(response) = DeltaDiscoveryResponse::decode(message) else {
                        continue;
                    };
                    for resource in response.resources {
                        let kind = response.type_url.rsplit('.').next().unwrap_or_default();
                        answered
                            .resources
                            .insert(format!("{kind} {}", resource.name));
                        answered.bytes.extend(resource.encode_to_vec());
                        if let Some(given) = &attempt.given {
                            // Who no longer listens has heard it.
                            let _ = given.send(());
                        }
                    }
                }
            }
        };
        let ended = tokio::time::timeout(attempt.patience, read).await;
        answered.end = ended.ok();
        answered.took = started.elapsed();
        Ok(answered)
    }
}

fn take_message(buffer: &mut BytesMut) -> Option<Bytes> {
    let prefix = buffer.first_chunk::<5>()?;
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    if buffer.len() < 5 + length {
        return None;
    }
    buffer.advance(5);
    Some(buffer.split_to(length).freeze())
}
