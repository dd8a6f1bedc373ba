//! The roots by which the API server knows our webhooks, kept by the leader in the webhook configurations.

use std::fmt::Debug;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tulle_injector::webhook::bundle::ca_bundle_patch;
use tulle_runtime::lease::Leadership;

/// The configurations of the chart.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// Mutating, each by name.
    pub(super) mutating: Vec<String>,
    /// Validating, each by name.
    pub(super) validating: Vec<String>,
}

const RETRY: Duration = Duration::from_secs(2);

/// Keeps the bundle in all of them while this replica leads.
pub(super) async fn keep(
    client: kube::Client,
    names: Names,
    bundle: watch::Receiver<String>,
    leadership: watch::Receiver<Leadership>,
) {
    let mut tasks = tokio::task::JoinSet::new();
    for name in names.mutating {
        let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
        tasks.spawn(keep_one(api, name, bundle.clone(), leadership.clone()));
    }
    for name in names.validating {
        let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
        tasks.spawn(keep_one(api, name, bundle.clone(), leadership.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

async fn keep_one<K>(
    api: Api<K>,
    name: String,
    mut bundle: watch::Receiver<String>,
    mut leadership: watch::Receiver<Leadership>,
) where
    K: Resource + Clone + Debug + Send + Sync + DeserializeOwned + Serialize + 'static,
    K::DynamicType: Default,
{
    loop {
        if leadership.wait_for(Leadership::is_leader).await.is_err() {
            return;
        }
        tokio::select! {
            () = lead(&api, &name, &mut bundle) => {}
            _ = leadership.wait_for(|leadership| !leadership.is_leader()) => {}
        }
    }
}

async fn lead<K>(api: &Api<K>, name: &str, bundle: &mut watch::Receiver<String>)
where
    K: Resource + Clone + Debug + Send + Sync + DeserializeOwned + Serialize + 'static,
    K::DynamicType: Default,
{
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut events = std::pin::pin!(watcher(api.clone(), config).default_backoff());
    let mut seen: Option<K> = None;
    let mut failed = false;
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object))) => {
                    seen = Some(object);
                }
                Some(Ok(watcher::Event::Delete(_))) => seen = None,
                Some(Ok(_)) => {}
                Some(Err(error)) => tracing::warn!(%error, "watching webhook configuration {name}"),
                None => return,
            },
            changed = bundle.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(RETRY), if failed => {}
        }
        let pem = bundle.borrow_and_update().clone();
        let Some(object) = seen.clone().filter(|_| !pem.is_empty()) else {
            continue;
        };
        failed = false;
        let patch = serde_json::to_value(&object)
            .map_err(|error| error.to_string())
            .and_then(|value| ca_bundle_patch(&value, &pem).map_err(|error| error.to_string()));
        let patch = match patch {
            Ok(Some(patch)) => patch,
            Ok(None) => continue,
            Err(error) => {
                tracing::error!("webhook configuration {name}: {error}");
                continue;
            }
        };
        match api
            .patch(name, &PatchParams::default(), &Patch::<()>::Json(patch))
            .await
        {
            Ok(written) => {
                tracing::info!(
                    version = written.resource_version(),
                    "wrote the CA bundle of webhook configuration {name}"
                );
                seen = Some(written);
            }
            Err(kube::Error::Api(status)) if status.code == 404 => seen = None,
            Err(error) => {
                tracing::warn!(%error, "cannot write the CA bundle of webhook configuration {name}");
                failed = true;
            }
        }
    }
}
