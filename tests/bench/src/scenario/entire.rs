//! istiod with all that it is shipped with: it admits pods and gives certificates. A tuned one signs with an elliptic key.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::{Buf, Bytes, BytesMut};
use h2::client::SendRequest;
use rcgen::{CertificateParams, KeyPair};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::bed::Bed;
use super::figure;
use super::h2_client::{connect, piece};
use super::tools::Tools;
use super::webhook::Webhook;
use crate::record::{Process, Quantiles, Run, Unit};
use crate::stack::{ISTIOD_SERVER_NAME, Istiod, IstiodOptions, Profile};
use crate::wire::fields::{one, put_number, put_text};
use crate::wire::request::{PREFIX, frame};

/// Connections on which certificates are asked for, and how many certificates on each.
const CONNECTIONS: usize = 100;
const EACH: usize = 10;
/// How long a certificate is to be valid, seconds: as its agent asks.
const VALID: u64 = 24 * 3600;
const METHOD: &str = "/istio.v1.auth.IstioCertificateService/CreateCertificate";

/// A running one; ended when this is dropped.
pub(super) struct Entire {
    istiod: Istiod,
    roots: String,
}

impl Entire {
    /// Starts it and waits until it is ready.
    pub(super) async fn start(
        tools: &Tools,
        bed: &mut Bed,
        profile: Profile,
    ) -> anyhow::Result<Self> {
        let options = IstiodOptions {
            program: tools.istiod.clone().context("no istiod")?,
            profile,
            core: tools.server_core(),
            inject: tools.istio_inject.clone(),
        };
        let folder = bed.next_folder("istiod");
        let given = match profile {
            Profile::Default => None,
            Profile::Tuned => Some(Istiod::give_authority(&folder)?),
        };
        let istiod = Istiod::start(&options, &bed.server, &folder).await?;
        let roots = match given {
            Some(roots) => roots,
            None => Istiod::roots(&bed.server).await?,
        };
        Ok(Self { istiod, roots })
    }

    fn process(&self) -> Process {
        Process::of(self.istiod.id())
    }

    pub(super) fn webhook(&self) -> Webhook {
        Webhook {
            port: self.istiod.webhook,
            name: ISTIOD_SERVER_NAME,
            roots: self.roots.clone(),
            process: self.process(),
        }
    }

    /// All connections ask at once, each for one certificate after the other.
    pub(super) async fn certificates(&self, bed: &Bed, run: &mut Run) -> anyhow::Result<()> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.istiod.secure));
        let mut askers = Vec::new();
        for number in 0..CONNECTIONS {
            let proxy = bed.proxy(number % bed.shape.proxies)?;
            let token = proxy["token"].as_str().context("a proxy without a token")?;
            let key = KeyPair::generate()?;
            let request = CertificateParams::default().serialize_request(&key)?;
            askers.push(Asker {
                sender: connect(address, ISTIOD_SERVER_NAME, &self.roots).await?,
                token: format!("Bearer {token}"),
                request: request.pem()?,
            });
        }
        let process = self.process();
        let before = process.sample()?;
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for asker in askers {
            tasks.spawn(async move {
                let mut answers = Vec::new();
                for _ in 0..EACH {
                    answers.push(asker.ask().await?.as_secs_f64());
                }
                anyhow::Ok(answers)
            });
        }
        let mut answers = Vec::new();
        while let Some(task) = tasks.join_next().await {
            answers.extend(task??);
        }
        let took = started.elapsed().as_secs_f64();
        let cpu = process.sample()?.since(&before).cpu().as_secs_f64();
        let count = answers.len() as f64;
        let of = Quantiles::of(&answers).context("no answers")?;
        run.put(figure::CPU_EACH, Unit::Seconds, cpu / count);
        let rate = count / cpu.max(1e-9);
        run.put(figure::CERTIFICATES_CORE, Unit::PerSecond, rate);
        run.put(figure::RATE, Unit::PerSecond, count / took);
        run.put(figure::ANSWER, Unit::Seconds, of.p50);
        run.put(figure::ANSWER_P99, Unit::Seconds, of.p99);
        Ok(())
    }
}

/// Somebody who asks for certificates.
struct Asker {
    sender: SendRequest<Bytes>,
    token: String,
    /// What is to be signed, PEM.
    request: String,
}

impl Asker {
    /// Asks for one, and how long it took.
    async fn ask(&self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let mut sender = self.sender.clone().ready().await?;
        let request = http::Request::post(format!("https://{ISTIOD_SERVER_NAME}{METHOD}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", &self.token)
            .body(())?;
        let (answer, mut body) = sender.send_request(request, false)?;
        let message = frame(|out| {
            put_text(1, &self.request, out);
            put_number(3, VALID, out);
        });
        body.send_data(message, true)?;
        let answer = answer.await?;
        let refused = answer.headers().get("grpc-message").cloned();
        let mut body = answer.into_body();
        let mut text = BytesMut::new();
        while let Some(more) = piece(&mut body).await? {
            text.extend_from_slice(&more);
        }
        let trailers = body.trailers().await?;
        let refused = refused.or_else(|| Some(trailers?.get("grpc-message")?.clone()));
        if text.len() > PREFIX {
            text.advance(PREFIX);
            let chain = one(&text, 1).unwrap_or_default();
            if chain.starts_with(b"-----BEGIN CERTIFICATE-----") {
                return Ok(started.elapsed());
            }
        }
        anyhow::bail!("no certificate: {refused:?}")
    }
}
