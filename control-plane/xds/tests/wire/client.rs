//! A client made by hand: it sends what a test wants, right or wrong.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rustls::SupportedProtocolVersion;
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tulle_proto::envoy_types::pb::envoy::config::core::v3::Node;
use tulle_proto::envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use tulle_proto::envoy_types::pb::google::rpc::Status;
use tulle_xds::TypeUrl;

use crate::bed::{Bed, TOKEN};

pub const DELTA: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
pub const SOTW: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

type Body = StreamBody<stream::BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

pub struct Connection {
    send: SendRequest<Body>,
    /// While true, nothing of what the server sends is read.
    pub stalled: Arc<AtomicBool>,
    pub ended: tokio::task::JoinHandle<Result<(), hyper::Error>>,
}

pub struct Stream {
    pub send: mpsc::UnboundedSender<Bytes>,
    response: Response<Incoming>,
    buffer: BytesMut,
}

/// How a call ended.
#[derive(Debug, PartialEq, Eq)]
pub struct End {
    pub code: u16,
    pub message: String,
}

pub fn tls_config(
    bed: &Bed,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> rustls::ClientConfig {
    // as Envoy offers them under TLS 1.3
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.kx_groups = vec![kx_group::X25519MLKEM768, kx_group::X25519];
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(bed.roots.clone())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

pub async fn tls(bed: &Bed, config: rustls::ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(bed.address).await?;
    tcp.set_nodelay(true)?;
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("xds.test").unwrap(), tcp)
        .await
}

impl Connection {
    pub async fn open(bed: &Bed) -> Self {
        Self::open_with(bed, 1 << 20).await
    }

    /// With a window of so many bytes a stream.
    pub async fn open_with(bed: &Bed, window: u32) -> Self {
        let config = tls_config(bed, &[&rustls::version::TLS13], &[b"h2"]);
        let io = tls(bed, config).await.unwrap();
        let stalled = Arc::new(AtomicBool::new(false));
        let io = Stalling {
            io,
            stalled: stalled.clone(),
        };
        let (send, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .initial_connection_window_size(1 << 24)
            .handshake(TokioIo::new(io))
            .await
            .unwrap();
        Self {
            send,
            stalled,
            ended: tokio::spawn(connection),
        }
    }

    pub async fn call(&mut self, request: http::request::Builder) -> Result<Stream, hyper::Error> {
        let (send, receive) = mpsc::unbounded_channel::<Bytes>();
        let body = stream::unfold(receive, |mut receive| async {
            receive
                .recv()
                .await
                .map(|bytes| (Ok(Frame::data(bytes)), receive))
        });
        let request = request.body(StreamBody::new(Box::pin(body) as _)).unwrap();
        self.send.ready().await?;
        let response = self.send.send_request(request).await?;
        Ok(Stream {
            send,
            response,
            buffer: BytesMut::new(),
        })
    }

    pub async fn stream(&mut self, path: &str) -> Stream {
        self.stream_as(path, TOKEN).await
    }

    pub async fn stream_as(&mut self, path: &str, token: &str) -> Stream {
        let request = grpc(path).header("authorization", format!("Bearer {token}"));
        self.call(request).await.unwrap()
    }
}

pub fn grpc(path: &str) -> http::request::Builder {
    Request::post(format!("https://xds.test{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

pub fn framed(message: &impl Message) -> Bytes {
    let mut out = BytesMut::from(&[0][..]);
    out.extend_from_slice(&(message.encoded_len() as u32).to_be_bytes());
    out.extend_from_slice(&message.encode_to_vec());
    out.freeze()
}

pub fn node(id: &str) -> Option<Node> {
    Some(Node {
        id: id.into(),
        ..Node::default()
    })
}

impl Stream {
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    pub fn status(&self) -> http::StatusCode {
        self.response.status()
    }

    pub fn raw(&self, bytes: impl Into<Bytes>) {
        // a call that has ended takes nothing more
        let _ = self.send.send(bytes.into());
    }

    pub fn ask(&self, url: TypeUrl, names: &[&str]) {
        self.raw(framed(&DeltaDiscoveryRequest {
            node: node("me"),
            type_url: url.as_str().into(),
            resource_names_subscribe: names.iter().map(ToString::to_string).collect(),
            ..Default::default()
        }));
    }

    pub fn answer(&self, response: &DeltaDiscoveryResponse, error: Option<&str>) {
        self.raw(framed(&DeltaDiscoveryRequest {
            type_url: response.type_url.clone(),
            response_nonce: response.nonce.clone(),
            error_detail: error.map(|message| Status {
                message: message.into(),
                ..Default::default()
            }),
            ..Default::default()
        }));
    }

    pub fn ask_sotw(&self, url: TypeUrl, names: &[&str], last: Option<&DiscoveryResponse>) {
        self.raw(framed(&DiscoveryRequest {
            node: node("me"),
            type_url: url.as_str().into(),
            resource_names: names.iter().map(ToString::to_string).collect(),
            version_info: last
                .map(|last| last.version_info.clone())
                .unwrap_or_default(),
            response_nonce: last.map(|last| last.nonce.clone()).unwrap_or_default(),
            ..Default::default()
        }));
    }

    pub async fn delta(&mut self) -> DeltaDiscoveryResponse {
        DeltaDiscoveryResponse::decode(self.message().await.expect("a response")).unwrap()
    }

    pub async fn sotw(&mut self) -> DiscoveryResponse {
        DiscoveryResponse::decode(self.message().await.expect("a response")).unwrap()
    }

    /// The next message, or how the call ended.
    pub async fn message(&mut self) -> Result<Bytes, End> {
        loop {
            if let Some(prefix) = self.buffer.first_chunk::<5>() {
                let len = u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize;
                if self.buffer.len() >= 5 + len {
                    self.buffer.advance(5);
                    return Ok(self.buffer.split_to(len).freeze());
                }
            }
            let frame = timeout(Duration::from_secs(10), self.response.body_mut().frame())
                .await
                .expect("in time");
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.buffer.extend_from_slice(&data),
                    Err(frame) => return Err(end(&frame.into_trailers().unwrap())),
                },
                Some(Err(error)) => {
                    return Err(End {
                        code: u16::MAX,
                        message: error.to_string(),
                    });
                }
                None => return Err(end(self.response.headers())),
            }
        }
    }

    pub async fn end(&mut self) -> End {
        loop {
            if let Err(end) = self.message().await {
                return end;
            }
        }
    }

    /// Nothing comes.
    pub async fn silent(&mut self) {
        let more = timeout(Duration::from_millis(100), self.message()).await;
        assert!(more.is_err(), "{more:?}");
    }
}

fn end(headers: &HeaderMap) -> End {
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    End {
        code: text("grpc-status")
            .and_then(|code| code.parse().ok())
            .unwrap_or(u16::MAX),
        message: text("grpc-message").unwrap_or_default(),
    }
}

pub fn names(response: &DeltaDiscoveryResponse) -> Vec<String> {
    response
        .resources
        .iter()
        .map(|r| format!("{}@{}", r.name, r.version))
        .collect()
}

struct Stalling<T> {
    io: T,
    stalled: Arc<AtomicBool>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Stalling<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.stalled.load(Ordering::Relaxed) {
            let waker = context.waker().clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                waker.wake();
            });
            return Poll::Pending;
        }
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Stalling<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
