//! Whether a chain holds, asked of the library that checks handshakes.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::issuer::unix;

/// Whether `leaf` leads over `intermediates` to `root` at the given time, as the certificate of a TLS client.
pub(crate) fn client_chain(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    root: &CertificateDer<'static>,
    at: SystemTime,
) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).map_err(|e| e.to_string())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|e| e.to_string())?;
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(unix(at)));
    verifier
        .verify_client_cert(leaf, intermediates, at)
        .map(|_| ())
        .map_err(|e| e.to_string())
}
