//! A server on a loopback port, with a certificate of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tulle_xds::{
    Authenticator, Caller, Change, Denied, Feed, Resource, Role, Scope, Server, ServerSettings,
    Store, TypeTable, TypeUrl,
};

pub struct Bed {
    pub address: SocketAddr,
    pub server: Server,
    pub store: Arc<Store>,
    pub feed: Feed,
    pub roots: Arc<RootCertStore>,
    pub running: JoinHandle<()>,
}

/// Who a token proves: `scope/name`, and for how long.
#[derive(Default)]
pub struct Tokens(pub BTreeMap<&'static str, Option<Duration>>);

#[derive(Debug)]
struct OneCertificate(Arc<CertifiedKey>);

impl ResolvesServerCert for OneCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

impl Authenticator for Tokens {
    fn authenticate<'a>(
        &'a self,
        bearer: Option<&'a str>,
        _: SocketAddr,
    ) -> BoxFuture<'a, Result<Caller, Denied>> {
        std::future::ready(self.prove(bearer)).boxed()
    }

    fn still(&self, caller: &Caller) -> bool {
        !caller.name.ends_with("gone")
    }
}

impl Tokens {
    fn prove(&self, bearer: Option<&str>) -> Result<Caller, Denied> {
        let token = bearer.ok_or_else(|| Denied("no token".into()))?;
        let (token, life) = self
            .0
            .get_key_value(token)
            .ok_or_else(|| Denied("unknown token".into()))?;
        let (scope, name) = token.split_once('/').expect("a scope and a name");
        let expires = life.map(|life| Instant::now() + life);
        Ok(Caller {
            scope: Scope::new(scope),
            own: name
                .starts_with("pod")
                .then(|| Scope::new(format!("own {name}"))),
            name: name.into(),
            expires,
            role: match name.starts_with("peer") {
                true => Role::Peer,
                false => Role::Proxy,
            },
        })
    }
}

/// The token of every test that needs no other.
pub const TOKEN: &str = "group/one";

pub async fn start(settings: ServerSettings) -> Bed {
    start_for(
        [(TOKEN, None), ("group/two", None), ("other/three", None)],
        settings,
    )
    .await
}

pub async fn start_for<const N: usize>(
    tokens: [(&'static str, Option<Duration>); N],
    settings: ServerSettings,
) -> Bed {
    let made = rcgen::generate_simple_self_signed(["xds.test".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let key = aws_lc_rs::sign::any_supported_type(&key.into()).unwrap();
    let certificate = CertifiedKey::new(vec![made.cert.der().clone()], key);
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let (store, feed) = Store::new(TypeTable::envoy());
    let server = Server::new(
        store.clone(),
        Arc::new(Tokens(tokens.into())),
        Arc::new(OneCertificate(Arc::new(certificate))),
        settings,
    )
    .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let running = tokio::spawn({
        let server = server.clone();
        async move { server.serve(listener).await }
    });
    Bed {
        address,
        server,
        store,
        feed,
        roots: Arc::new(roots),
        running,
    }
}

impl Bed {
    pub fn fill(&self, resources: &[(TypeUrl, &str, &str)]) {
        self.store.replace(
            &Scope::new("group"),
            resources.iter().map(resource).collect(),
        );
    }

    pub fn put(&self, resources: &[(TypeUrl, &str, &str)]) -> u64 {
        let changes = resources.iter().map(|r| Change::Put(resource(r))).collect();
        self.store.apply(&Scope::new("group"), changes).unwrap()
    }

    /// Waits until `done` holds.
    pub async fn until(&self, what: &str, done: impl Fn(&Server) -> bool) {
        let started = Instant::now();
        while !done(&self.server) {
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "still waiting for {what}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn resource((url, name, version): &(TypeUrl, &str, &str)) -> Arc<Resource> {
    Arc::new(Resource::new(
        *url,
        *name,
        *version,
        format!("{name} {version}").as_bytes(),
    ))
}
