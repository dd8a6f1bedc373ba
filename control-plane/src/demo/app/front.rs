//! The front application: calls another service by way of its sidecar, and tells what it got.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use super::{COLOR_HEADER, REQUEST_ID, respond, text};
use crate::demo::board::{Board, Edge};
use crate::demo::http_client::{HttpClient, with_host};
use crate::demo::workloads::{
    COLORS, DECLARED_HOST, FRONT, NAMESPACE, OUTSIDE_PORT, SERVICE_PORT, UNDECLARED_HOST,
};

/// A service that front calls.
#[derive(Debug, Clone)]
struct Target {
    host: String,
    port: u16,
    path: &'static str,
    /// Its failure is front's failure, too.
    vital: bool,
}

impl Target {
    fn of(path: &str) -> Option<Self> {
        let inside = |name: &str, path| Self {
            host: format!("{name}.{NAMESPACE}.svc.cluster.local"),
            port: SERVICE_PORT,
            path,
            vital: true,
        };
        let outside = |host: String, vital| Self {
            host,
            port: OUTSIDE_PORT,
            path: "/",
            vital,
        };
        match path {
            "/" | "/color" => Some(inside("color", "/color")),
            "/flaky" => Some(inside("flaky", "/")),
            "/payments" => Some(outside(DECLARED_HOST.to_owned(), true)),
            "/tracker" => Some(outside(UNDECLARED_HOST.to_string(), false)),
            _ => None,
        }
    }
}

/// Answers with what the called service answered.
pub(super) async fn answer(
    client: &HttpClient,
    board: &Board,
    request: &Request<Incoming>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let Some(target) = Target::of(path) else {
        return text(
            StatusCode::NOT_FOUND,
            "front knows /color /flaky /payments /tracker\n".to_owned(),
        );
    };
    let mut headers = with_host(&target.host);
    let wish = request.headers().get(COLOR_HEADER);
    carry_on(request.headers(), &mut headers);
    let began = Instant::now();
    let outcome = client
        .get(FRONT.outbound(target.port), target.path, headers)
        .await;
    let latency = began.elapsed();
    let (status, said) = match &outcome {
        Ok(answer) => (
            answer.status,
            String::from_utf8_lossy(&answer.body).into_owned(),
        ),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")),
    };
    let ok = status.is_success();
    if let Some(edge) = edge(path, wish.is_some(), &said, ok) {
        // A wish for a colour that another one answers has failed, although the request has not.
        let granted =
            wish.is_none_or(|wish| edge != Edge::ByHeader || wish.as_bytes() == said.as_bytes());
        board.record(edge, ok && granted, latency);
    }
    let body = serde_json::json!({
        "from": FRONT.name,
        "called": target.host,
        "status": status.as_u16(),
        "answer": said.trim_end(),
        "milliseconds": (latency.as_secs_f64() * 10_000.0).round() / 10.0,
    });
    // Not 503, which the gateway would retry as it is.
    let status = if ok || !target.vital {
        StatusCode::OK
    } else {
        StatusCode::BAD_GATEWAY
    };
    respond(status, "application/json", format!("{body}\n"))
}

/// An application in a mesh hands on what belongs to the request.
fn carry_on(from: &HeaderMap, to: &mut HeaderMap) {
    for name in [COLOR_HEADER, REQUEST_ID] {
        if let Some(value) = from.get(&name) {
            to.insert(name, value.clone());
        }
    }
}

/// The edge that a call of front went along. A failed call of a colour is counted for the first one:
/// nobody answered, so nobody can tell which.
fn edge(path: &str, by_header: bool, said: &str, ok: bool) -> Option<Edge> {
    match path {
        "/flaky" => Some(Edge::Flaky),
        "/payments" => Some(Edge::Declared),
        "/tracker" => Some(Edge::Undeclared),
        _ if by_header => Some(Edge::ByHeader),
        _ if !ok => Some(Edge::Color(0)),
        _ => COLORS
            .iter()
            .position(|color| said == *color)
            .map(Edge::Color),
    }
}
