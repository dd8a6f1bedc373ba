use std::io::Read;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::*;
use crate::snapshot::Snapshot;
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

fn client(authority: &Authority) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.root().clone()).unwrap();
    trusting(roots)
}

fn trusting(roots: RootCertStore) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_webpki_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
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

fn server(serving: Arc<ServingCertificate>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(serving);
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

#[test]
fn clients_that_trust_the_root_accept_every_name_and_no_other() {
    let authority = authority();
    let config = server(ServingCertificate::new(authority.clone(), names()).unwrap());
    for name in ["localhost", "127.0.0.1"] {
        let trusting = client(&authority);
        shake(Arc::clone(&config), trusting, name).unwrap();
    }
    let good = client(&authority);
    assert!(shake(Arc::clone(&config), good, "elsewhere.example").is_err());
    let stranger = client(&self::authority());
    assert!(shake(config, stranger, "localhost").is_err());
}

#[test]
fn renewed_before_its_end_and_not_sooner() {
    let lifetime = Duration::from_secs(300);
    let serving =
        ServingCertificate::with_lifetime(authority(), "ns", "sa", names(), lifetime).unwrap();
    assert_eq!(serving.id().as_str(), "spiffe://cluster.local/ns/ns/sa/sa");
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

/// An authority that a test replaces.
#[derive(Debug)]
struct Replaced(Mutex<Option<Arc<Snapshot>>>);

impl AuthoritySource for Replaced {
    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.0.lock().clone()
    }
}

#[test]
fn a_new_issuer_signs_the_next_handshake() {
    let (one, two) = (authority(), authority());
    let source = Arc::new(Replaced(Mutex::new(None)));
    assert!(matches!(
        ServingCertificate::new(source.clone(), names()),
        Err(ServingError::Authority(AuthorityError::Missing))
    ));
    *source.0.lock() = one.snapshot();
    let names = ServingNames::of_service(
        "tulle",
        "mesh",
        "cluster.local",
        Some("10.1.2.3".parse().unwrap()),
    );
    let serving = ServingCertificate::with_identity(source.clone(), "mesh", "cp", names).unwrap();
    let config = server(Arc::clone(&serving));
    let name = "tulle.mesh.svc.cluster.local";
    for name in [
        name,
        "tulle.mesh",
        "tulle.mesh.svc",
        "localhost",
        "10.1.2.3",
        "::1",
    ] {
        shake(Arc::clone(&config), client(&one), name).unwrap();
    }
    *source.0.lock() = two.snapshot();
    shake(Arc::clone(&config), client(&two), name).unwrap();
    assert!(shake(Arc::clone(&config), client(&one), name).is_err());
    let made = serving.fresh(SystemTime::now());
    assert!(Arc::ptr_eq(&made, &serving.fresh(SystemTime::now())));
}

#[test]
fn intermediates_are_sent() {
    let chain = crate::testing::UsersCa::new(rcgen::KeyPair::generate().unwrap());
    let slot = chain.slot();
    let source = Arc::new(Replaced(Mutex::new(None)));
    let state = crate::ca::CaState::new(slot);
    let snapshot = Snapshot::of(&state, &TrustDomain::default()).unwrap();
    *source.0.lock() = Some(Arc::new(snapshot));
    let serving = ServingCertificate::new(source, names()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(chain.root.clone()).unwrap();
    let config = trusting(roots);
    shake(server(serving), config, "localhost").unwrap();
}
