//! A server of certificates on a Unix socket, as a node's SPIRE agent is one: it hands out the trust bundle of its trust
//! domain, and certificates for the identities that have been registered. A secret that is asked for before it is
//! registered is sent when it is.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use prost::Message;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType,
};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};

use crate::grpc;
use crate::server::{self, Answer, text};

mod message;

use message::{
    Any, DataSource, DiscoveryRequest, DiscoveryResponse, SECRET, Secret, TlsCertificate,
    ValidationContext,
};

/// The authority of a trust domain, and who is registered.
pub struct Agent {
    trust_domain: String,
    issuer: Issuer<'static, KeyPair>,
    root: String,
    registered: watch::Sender<BTreeSet<String>>,
}

impl Agent {
    /// Makes an authority for a trust domain, with these paths of identities registered.
    ///
    /// # Errors
    /// A key could not be made.
    pub fn new(trust_domain: &str, paths: &[String]) -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, format!("root of {trust_domain}"));
        params.distinguished_name = name;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.subject_alt_names =
            vec![SanType::URI(format!("spiffe://{trust_domain}").try_into()?)];
        let root = params.self_signed(&key)?.pem();
        Ok(Self {
            trust_domain: trust_domain.to_owned(),
            issuer: Issuer::new(params, key),
            root,
            registered: watch::Sender::new(paths.iter().cloned().collect()),
        })
    }

    /// The secret of this name, if its owner may have it.
    fn secret(&self, name: &str) -> anyhow::Result<Option<Secret>> {
        let bundle = format!("spiffe://{}", self.trust_domain);
        let mut secret = Secret {
            name: name.to_owned(),
            ..Secret::default()
        };
        if name == bundle {
            secret.validation_context = Some(ValidationContext {
                trusted_ca: Some(inline(&self.root)),
            });
            return Ok(Some(secret));
        }
        let path = name.strip_prefix(&format!("{bundle}/"));
        if !path.is_some_and(|path| self.registered.borrow().contains(path)) {
            return Ok(None);
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.subject_alt_names = vec![SanType::URI(name.try_into()?)];
        let certificate = params.signed_by(&key, &self.issuer)?;
        secret.tls_certificate = Some(TlsCertificate {
            certificate_chain: Some(inline(&certificate.pem())),
            private_key: Some(inline(&key.serialize_pem())),
        });
        Ok(Some(secret))
    }
}

fn inline(text: &str) -> DataSource {
    DataSource {
        inline_bytes: text.as_bytes().to_vec(),
    }
}

/// Serves secrets on a Unix socket that every user of the node may connect to, until `stop` turns true.
///
/// # Errors
/// The socket cannot be made.
pub async fn serve_until(
    socket: &Path,
    agent: Arc<Agent>,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    // One of a process that has ended.
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).with_context(|| socket.display().to_string())?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o777))?;
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            Ok(_) = stop.wait_for(|stopped| *stopped) => return Ok(()),
        };
        let agent = agent.clone();
        let handler = move |request| answer(request, agent.clone());
        tokio::spawn(server::connection(stream, stop.clone(), handler));
    }
}

/// Serves `/register/PATH` and `/ping` for who runs the agent.
pub async fn administer(request: Request<Incoming>, agent: Arc<Agent>) -> Answer {
    if let Some(path) = request.uri().path().strip_prefix("/register/") {
        agent.registered.send_modify(|registered| {
            registered.insert(path.to_owned());
        });
        return text(StatusCode::OK, format!("{path} is registered\n"));
    }
    text(StatusCode::OK, "pong\n")
}

async fn answer(request: Request<Incoming>, agent: Arc<Agent>) -> Answer {
    if request.uri().path() != "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets" {
        return grpc::refusal(grpc::UNIMPLEMENTED, "only StreamSecrets");
    }
    let (sender, receiver) = mpsc::channel(8);
    tokio::spawn(async move {
        // A proxy that went away has nothing more to ask.
        let _ = stream(request.into_body(), &agent, &sender).await;
        let _ = sender.send(Frame::trailers(grpc::trailers("0", ""))).await;
    });
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async {
        let frame: Frame<Bytes> = receiver.recv().await?;
        Some((Ok(frame), receiver))
    });
    grpc::headed(Response::new(StreamBody::new(frames).boxed()))
}

/// Answers each question, and again when somebody was registered, unless there is nothing new.
async fn stream(
    mut body: Incoming,
    agent: &Agent,
    sender: &mpsc::Sender<Frame<Bytes>>,
) -> anyhow::Result<()> {
    let mut registered = agent.registered.subscribe();
    let mut arrived = BytesMut::new();
    let mut wanted: Vec<String> = Vec::new();
    let mut sent: BTreeSet<String> = BTreeSet::new();
    let mut version = 0;
    loop {
        tokio::select! {
            frame = body.frame() => {
                let Some(frame) = frame else { return Ok(()) };
                if let Ok(data) = frame?.into_data() {
                    arrived.extend_from_slice(&data);
                }
                while let Some(request) = grpc::next::<DiscoveryRequest>(&mut arrived)? {
                    wanted = request.resource_names;
                }
            }
            changed = registered.changed() => changed?,
        }
        let mut resources = Vec::new();
        let mut named = BTreeSet::new();
        for name in &wanted {
            if let Some(secret) = agent.secret(name)? {
                named.insert(name.clone());
                resources.push(Any {
                    type_url: SECRET.to_owned(),
                    value: secret.encode_to_vec(),
                });
            }
        }
        if named.is_empty() || named == sent {
            continue;
        }
        version += 1;
        let response = DiscoveryResponse {
            version_info: version.to_string(),
            resources,
            type_url: SECRET.to_owned(),
            nonce: version.to_string(),
        };
        let frame = Frame::data(grpc::frame(&response));
        sender.send(frame).await.context("the proxy went away")?;
        sent = named;
    }
}
