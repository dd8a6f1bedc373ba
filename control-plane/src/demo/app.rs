//! The demo's sample applications: plain HTTP servers that know nothing of the mesh. front calls its
//! sidecar's outbound address as an application without redirected traffic does.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::board::{Board, Edge};
use super::http_client::{HttpClient, with_host};
use super::workloads::{
    COLORS, DECLARED_HOST, FLAKY, FRONT, NAMESPACE, OUTSIDE_PORT, SERVICE_PORT, UNDECLARED_HOST,
    WORKLOADS,
};

/// The header that the header route looks at.
pub(crate) const COLOR_HEADER: HeaderName = HeaderName::from_static("x-color");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The running applications; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Apps {
    _serving: JoinSet<()>,
}

/// What an application does with a request.
#[derive(Debug)]
enum App {
    /// Answers one word.
    Word {
        path: Option<&'static str>,
        word: &'static str,
    },
    /// Answers, but fails the first try of every third request.
    Flaky {
        memory: Mutex<Memory>,
        board: Arc<Board>,
    },
    /// Calls another service and tells what it got.
    Front {
        client: HttpClient,
        board: Arc<Board>,
    },
}

/// Starts every application.
///
/// # Errors
/// An address is taken by another program.
pub(crate) async fn start(board: &Arc<Board>) -> Result<Apps> {
    let mut serving = JoinSet::new();
    for color in COLORS {
        let workload = WORKLOADS
            .iter()
            .find(|workload| workload.name == color)
            .context("every colour is a workload")?;
        serve(
            &mut serving,
            workload.application(),
            App::Word {
                path: Some("/color"),
                word: color,
            },
        )
        .await?;
    }
    let memory = Mutex::new(Memory::default());
    serve(
        &mut serving,
        FLAKY.application(),
        App::Flaky {
            memory,
            board: board.clone(),
        },
    )
    .await?;
    serve(
        &mut serving,
        FRONT.application(),
        App::Front {
            client: HttpClient::new(),
            board: board.clone(),
        },
    )
    .await?;
    let outside = |word| App::Word { path: None, word };
    serve(
        &mut serving,
        SocketAddr::from((Ipv4Addr::LOCALHOST, OUTSIDE_PORT)),
        outside("paid"),
    )
    .await?;
    // `localhost` may mean either family; a machine without IPv6 needs no second one.
    let _ = serve(
        &mut serving,
        SocketAddr::from((Ipv6Addr::LOCALHOST, OUTSIDE_PORT)),
        outside("paid"),
    )
    .await;
    serve(&mut serving, UNDECLARED_HOST, outside("tracked")).await?;
    Ok(Apps { _serving: serving })
}

async fn serve(serving: &mut JoinSet<()>, address: SocketAddr, app: App) -> Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot listen on {address}; is another program using port {}?",
            address.port()
        )
    })?;
    serving.spawn(accept(listener, Arc::new(app)));
    Ok(())
}

/// Connections end with the task, since they are its own.
async fn accept(listener: TcpListener, app: Arc<App>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // Without it answers are only slower.
                let _ = stream.set_nodelay(true);
                let app = app.clone();
                connections.spawn(async move {
                    let answer = service_fn(move |request| {
                        let app = app.clone();
                        async move { Ok::<_, Infallible>(app.answer(request).await) }
                    });
                    // A connection that breaks is its client's to notice.
                    let _ = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

// === impl App ===

impl App {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match self {
            Self::Word {
                path: Some(path), ..
            } if request.uri().path() != *path => text(
                StatusCode::NOT_FOUND,
                format!("no {} here\n", request.uri().path()),
            ),
            Self::Word { word, .. } => text(StatusCode::OK, (*word).to_owned()),
            Self::Flaky { memory, board } => {
                let id = request
                    .headers()
                    .get(REQUEST_ID)
                    .map(|id| id.as_bytes().to_vec());
                let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
                if memory.fails(id) {
                    board.failed_try();
                    text(StatusCode::SERVICE_UNAVAILABLE, "not this time".to_owned())
                } else {
                    text(StatusCode::OK, "at last".to_owned())
                }
            }
            Self::Front { client, board } => front(client, board, &request).await,
        }
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    respond(status, "text/plain; charset=utf-8", body)
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(content_type),
    );
    response
}

// === flaky ===

/// How many request ids the flaky application remembers.
const REMEMBERED: usize = 10_000;

/// Which requests were seen lately: a retry carries the request id of the first try.
#[derive(Debug, Default)]
struct Memory {
    new: u64,
    seen: HashSet<Vec<u8>>,
    order: VecDeque<Vec<u8>>,
}

impl Memory {
    /// Whether this try fails: the first of every third request; and, where there is no id to tell tries
    /// apart, every third try.
    fn fails(&mut self, id: Option<Vec<u8>>) -> bool {
        if let Some(id) = id {
            if !self.seen.insert(id.clone()) {
                return false;
            }
            self.order.push_back(id);
            if self.order.len() > REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.seen.remove(&oldest);
            }
        }
        self.new += 1;
        self.new.is_multiple_of(3)
    }
}

// === front ===

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

async fn front(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_the_requests_fail_and_none_fails_twice() {
        let mut memory = Memory::default();
        let mut failed = 0;
        for id in 0..30_000_u32 {
            let id = id.to_be_bytes().to_vec();
            if memory.fails(Some(id.clone())) {
                failed += 1;
                assert!(!memory.fails(Some(id)));
            }
        }
        assert_eq!(failed, 10_000);
        assert_eq!(memory.seen.len(), REMEMBERED);
    }
}
