//! Connections: TCP, TLS if asked for, and every byte counted.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use anyhow::Context as _;
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::answer::Wire;
use super::protocol::Tls;

/// Bytes of all connections.
#[derive(Debug, Default)]
pub(super) struct Bytes {
    read: AtomicU64,
    written: AtomicU64,
}

impl Bytes {
    pub(super) fn wire(&self) -> Wire {
        Wire {
            read: self.read.load(Relaxed),
            written: self.written.load(Relaxed),
        }
    }
}

/// How a proxy connects.
#[derive(Debug)]
pub(super) struct Dial {
    target: SocketAddr,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    bytes: Arc<Bytes>,
}

/// A connection.
pub(super) type Socket = Box<dyn Stream>;

/// Anything to read from and write to.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("connect: {0}")]
    Tcp(io::Error),
    #[error("tls: {0}")]
    Tls(io::Error),
}

/// What TLS configurations of proxies are made of: where sessions are resumed each has its own, so that none resumes
/// another's.
#[derive(Clone, Debug)]
pub(super) struct TlsTemplate {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    resume: bool,
}

impl TlsTemplate {
    pub(super) fn read(tls: &Tls, h2: bool) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in authorities(&tls.ca)? {
            roots.add(certificate)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        if h2 {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            name: ServerName::try_from(tls.name.clone())
                .with_context(|| format!("'{}' is no name of a server", tls.name))?,
            resume: tls.resume,
        })
    }

    fn of_one(&self) -> Arc<ClientConfig> {
        if !self.resume {
            return self.config.clone();
        }
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::in_memory_sessions(1);
        Arc::new(config)
    }
}

fn authorities(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .with_context(|| format!("{}: no PEM certificates", path.display()))?;
    anyhow::ensure!(
        !certificates.is_empty(),
        "{}: no certificate in it",
        path.display()
    );
    Ok(certificates)
}

impl Dial {
    pub(super) fn new(target: SocketAddr, tls: Option<&TlsTemplate>, bytes: Arc<Bytes>) -> Self {
        Self {
            target,
            tls: tls.map(|tls| (tls.of_one(), tls.name.clone())),
            bytes,
        }
    }

    pub(super) async fn connect(&self) -> Result<Socket, DialError> {
        let tcp = TcpStream::connect(self.target)
            .await
            .map_err(DialError::Tcp)?;
        tcp.set_nodelay(true).map_err(DialError::Tcp)?;
        let counted = Counted {
            tcp,
            bytes: self.bytes.clone(),
        };
        Ok(match &self.tls {
            None => Box::new(counted),
            Some((config, name)) => {
                let tls = TlsConnector::from(config.clone())
                    .connect(name.clone(), counted)
                    .await;
                Box::new(tls.map_err(DialError::Tls)?)
            }
        })
    }
}

struct Counted {
    tcp: TcpStream,
    bytes: Arc<Bytes>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        self.bytes.read.fetch_add(read as u64, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.tcp).poll_write(context, bytes))?;
        self.bytes.written.fetch_add(written as u64, Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.tcp).poll_write_vectored(context, pieces))?;
        self.bytes.written.fetch_add(written as u64, Relaxed);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
