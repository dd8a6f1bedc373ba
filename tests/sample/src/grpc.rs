//! As much of gRPC as a unary call and a stream need: frames, the messages of the sample services, and a client.

use std::net::SocketAddr;

use anyhow::Context;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;

use crate::server::Answer;

/// A colour, of `color.ColorService`: what `GetColor` and `SetColor` answer, and what `SetColor` is asked.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Color {
    /// Its name.
    #[prost(string, tag = "1")]
    pub color: String,
}

/// What `helloworld.Greeter/SayHello` is asked.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct HelloRequest {
    /// Whom to greet.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// What it answers.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct HelloReply {
    /// The greeting.
    #[prost(string, tag = "1")]
    pub message: String,
}

/// `grpc.health.v1.HealthCheckResponse`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Health {
    /// 1: serving, 2: not.
    #[prost(int32, tag = "1")]
    pub status: i32,
}

/// What came of a call that did not succeed: gRPC's code and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// As in `grpc-status`.
    pub code: String,
    /// As in `grpc-message`.
    pub message: String,
}

/// The code of a method that nobody knows.
pub const UNIMPLEMENTED: &str = "12";
/// The code of a call that could not be made.
pub const UNAVAILABLE: &str = "14";

/// A message as it travels.
pub fn frame(message: &impl Message) -> Bytes {
    let body = message.encode_to_vec();
    let mut bytes = BytesMut::with_capacity(body.len() + 5);
    bytes.put_u8(0);
    bytes.put_u32(body.len() as u32);
    bytes.extend_from_slice(&body);
    bytes.freeze()
}

/// Takes the next whole message from what has arrived; `None`: there is more to come.
///
/// # Errors
/// It is not such a message.
pub fn next<M: Message + Default>(arrived: &mut BytesMut) -> Result<Option<M>, prost::DecodeError> {
    if arrived.len() < 5 {
        return Ok(None);
    }
    let length = (&arrived[1..5]).get_u32() as usize;
    if arrived.len() < 5 + length {
        return Ok(None);
    }
    arrived.advance(5);
    M::decode(arrived.split_to(length)).map(Some)
}

/// An answer of one message.
pub fn answer(message: &impl Message) -> Answer {
    let trailers = trailers("0", "");
    let body = Full::new(frame(message)).with_trailers(async move { Some(Ok(trailers)) });
    headed(Response::new(body.boxed()))
}

/// An answer without a message.
pub fn refusal(code: &'static str, message: &'static str) -> Answer {
    let mut answer = headed(Response::new(Full::new(Bytes::new()).boxed()));
    answer.headers_mut().extend(trailers(code, message));
    answer
}

/// Trailers that end a call.
pub fn trailers(code: &'static str, message: &'static str) -> HeaderMap {
    HeaderMap::from_iter([
        (
            HeaderName::from_static("grpc-status"),
            HeaderValue::from_static(code),
        ),
        (
            HeaderName::from_static("grpc-message"),
            HeaderValue::from_static(message),
        ),
    ])
}

/// Says that an answer is gRPC's.
pub fn headed(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(
        "content-type",
        HeaderValue::from_static("application/grpc+proto"),
    );
    answer
}

/// Calls a method with one message and waits for its answer, over a connection of its own.
///
/// # Errors
/// What the server, or a proxy between, said; [`UNAVAILABLE`] if nobody did.
pub async fn unary<A: Message + Default>(
    to: SocketAddr,
    authority: &str,
    method: &str,
    question: &impl Message,
) -> Result<A, Status> {
    let called = call(to, authority, method, question).await;
    let (code, message, mut bytes) = called.map_err(|error| Status {
        code: UNAVAILABLE.to_owned(),
        message: format!("{error:#}"),
    })?;
    if code != "0" {
        return Err(Status { code, message });
    }
    match next(&mut bytes) {
        Ok(Some(message)) => Ok(message),
        other => Err(Status {
            code: UNAVAILABLE.to_owned(),
            message: format!("no message: {}", other.is_err()),
        }),
    }
}

async fn call(
    to: SocketAddr,
    authority: &str,
    method: &str,
    question: &impl Message,
) -> anyhow::Result<(String, String, BytesMut)> {
    let stream = TcpStream::connect(to).await.context("connect")?;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::post(format!("http://{authority}{method}"))
        .header("content-type", "application/grpc+proto")
        .header("te", "trailers")
        .body(Full::new(frame(question)))?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?;
    let found = |name: &str| {
        body.trailers()
            .and_then(|trailers| trailers.get(name))
            .or_else(|| head.headers.get(name))
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let code = found("grpc-status").with_context(|| format!("no gRPC answer: {}", head.status))?;
    let message = found("grpc-message").unwrap_or_default();
    Ok((code, message, BytesMut::from(&body.to_bytes()[..])))
}
