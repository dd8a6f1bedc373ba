//! Calls to the API server whose answers or questions hold secrets.
//!
//! The client's typed methods print an answer that cannot be decoded, with the key or token in it. These do not.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::core::params::{GetParams, PostParams};
use kube::core::request::Request;
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// No call of ours is worth a longer wait.
const TIMEOUT: Duration = Duration::from_secs(10);

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

impl From<kube::Error> for ApiError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => {
                let mut reason = status.reason.clone();
                // Others may quote the object that was sent.
                if matches!(status.code, 401 | 403 | 404 | 409) {
                    reason = format!("{reason}: {}", status.message);
                }
                Self::Status {
                    code: status.code,
                    reason,
                }
            }
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Self::Answer,
            other => Self::Transport(chain(&other)),
        }
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
    let text = tokio::time::timeout(TIMEOUT, client.request_text(request))
        .await
        .map_err(|_| ApiError::Transport(format!("no answer within {TIMEOUT:?}")))??;
    let text = Zeroizing::new(text);
    serde_json::from_str(&text).map_err(|_| ApiError::Answer)
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
