use std::io::Read;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, NamedGroup, ProtocolVersion, RootCertStore, ServerConnection,
};

use super::*;
use crate::spiffe::TrustDomain;

fn names() -> ServingNames {
    ServingNames {
        dns_names: vec!["localhost".into()],
        addresses: vec!["127.0.0.1".parse().unwrap()],
    }
}

fn authority() -> Arc<Authority> {
    Arc::new(Authority::open(None, &TrustDomain::default()).unwrap())
}

fn client(
    authority: &Authority,
    versions: &[&'static rustls::SupportedProtocolVersion],
    alpn: &[u8],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.root().clone()).unwrap();
    // The order in which the Envoys of today offer key shares.
    let provider = Arc::new(CryptoProvider {
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519],
        ..aws_lc_rs::default_provider()
    });
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_webpki_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    Arc::new(config)
}

/// Shakes hands in memory.
fn shake(
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    name: &'static str,
) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
    let mut client = ClientConnection::new(client, ServerName::try_from(name).unwrap())?;
    let mut server = ServerConnection::new(server)?;
    for _ in 0..10 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        feed(&wire, |bytes| server.read_tls(bytes));
        server.process_new_packets()?;
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        feed(&wire, |bytes| client.read_tls(bytes));
        client.process_new_packets()?;
        if !client.is_handshaking() && !server.is_handshaking() {
            return Ok((client, server));
        }
    }
    panic!("no end of the handshake");
}

fn feed(mut wire: &[u8], mut read: impl FnMut(&mut dyn Read) -> std::io::Result<usize>) {
    while !wire.is_empty() {
        read(&mut wire).unwrap();
    }
}

#[test]
fn handshake_is_tls13_h2_and_post_quantum() {
    let authority = authority();
    let config = ServingCertificate::new(Arc::clone(&authority), names())
        .unwrap()
        .server_config()
        .unwrap();
    for name in ["localhost", "127.0.0.1"] {
        let (client, server) = shake(
            Arc::clone(&config),
            client(&authority, &[&TLS13], b"h2"),
            name,
        )
        .unwrap();
        assert_eq!(client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(server.alpn_protocol(), Some(b"h2".as_slice()));
        assert_eq!(
            client.negotiated_key_exchange_group().unwrap().name(),
            NamedGroup::X25519MLKEM768
        );
    }
}

#[test]
fn other_protocols_names_and_roots_are_refused() {
    let authority = authority();
    let config = ServingCertificate::new(Arc::clone(&authority), names())
        .unwrap()
        .server_config()
        .unwrap();
    let old = client(&authority, &[&rustls::version::TLS12], b"h2");
    assert!(shake(Arc::clone(&config), old, "localhost").is_err());
    let http1 = client(&authority, &[&TLS13], b"http/1.1");
    assert!(shake(Arc::clone(&config), http1, "localhost").is_err());
    let good = client(&authority, &[&TLS13], b"h2");
    assert!(shake(Arc::clone(&config), good, "elsewhere.example").is_err());
    let stranger = client(&self::authority(), &[&TLS13], b"h2");
    assert!(shake(config, stranger, "localhost").is_err());
}

#[test]
fn renewed_before_its_end_and_not_sooner() {
    let serving =
        ServingCertificate::with_lifetime(authority(), names(), Duration::from_secs(300)).unwrap();
    let start = SystemTime::now();
    let first = serving.fresh(start);
    assert!(Arc::ptr_eq(
        &first,
        &serving.fresh(start + Duration::from_secs(190))
    ));
    let second = serving.fresh(start + Duration::from_secs(201));
    assert_ne!(first.cert, second.cert);
    assert!(Arc::ptr_eq(&second, &serving.fresh(SystemTime::now())));
}
