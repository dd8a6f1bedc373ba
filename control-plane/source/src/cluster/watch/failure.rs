//! Why a list or watch failed, as far as it matters for what to do next.

use std::error::Error as _;
use std::time::Duration;

use kube::core::Status;

/// Longest wait that a server may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// Why a list or watch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The version from which to go on is too old, or none that the server knows: list again.
    Expired,
    /// The server has no such collection.
    Absent,
    /// The server does not do what was asked in this way.
    Refused(String),
    /// Anything else, and how long the server asks to wait. The version still holds.
    Broken(String, Option<Duration>),
}

impl Failure {
    pub(super) fn broken(why: impl Into<String>) -> Self {
        Self::Broken(why.into(), None)
    }

    pub(super) fn garbled(error: &serde_json::Error) -> Self {
        Self::broken(format!("the API server's answer cannot be read: {error}"))
    }

    pub(super) fn from_status(status: &Status) -> Self {
        let why = || {
            let reason = if status.reason.is_empty() {
                String::new()
            } else {
                format!("{}: ", status.reason)
            };
            format!("{} {reason}{}", status.code, status.message)
        };
        match status.code {
            410 => Self::Expired,
            404 => Self::Absent,
            400 | 406 | 415 | 422 => Self::Refused(why()),
            _ if status.reason == "Expired" || status.reason == "Gone" => Self::Expired,
            // The version is ahead of the server's: it was restored from a backup.
            _ if is_ahead(status) => Self::Expired,
            _ => {
                let asked = status.details.as_ref().map(|it| it.retry_after_seconds);
                let asked = asked.filter(|seconds| *seconds > 0);
                let wait = asked.map(|seconds| Duration::from_secs(seconds.into()));
                Self::Broken(why(), wait.map(|wait| wait.min(MAX_RETRY_AFTER)))
            }
        }
    }
}

fn is_ahead(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let named = causes
        .into_iter()
        .any(|cause| cause.reason == "ResourceVersionTooLarge");
    named || status.message.contains("Too large resource version")
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        if let kube::Error::Api(status) = &error {
            return Self::from_status(status);
        }
        // The cause says more than the wrapping does.
        let mut why = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !why.contains(&text) {
                why = format!("{why}: {text}");
            }
            cause = inner.source();
        }
        Self::broken(why)
    }
}
