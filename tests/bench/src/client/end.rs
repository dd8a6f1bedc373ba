//! How streams end.

use bytes::Bytes;
use http::HeaderMap;

use crate::wire::fields::Malformed;

/// Why a stream is over.
pub(super) enum End {
    /// The gate says so.
    Told,
    /// There are no more proxies.
    Gone,
    /// Something failed.
    Failed(String),
}

impl From<Malformed> for End {
    fn from(_: Malformed) -> Self {
        Self::Failed("unreadable".to_owned())
    }
}

pub(super) fn http2(error: h2::Error) -> End {
    End::Failed(format!("http2: {error}"))
}

pub(super) fn failed(cause: &str) -> End {
    End::Failed(cause.to_owned())
}

/// The next bytes of a stream; its end is a failure, of the status that it ends with.
pub(super) async fn data(body: &mut Option<h2::RecvStream>) -> Result<Bytes, End> {
    let Some(body) = body else {
        return std::future::pending().await;
    };
    match body.data().await {
        Some(Ok(data)) => {
            let _ = body.flow_control().release_capacity(data.len());
            Ok(data)
        }
        Some(Err(error)) if error.is_reset() => Err(failed("reset")),
        Some(Err(_)) => Err(failed("connection")),
        None => {
            let trailers = body.trailers().await.ok().flatten().unwrap_or_default();
            let cause = status(&trailers);
            Err(End::Failed(cause.unwrap_or_else(|| "OK".to_owned())))
        }
    }
}

/// The status in these headers, unless there is none or it is OK.
pub(super) fn status(headers: &HeaderMap) -> Option<String> {
    let code = headers.get("grpc-status")?.to_str().unwrap_or_default();
    let name = match code {
        "0" => return None,
        "1" => "CANCELLED",
        "3" => "INVALID_ARGUMENT",
        "4" => "DEADLINE_EXCEEDED",
        "7" => "PERMISSION_DENIED",
        "8" => "RESOURCE_EXHAUSTED",
        "12" => "UNIMPLEMENTED",
        "13" => "INTERNAL",
        "14" => "UNAVAILABLE",
        "16" => "UNAUTHENTICATED",
        other => other,
    };
    Some(name.to_owned())
}
