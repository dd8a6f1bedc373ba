//! An application that answers with its colour: HTTP/1.1, HTTP/2 and gRPC on each of its ports.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::watch;

use crate::grpc::{self, Color, Health, HelloReply, HelloRequest};
use crate::server::{self, Answer, text};

/// How it behaves.
#[derive(Debug)]
pub struct Application {
    /// What it answers.
    pub color: Mutex<String>,
    /// It waits this long before each answer, but not to its probes.
    pub delay: Duration,
    /// So many of a hundred requests fail; `/fail/N` changes it.
    pub failing: AtomicU64,
    /// With this status.
    pub fail_status: StatusCode,
    /// Whether the answer tells the port on which it was asked.
    pub tell_port: bool,
}

/// Serves at an address until `stop` turns true.
///
/// # Errors
/// The address cannot be listened at.
pub async fn serve_until(
    listen: SocketAddr,
    application: Arc<Application>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    server::serve_until(listen, stop, move |request| {
        answer(request, application.clone(), listen.port())
    })
    .await
}

async fn answer(request: Request<Incoming>, application: Arc<Application>, port: u16) -> Answer {
    let path = request.uri().path().to_owned();
    if path == "/ping" {
        return text(StatusCode::OK, "pong\n");
    }
    if let Some(percent) = path.strip_prefix("/fail/") {
        let percent = percent.parse().unwrap_or(100);
        application.failing.store(percent, Ordering::Relaxed);
        return text(StatusCode::OK, format!("{percent} of a hundred fail now\n"));
    }
    let grpc = request
        .headers()
        .get("content-type")
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    if grpc {
        return call(request, &path, &application).await;
    }
    tokio::time::sleep(application.delay).await;
    let chance = RandomState::new().hash_one(port) % 100;
    if chance < application.failing.load(Ordering::Relaxed) {
        return text(application.fail_status, "failed as it was told to\n");
    }
    let color = application.now();
    let words = if application.tell_port {
        format!("{color} on {port}")
    } else {
        color
    };
    let mut answer = text(StatusCode::OK, words);
    let host = request.uri().authority().map(ToString::to_string);
    let host = host.or_else(|| {
        let value = request.headers().get("host")?;
        Some(value.to_str().ok()?.to_owned())
    });
    let target = request.uri().path_and_query().map(ToString::to_string);
    for (name, value) in [("x-seen-host", host), ("x-seen-path", target)] {
        if let Some(Ok(value)) = value.map(|value| HeaderValue::from_str(&value)) {
            answer
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    answer
}

impl Application {
    fn now(&self) -> String {
        self.color
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn call(request: Request<Incoming>, method: &str, application: &Application) -> Answer {
    let body = request.into_body().collect().await;
    let bytes = body.map(http_body_util::Collected::to_bytes);
    let mut bytes = BytesMut::from(&bytes.unwrap_or_default()[..]);
    match method {
        "/color.ColorService/GetColor" => grpc::answer(&Color {
            color: application.now(),
        }),
        "/color.ColorService/SetColor" => match grpc::next::<Color>(&mut bytes) {
            Ok(Some(wanted)) => {
                let before = application.now();
                let mut color = application
                    .color
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                *color = wanted.color;
                grpc::answer(&Color { color: before })
            }
            _ => grpc::refusal("3", "no colour"),
        },
        "/helloworld.Greeter/SayHello" => match grpc::next::<HelloRequest>(&mut bytes) {
            Ok(Some(asked)) => grpc::answer(&HelloReply {
                message: format!("Hello {}", asked.name),
            }),
            _ => grpc::refusal("3", "nobody to greet"),
        },
        "/grpc.health.v1.Health/Check" => grpc::answer(&Health { status: 1 }),
        _ => grpc::refusal(grpc::UNIMPLEMENTED, "no such method"),
    }
}
