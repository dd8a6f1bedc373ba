//! Calls of the API server, in its own words.

use std::path::Path;

use anyhow::Context;
use http::Method;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

/// The administrator's client.
#[derive(Clone)]
pub struct Api {
    client: Client,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Api")
    }
}

impl Api {
    /// As a kubeconfig says.
    ///
    /// # Errors
    /// It cannot be read or used.
    pub async fn new(kubeconfig: &Path) -> anyhow::Result<Self> {
        let file = Kubeconfig::read_from(kubeconfig)?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
        Ok(Self {
            client: Client::try_from(config)?,
        })
    }

    /// A request and what it is answered.
    ///
    /// # Errors
    /// There is no answer, or it says no.
    pub async fn call(&self, method: Method, path: &str, body: &Value) -> kube::Result<Value> {
        let kind = match method {
            Method::PATCH => "application/merge-patch+json",
            _ => "application/json",
        };
        let bytes = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, kind)
            .body(bytes)
            .map_err(kube::Error::HttpError)?;
        self.client.request(request).await
    }

    /// An object.
    ///
    /// # Errors
    /// As [`Api::call`].
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, &Value::Null)
            .await
            .with_context(|| format!("GET {path}"))
    }

    /// Puts a new object into a collection; no harm if it is there.
    ///
    /// # Errors
    /// As [`Api::call`].
    pub async fn create(&self, collection: &str, body: &Value) -> anyhow::Result<()> {
        match self.call(Method::POST, collection, body).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(error).with_context(|| format!("POST {collection}: {body}")),
        }
    }

    /// Merges into an object, and gives back what it is then.
    ///
    /// # Errors
    /// As [`Api::call`].
    pub async fn merge(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::PATCH, path, body)
            .await
            .with_context(|| format!("PATCH {path}"))
    }

    /// Whether the server is there and willing.
    pub async fn is_ready(&self) -> bool {
        let request = http::Request::get("/readyz").body(Vec::new());
        match request {
            Ok(request) => self.client.request_text(request).await.is_ok(),
            Err(_) => false,
        }
    }
}
