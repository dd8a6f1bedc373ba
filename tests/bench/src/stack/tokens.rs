//! The proxies' tokens, from the API server itself: each bound to its pod, as the kubelet would have asked for it.

use std::time::Duration;

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::Method;
use serde_json::json;

use super::Api;
use crate::data::{ACCOUNT, NAMESPACE, pod};

/// Calls under way at the same time.
const PARALLEL: usize = 32;
/// How long a token is valid, seconds: what is kept of a mesh is used for a part of it ([`TOKENS_LAST`]).
const VALID: u64 = 30 * 24 * 3600;
/// How long after they were made tokens may be used for a run.
pub const TOKENS_LAST: Duration = Duration::from_secs(VALID - 24 * 3600);

/// The tokens of the first `count` pods for this audience, in their order.
///
/// # Errors
/// A pod is not there, or the API server refuses.
pub async fn tokens(api: &Api, count: usize, audience: &str) -> anyhow::Result<Vec<String>> {
    let pods = format!("/api/v1/namespaces/{NAMESPACE}/pods");
    let path = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token");
    stream::iter(0..count)
        .map(|number| {
            let (pods, path) = (&pods, &path);
            async move {
                let name = pod(number);
                let object = api.get(&format!("{pods}/{name}")).await?;
                let request = json!({
                    "apiVersion": "authentication.k8s.io/v1",
                    "kind": "TokenRequest",
                    "spec": {
                        "audiences": [audience],
                        "expirationSeconds": VALID,
                        "boundObjectRef": {
                            "apiVersion": "v1",
                            "kind": "Pod",
                            "name": name,
                            "uid": object["metadata"]["uid"],
                        },
                    },
                });
                let answer = api.call(Method::POST, path, &request).await?;
                let token = answer["status"]["token"].as_str();
                anyhow::Ok(token.context("an answer without a token")?.to_owned())
            }
        })
        .buffered(PARALLEL)
        .try_collect()
        .await
}
