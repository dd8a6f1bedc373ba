//! TLS of the xDS port: 1.3 only, HTTP/2 only, post-quantum key exchange first.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::ResolvesServerCert;
use rustls::version::TLS13;

/// The one protocol spoken after the handshake.
pub(crate) const H2: &[u8] = b"h2";

/// A configuration whose certificate is looked up for each handshake, so that it can be renewed under way.
pub(crate) fn config(
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<rustls::ServerConfig, rustls::Error> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
        aws_lc_rs::kx_group::SECP256R1,
    ];
    let mut config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![H2.to_vec()];
    // tickets, not a session table: a reconnect storm is cheaper, and nothing is kept
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(config)
}
