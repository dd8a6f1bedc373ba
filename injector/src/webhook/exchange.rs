//! One request: which webhook it means, its body, its review, the answer, and what is counted of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use tokio::time::{Instant, timeout_at};

use super::body::{self, Read, Unread};
use super::guests::Guest;
use super::review::{self, AdmissionRequest, AdmissionResponse};
use super::stats::{Outcome, Route};
use super::{Admission, Shared, Unavailable};

type Answer = Response<Full<Bytes>>;

/// Answers a request. Whoever drops this gives the request up.
pub(super) async fn answer<A: Admission>(
    shared: &Shared<A>,
    guest: &Arc<Guest>,
    request: Request<Incoming>,
) -> Answer {
    let _busy = guest.busy();
    let route = Route::of(request.uri().path());
    let mut observed = shared.stats.begin(route);
    let handling = AssertUnwindSafe(handle(shared, guest, route, request)).catch_unwind();
    let (answer, outcome) = handling.await.unwrap_or_else(|_| {
        tracing::error!(path = route.path(), "webhook: a request panicked");
        let text = "a defect in this program; its log says more";
        (
            plain(StatusCode::INTERNAL_SERVER_ERROR, text),
            Outcome::Panicked,
        )
    });
    observed.end(outcome);
    answer
}

async fn handle<A: Admission>(
    shared: &Shared<A>,
    guest: &Guest,
    route: Route,
    request: Request<Incoming>,
) -> (Answer, Outcome) {
    let settings = &shared.settings;
    let deadline = Instant::now() + settings.deadline;
    if let Some(answer) = misdirected(route, request.method(), request.headers()) {
        return (answer, Outcome::Refused);
    }
    let body = body::read(request.into_body(), settings.max_body, &shared.memory);
    let Read {
        bytes,
        share: _share,
    } = match timeout_at(deadline, body).await {
        Ok(Ok(read)) => read,
        Ok(Err(Unread::TooLarge)) => {
            let text = format!("the body is larger than {} bytes", settings.max_body);
            return (
                plain(StatusCode::PAYLOAD_TOO_LARGE, &text),
                Outcome::TooLarge,
            );
        }
        Ok(Err(Unread::Broken)) => {
            return (
                plain(StatusCode::BAD_REQUEST, "the body ended early"),
                Outcome::Malformed,
            );
        }
        Err(_) => {
            let text = format!("no whole body within {:?}", settings.deadline);
            return (
                plain(StatusCode::REQUEST_TIMEOUT, &text),
                Outcome::SlowRequest,
            );
        }
    };
    let Ok(Ok(_slot)) = timeout_at(deadline, shared.slots.acquire()).await else {
        return (
            plain(StatusCode::SERVICE_UNAVAILABLE, "too many reviews at once"),
            Outcome::Overloaded,
        );
    };
    let request = match review::decode(&bytes) {
        Ok(request) => request,
        Err(error) => {
            let text = format!("no AdmissionReview of admission.k8s.io/v1: {error}");
            return (plain(StatusCode::BAD_REQUEST, &text), Outcome::Malformed);
        }
    };
    drop(bytes);
    guest.known();
    let uid = request.uid.clone();
    match timeout_at(deadline, decide(&shared.admission, route, request)).await {
        Ok(Ok(response)) => {
            let outcome = Outcome::of(&response);
            (json(review::encode(&uid, response)), outcome)
        }
        Ok(Err(unavailable)) => (
            plain(StatusCode::SERVICE_UNAVAILABLE, &unavailable.to_string()),
            Outcome::Unavailable,
        ),
        Err(_) => {
            let text = format!("no decision within {:?}", settings.deadline);
            (
                plain(StatusCode::GATEWAY_TIMEOUT, &text),
                Outcome::DeadlineExceeded,
            )
        }
    }
}

async fn decide<A: Admission>(
    admission: &A,
    route: Route,
    request: AdmissionRequest,
) -> Result<AdmissionResponse, Unavailable> {
    match route {
        Route::Inject => admission.inject(request).await,
        Route::Mutate => admission.mutate(request).await,
        Route::Validate => admission.validate(request).await,
        Route::Other => Ok(AdmissionResponse::default()),
    }
}

/// The refusal of what is no review by its head already.
fn misdirected(route: Route, method: &Method, headers: &HeaderMap) -> Option<Answer> {
    if route == Route::Other {
        let text = "the paths are /inject, /mutate and /validate";
        return Some(plain(StatusCode::NOT_FOUND, text));
    }
    if method != Method::POST {
        let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "reviews are sent by POST");
        let allowed = header::HeaderValue::from_static("POST");
        answer.headers_mut().insert(header::ALLOW, allowed);
        return Some(answer);
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map(|value| value.as_bytes());
    let media_type = content_type
        .and_then(|value| value.split(|byte| *byte == b';').next())
        .map(<[u8]>::trim_ascii);
    if media_type.is_some_and(|found| found.eq_ignore_ascii_case(b"application/json")) {
        return None;
    }
    let text = "reviews are application/json";
    Some(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
}

fn plain(status: StatusCode, text: &str) -> Answer {
    let body = Full::new(Bytes::from(format!("tulle: {text}\n")));
    with_type(status, "text/plain; charset=utf-8", body)
}

fn json(text: Vec<u8>) -> Answer {
    with_type(
        StatusCode::OK,
        "application/json",
        Full::new(Bytes::from(text)),
    )
}

fn with_type(status: StatusCode, content_type: &'static str, body: Full<Bytes>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let content_type = header::HeaderValue::from_static(content_type);
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    answer
}
