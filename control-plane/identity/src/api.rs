//! Calls to the API server whose answers or questions hold secrets.
//!
//! The client's own methods log an answer that cannot be decoded, or that is an error, as it came. These log nothing.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use k8s_openapi::api::core::v1::Secret;
use kube::core::params::{GetParams, PostParams};
use kube::core::request::Request;
use kube::{Api, Client};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// No call of ours is worth a longer wait.
const TIMEOUT: Duration = Duration::from_secs(10);
/// No Secret is larger than 1 MiB, in base64 and with what stands around it.
const MAX_ANSWER: usize = 4 << 20;

/// The API server did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// It says no.
    #[error("the API server answers {code} {reason}")]
    Status {
        /// HTTP status.
        code: u16,
        /// Kubernetes' word for it, and its explanation where that quotes nothing of ours.
        reason: String,
    },
    /// It is not reached.
    #[error("the API server is not reached: {0}")]
    Transport(String),
    /// It answers something else.
    #[error("the API server's answer cannot be read")]
    Answer,
}

impl ApiError {
    pub(crate) fn is(&self, wanted: u16) -> bool {
        matches!(self, Self::Status { code, .. } if *code == wanted)
    }
}

/// An error with its causes; the outermost often says nothing.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// Sends a request and decodes the answer.
pub(crate) async fn call<T: DeserializeOwned>(
    client: &Client,
    request: http::Request<Vec<u8>>,
) -> Result<T, ApiError> {
    let (status, body) = tokio::time::timeout(TIMEOUT, send(client, request))
        .await
        .map_err(|_| ApiError::Transport(format!("no answer within {TIMEOUT:?}")))??;
    if status.is_success() {
        serde_json::from_slice(&body).map_err(|_| ApiError::Answer)
    } else {
        Err(refusal(status, &body))
    }
}

async fn send(
    client: &Client,
    request: http::Request<Vec<u8>>,
) -> Result<(http::StatusCode, Zeroizing<Vec<u8>>), ApiError> {
    let answer = client
        .send(request.map(kube::client::Body::from))
        .await
        .map_err(|error| ApiError::Transport(chain(&error)))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER)
        .collect()
        .await
        .map_err(|error| ApiError::Transport(chain(&*error)))?;
    Ok((status, Zeroizing::new(body.to_bytes().into())))
}

/// What Kubernetes says when it refuses.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

fn refusal(status: http::StatusCode, body: &[u8]) -> ApiError {
    let code = status.as_u16();
    let said: Refusal = serde_json::from_slice(body).unwrap_or_default();
    // Other explanations may quote the object that was sent.
    let reason = match code {
        401 | 403 | 404 | 409 if !said.message.is_empty() => {
            format!("{}: {}", said.reason, said.message)
        }
        _ if said.reason.is_empty() => status.canonical_reason().unwrap_or_default().to_owned(),
        _ => said.reason,
    };
    ApiError::Status { code, reason }
}

/// Reads a path of the API server.
pub(crate) async fn get<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, ApiError> {
    let request = http::Request::get(path)
        .body(Vec::new())
        .map_err(|e| ApiError::Transport(e.to_string()))?;
    call(client, request).await
}

/// The Secrets of one namespace.
#[derive(Clone)]
pub(crate) struct Secrets {
    client: Client,
    url: Request,
}

impl Secrets {
    pub(crate) fn new(client: Client, namespace: &str) -> Self {
        let url = Api::<Secret>::namespaced(client.clone(), namespace)
            .resource_url()
            .to_owned();
        Self {
            client,
            url: Request::new(url),
        }
    }

    pub(crate) async fn get(&self, name: &str) -> Result<Option<Secret>, ApiError> {
        let request = self.url.get(name, &GetParams::default()).map_err(built)?;
        match call(&self.client, request).await {
            Ok(secret) => Ok(Some(secret)),
            Err(error) if error.is(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn create(&self, secret: &Secret) -> Result<Secret, ApiError> {
        let body = serde_json::to_vec(secret).map_err(|_| ApiError::Answer)?;
        let request = self
            .url
            .create(&PostParams::default(), body)
            .map_err(built)?;
        call(&self.client, request).await
    }

    /// Replaces the Secret, only if it is still the one that was read (its `resourceVersion`).
    pub(crate) async fn replace(&self, name: &str, secret: &Secret) -> Result<Secret, ApiError> {
        let body = serde_json::to_vec(secret).map_err(|_| ApiError::Answer)?;
        let request = self
            .url
            .replace(name, &PostParams::default(), body)
            .map_err(built)?;
        call(&self.client, request).await
    }
}

fn built(error: kube::core::request::Error) -> ApiError {
    ApiError::Transport(error.to_string())
}
