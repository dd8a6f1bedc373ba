//! The server over real TLS on loopback: `answers`, hostile clients, and load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;

mod answers;
mod hostile;
mod load;

/// Decides by the name of the object.
#[derive(Debug)]
struct Judge;

impl Admission for Judge {
    async fn inject(&self, request: AdmissionRequest) -> Result<AdmissionResponse, Unavailable> {
        let value = request.object["spec"].clone();
        let path = json_patch::jsonptr::PointerBuf::from_tokens(["metadata", "copy"]);
        Ok(AdmissionResponse::patched(json_patch::Patch(vec![
            json_patch::PatchOperation::Add(json_patch::AddOperation { path, value }),
        ])))
    }

    async fn mutate(&self, _: AdmissionRequest) -> Result<AdmissionResponse, Unavailable> {
        Ok(AdmissionResponse::allowed())
    }

    async fn validate(&self, request: AdmissionRequest) -> Result<AdmissionResponse, Unavailable> {
        match request.name.as_str() {
            "slow" => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                Ok(AdmissionResponse::allowed())
            }
            "endless" => std::future::pending().await,
            "unready" => Err(Unavailable("Meshes have not been read yet".to_owned())),
            "panic" => panic!("as asked"),
            _ => Ok(AdmissionResponse::denied("because")),
        }
    }
}

#[derive(Debug)]
struct OneCertificate(Arc<CertifiedKey>);

impl ResolvesServerCert for OneCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

struct Running {
    address: SocketAddr,
    roots: Arc<rustls::RootCertStore>,
    stats: Arc<WebhookStats>,
    drain: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

async fn start(settings: WebhookSettings) -> Running {
    let made = rcgen::generate_simple_self_signed(["tulle.test".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let certificate = made.cert.der().clone();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let certificate = OneCertificate(Arc::new(CertifiedKey::new(vec![certificate], key)));
    let server = Server::new(Judge, Arc::new(certificate), settings).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stats = server.stats();
    let (drain, drained) = oneshot::channel();
    let serving = tokio::spawn(async move {
        server
            .serve(listener, async {
                let _ = drained.await;
            })
            .await;
    });
    Running {
        address,
        roots: Arc::new(roots),
        stats,
        drain: Some(drain),
        serving,
    }
}

type Sender1 = hyper::client::conn::http1::SendRequest<Full<Bytes>>;
type Sender2 = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

impl Running {
    async fn tls_of(
        &self,
        alpn: &[u8],
        version: &'static rustls::SupportedProtocolVersion,
    ) -> TlsStream<TcpStream> {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        let hybrid = rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768;
        provider.kx_groups.insert(0, hybrid);
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let tcp = TcpStream::connect(self.address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(ServerName::try_from("tulle.test").unwrap(), tcp)
            .await
            .unwrap()
    }

    async fn tls(&self, alpn: &[u8]) -> TlsStream<TcpStream> {
        self.tls_of(alpn, &rustls::version::TLS13).await
    }

    async fn h1(&self) -> Sender1 {
        let io = TokioIo::new(self.tls(b"http/1.1").await);
        let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    async fn h2(&self) -> Sender2 {
        let io = TokioIo::new(self.tls(b"h2").await);
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
            .await
            .unwrap();
        tokio::spawn(connection);
        sender
    }

    /// How many requests of a webhook had an outcome.
    fn count(&self, route: Route, outcome: Outcome) -> u64 {
        let requests = self.stats.snapshot().requests;
        let mut series = requests.iter();
        series
            .find(|series| (series.route, series.outcome) == (route, outcome))
            .map_or(0, |series| series.count)
    }
}

fn review(name: &str, object: Value) -> Vec<u8> {
    let text = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": format!("uid-{name}"), "name": name, "namespace": "shop", "operation": "CREATE",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "object": object,
        },
    });
    text.to_string().into_bytes()
}

fn post(path: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
    Request::post(format!("https://tulle.test{path}"))
        .header("host", "tulle.test")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .unwrap()
}

async fn read(response: http::Response<Incoming>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = || Value::String(String::from_utf8(bytes.to_vec()).unwrap());
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or_else(|_| text()),
    )
}

async fn ask(sender: &mut Sender2, path: &str, body: Vec<u8>) -> (StatusCode, Value) {
    sender.ready().await.unwrap();
    read(sender.send_request(post(path, body)).await.unwrap()).await
}

/// The server still answers somebody new.
async fn is_well(running: &Running) {
    let mut sender = running.h2().await;
    let (status, answer) = ask(&mut sender, "/mutate", review("well", json!({}))).await;
    assert_eq!(
        (status, &answer["response"]["uid"]),
        (StatusCode::OK, &json!("uid-well"))
    );
}
