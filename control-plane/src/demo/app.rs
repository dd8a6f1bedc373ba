//! The demo's sample applications: plain HTTP servers that know nothing of the mesh. front calls its
//! sidecar's outbound address as an application without redirected traffic does.

mod flaky;
mod front;

use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::board::Board;
use super::http_client::HttpClient;
use super::workloads::{COLORS, FLAKY, FRONT, OUTSIDE_PORT, UNDECLARED_HOST, WORKLOADS};
use flaky::Memory;

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
            Self::Front { client, board } => front::answer(client, board, &request).await,
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
