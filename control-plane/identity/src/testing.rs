//! What several tests need: authorities of users, an API server that answers by script, and a log that can be read.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::client::Body;
use parking_lot::Mutex;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::CertificateDer;

use crate::ca::{CaSlot, Origin};
use crate::spiffe::TrustDomain;

/// A root and an intermediate below it, as a company has them.
pub(crate) struct UsersCa {
    pub(crate) root: CertificateDer<'static>,
    pub(crate) root_pem: String,
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
    company: CertifiedIssuer<'static, KeyPair>,
}

pub(crate) fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl UsersCa {
    pub(crate) fn new(key: KeyPair) -> Self {
        let root =
            CertifiedIssuer::self_signed(ca_params("Company root"), KeyPair::generate().unwrap())
                .unwrap();
        Self::below(root, key, |_| {})
    }

    /// Another intermediate below the same root.
    pub(crate) fn renewed(self) -> Self {
        Self::below(self.company, KeyPair::generate().unwrap(), |_| {})
    }

    /// Another intermediate below the same root, changed.
    pub(crate) fn changed(self, change: impl FnOnce(&mut CertificateParams)) -> Self {
        Self::below(self.company, KeyPair::generate().unwrap(), change)
    }

    fn below(
        company: CertifiedIssuer<'static, KeyPair>,
        key: KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = ca_params("Mesh intermediate");
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let certificate = params.signed_by(&key, &company).unwrap();
        Self {
            root: company.der().clone(),
            root_pem: company.pem(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            company,
        }
    }

    pub(crate) fn slot(&self) -> CaSlot {
        CaSlot::parse(
            self.certificate_pem.as_bytes(),
            self.key_pem.as_bytes(),
            Some(self.root_pem.as_bytes()),
            Origin::User,
            Duration::from_secs(3600),
            &TrustDomain::default(),
            SystemTime::now(),
        )
        .unwrap()
    }
}

/// A Secret with this data.
pub(crate) fn secret<'a>(data: impl IntoIterator<Item = (&'a str, &'a str)>) -> Secret {
    let data = data
        .into_iter()
        .map(|(key, value)| (key.to_owned(), ByteString(value.as_bytes().to_vec())));
    Secret {
        data: Some(data.collect()),
        ..Secret::default()
    }
}

/// A request as the scripted API server sees it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
}

/// What it answers.
pub(crate) enum Answer {
    Json(u16, serde_json::Value),
    Text(u16, String),
    /// The connection breaks.
    Broken,
    /// It answers after a while.
    Late(Duration, Box<Answer>),
}

impl Answer {
    pub(crate) fn ok(value: serde_json::Value) -> Self {
        Self::Json(200, value)
    }

    /// Refused the way the API server refuses.
    pub(crate) fn status(code: u16, reason: &str) -> Self {
        Self::Json(
            code,
            serde_json::json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": "no"
            }),
        )
    }
}

/// A client whose API server is a function; every call is kept.
pub(crate) fn api_server(
    answer: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> (kube::Client, Arc<Mutex<Vec<Call>>>) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&calls);
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: Request<Body>| {
        let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
        async move {
            let (parts, body) = request.into_parts();
            let call = Call {
                method: parts.method,
                path: parts.uri.path().to_owned(),
                body: body.collect().await?.to_bytes().to_vec(),
            };
            kept.lock().push(call.clone());
            let mut said = answer(&call);
            while let Answer::Late(pause, then) = said {
                tokio::time::sleep(pause).await;
                said = *then;
            }
            let (code, text) = match said {
                Answer::Json(code, value) => (code, value.to_string()),
                Answer::Text(code, text) => (code, text),
                Answer::Broken | Answer::Late(..) => return Err("connection reset".into()),
            };
            let mut response = Response::new(Body::from(text.into_bytes()));
            *response.status_mut() = StatusCode::from_u16(code).unwrap();
            Ok::<_, tower::BoxError>(response)
        }
    });
    (kube::Client::new(service, "default"), calls)
}

/// Everything that is logged on this thread, at every level, until dropped.
pub(crate) struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    _guard: tracing::subscriber::DefaultGuard,
}

#[derive(Clone)]
struct Pen(Arc<Mutex<Vec<u8>>>);

impl Write for Pen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub(crate) fn begin() -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let pen = Pen(Arc::clone(&text));
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || pen.clone())
            .with_ansi(false)
            .finish();
        Self {
            text,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock()).into_owned()
    }
}
