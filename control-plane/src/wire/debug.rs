//! The `/debug` pages: JSON, for callers on this machine.

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tulle_model::{Capture, ProxyId};

use super::late::Late;
use crate::engine::Group;

/// What the task that owns the mesh is asked.
#[derive(Debug)]
pub(super) enum Question {
    /// Findings, problems of the files, refusals by proxies.
    Findings(Reply),
    /// How long changes take.
    Changes(Reply),
    /// What a group of proxies is sent.
    Config(Group, Reply),
    /// What this replica's proxies hold and refuse.
    Report(Reply),
}

/// Where the answer goes.
#[derive(Debug)]
pub(super) struct Reply(oneshot::Sender<Value>);

impl Reply {
    /// Answers; a caller that has gone away does not mind.
    pub(super) fn send(self, answer: Value) {
        let _ = self.0.send(answer);
    }
}

/// The door for questions.
#[derive(Debug, Clone)]
pub(super) struct Ask(mpsc::Sender<Question>);

/// The door for questions, and where they arrive.
pub(super) fn door() -> (Ask, mpsc::Receiver<Question>) {
    let (ask, questions) = mpsc::channel(4);
    (Ask(ask), questions)
}

impl Ask {
    async fn ask(&self, question: impl FnOnce(Reply) -> Question) -> Response {
        let (reply, answer) = oneshot::channel();
        if self.0.send(question(Reply(reply))).await.is_err() {
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                "the control plane is ending\n",
            )
                .into_response();
        }
        match answer.await {
            Ok(Value::Null) => (StatusCode::NOT_FOUND, "no object declares that\n").into_response(),
            Ok(answer) => Json(answer).into_response(),
            Err(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the control plane is ending\n",
            )
                .into_response(),
        }
    }
}

#[derive(Clone)]
struct Pages {
    ask: Ask,
    late: Late,
}

/// The pages below `/debug`.
pub(super) fn router(ask: Ask, late: Late) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/findings", get(findings))
        .route("/changes", get(changes))
        .route("/config", get(config))
        .route("/proxies", get(proxies))
        .route("/report", get(report))
        .route("/dns", get(dns))
        .with_state(Pages { ask, late })
}

async fn index() -> Json<Value> {
    Json(json!({ "pages": [
        "/debug/findings", "/debug/changes", "/debug/proxies", "/debug/report",
        "/debug/dns",
        "/debug/config?proxy=virtualnode/NAMESPACE/NAME&capture=transparent",
    ]}))
}

async fn findings(State(pages): State<Pages>) -> Response {
    pages.ask.ask(Question::Findings).await
}

async fn changes(State(pages): State<Pages>) -> Response {
    pages.ask.ask(Question::Changes).await
}

async fn proxies(State(pages): State<Pages>) -> Response {
    match pages.late.server() {
        Some(server) => Json(json!(server.snapshot())).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "not serving yet\n").into_response(),
    }
}

async fn dns(State(pages): State<Pages>) -> Response {
    match pages.late.dns() {
        Some(dns) => Json(dns.page()).into_response(),
        None => (StatusCode::NOT_FOUND, "no DNS is served here\n").into_response(),
    }
}

async fn report(State(pages): State<Pages>) -> Response {
    pages.ask.ask(Question::Report).await
}

#[derive(Debug, Deserialize)]
struct Whose {
    proxy: String,
    capture: Option<String>,
}

async fn config(State(pages): State<Pages>, Query(whose): Query<Whose>) -> Response {
    let bad = |error: String| (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response();
    let proxy: ProxyId = match whose.proxy.parse() {
        Ok(proxy) => proxy,
        Err(error) => return bad(format!("{error}")),
    };
    let capture: Capture = match whose.capture.as_deref().unwrap_or("transparent").parse() {
        Ok(capture) => capture,
        Err(error) => return bad(format!("{error}")),
    };
    pages
        .ask
        .ask(|reply| Question::Config(Group { proxy, capture }, reply))
        .await
}
