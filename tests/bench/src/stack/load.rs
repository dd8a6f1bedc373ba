//! Writing a mesh to the API server.

use futures_util::{StreamExt, TryStreamExt, stream};
use http::Method;
use serde_json::Value;

use super::Api;
use crate::data::{self, Object};

/// Calls under way at the same time.
const PARALLEL: usize = 32;

/// Writes the objects in any order; those that are there stay as they are. Pods are made to run.
///
/// # Errors
/// One is refused.
pub async fn load(api: &Api, objects: &[Object]) -> anyhow::Result<()> {
    stream::iter(objects)
        .map(|object| async move {
            api.create(&object.collection, &object.body).await?;
            if object.body["kind"] == "Pod" {
                let number = object.name().trim_start_matches("p-").parse()?;
                let status = format!("{}/status", object.path());
                api.merge(&status, &data::running(number)).await?;
            }
            anyhow::Ok(())
        })
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await
}

/// Removes the objects; no harm if one is gone.
///
/// # Errors
/// The API server refuses.
pub async fn remove(api: &Api, objects: &[Object]) -> anyhow::Result<()> {
    stream::iter(objects)
        .map(|object| async move {
            match api.call(Method::DELETE, &object.path(), &Value::Null).await {
                Ok(_) => Ok(()),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await
}
