//! TLS of the webhook port: 1.2 and 1.3, for API servers of every age; post-quantum key exchange first.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::ResolvesServerCert;
use rustls::version::{TLS12, TLS13};

/// HTTP/2, as negotiated.
pub(super) const H2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// A configuration whose certificate is looked up for each handshake, so that it can be renewed under way.
pub(super) fn config(
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<rustls::ServerConfig, rustls::Error> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
        aws_lc_rs::kx_group::SECP256R1,
    ];
    let mut config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![H2.to_vec(), HTTP1.to_vec()];
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(config)
}
