//! A plain HTTP/2 client over TLS, for what is no proxy: the recorder and the storm of admissions.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// More than anything that is read here.
const WINDOW: u32 = 256 << 20;

/// Connects to a server that proves itself as `name` by certificates under `roots`, PEM.
pub(super) async fn connect(
    address: SocketAddr,
    name: &str,
    roots: &str,
) -> anyhow::Result<SendRequest<Bytes>> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(roots.as_bytes()) {
        store.add(certificate.context("certificates of the control plane")?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let name = ServerName::try_from(name.to_owned())?;
    let tls = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await?;
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake(tls)
        .await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// The next piece of a body.
pub(super) async fn piece(body: &mut RecvStream) -> anyhow::Result<Option<Bytes>> {
    match body.data().await {
        None => Ok(None),
        Some(piece) => {
            let piece = piece?;
            body.flow_control().release_capacity(piece.len())?;
            Ok(Some(piece))
        }
    }
}
