//! The files that Envoys start from, as a ConfigMap in every namespace where pods are injected. Kept by the leader.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::runtime::{WatchStreamExt, watcher};
use tokio::sync::watch;
use tulle_runtime::lease::Leadership;

/// The ConfigMap's name, in every namespace.
pub(super) const NAME: &str = "tulle-proxy";
/// Says whose they are.
const LABEL: &str = "tulle.dev/proxy-config";
/// Who writes, in `managedFields`.
const MANAGER: &str = "tulle";
const RETRY: Duration = Duration::from_secs(2);

/// What there should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Desired {
    /// The namespaces that should have it.
    pub(super) namespaces: BTreeSet<Arc<str>>,
    /// File name to content; empty: nothing is known yet, and nothing is done.
    pub(super) files: BTreeMap<String, String>,
}

/// What there is, by namespace.
type Actual = BTreeMap<String, ConfigMap>;

/// Keeps the ConfigMaps as desired while this replica leads. `owner`: whose end is theirs, as it is now.
pub(super) async fn keep(
    client: kube::Client,
    mut owner: watch::Receiver<Option<OwnerReference>>,
    mut desired: watch::Receiver<Desired>,
    mut leadership: watch::Receiver<Leadership>,
) {
    loop {
        if leadership.wait_for(Leadership::is_leader).await.is_err() {
            return;
        }
        tokio::select! {
            () = lead(&client, &mut owner, &mut desired) => {}
            _ = leadership.wait_for(|leadership| !leadership.is_leader()) => {}
        }
    }
}

async fn lead(
    client: &kube::Client,
    owner: &mut watch::Receiver<Option<OwnerReference>>,
    desired: &mut watch::Receiver<Desired>,
) {
    let all: Api<ConfigMap> = Api::all(client.clone());
    // By name, which is all that is allowed.
    let config = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
    let mut events = std::pin::pin!(watcher(all, config).default_backoff());
    let mut actual = Actual::new();
    let mut synced = false;
    let mut failed = false;
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => synced |= note(&mut actual, event),
                Some(Err(error)) => tracing::warn!(%error, "watching the ConfigMaps of proxies"),
                None => return,
            },
            changed = desired.changed() => if changed.is_err() { return },
            changed = owner.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(RETRY), if failed => {}
        }
        if synced {
            let desired = desired.borrow_and_update().clone();
            let owner = owner.borrow_and_update().clone();
            failed = !settle(client, owner.as_ref(), &desired, &mut actual).await;
        }
    }
}

/// Whether all that existed before is known now.
fn note(actual: &mut Actual, event: watcher::Event<ConfigMap>) -> bool {
    let mut done = false;
    match event {
        watcher::Event::Init => actual.clear(),
        watcher::Event::InitApply(map) | watcher::Event::Apply(map) => {
            let namespace = map.metadata.namespace.clone().unwrap_or_default();
            actual.insert(namespace, map);
        }
        watcher::Event::Delete(map) => {
            actual.remove(&map.metadata.namespace.unwrap_or_default());
        }
        watcher::Event::InitDone => done = true,
    }
    done
}

/// Makes what is what should be. Whether nothing is left to do.
async fn settle(
    client: &kube::Client,
    owner: Option<&OwnerReference>,
    desired: &Desired,
    actual: &mut Actual,
) -> bool {
    if desired.files.is_empty() {
        return true;
    }
    let mut done = true;
    for namespace in &desired.namespaces {
        let is_right =
            |map: &ConfigMap| map.data.as_ref() == Some(&desired.files) && is_owned(map, owner);
        if actual.get(&**namespace).is_some_and(is_right) {
            continue;
        }
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        let map = config_map(namespace, &desired.files, owner);
        let params = PatchParams::apply(MANAGER).force();
        match api.patch(NAME, &params, &Patch::Apply(&map)).await {
            Ok(map) => {
                tracing::info!(%namespace, "wrote ConfigMap {NAME}");
                actual.insert(namespace.to_string(), map);
            }
            // The namespace has gone, or is going.
            Err(kube::Error::Api(status))
                if status.code == 404 || status.message.contains("being terminated") =>
            {
                tracing::debug!(%namespace, message = status.message, "no ConfigMap {NAME} any more");
            }
            Err(error) => {
                tracing::warn!(%namespace, %error, "cannot write ConfigMap {NAME}");
                done = false;
            }
        }
    }
    let unwanted: Vec<(String, Option<String>)> = actual
        .iter()
        .filter(|(namespace, map)| !desired.namespaces.contains(namespace.as_str()) && is_ours(map))
        .map(|(namespace, map)| (namespace.clone(), map.metadata.uid.clone()))
        .collect();
    for (namespace, uid) in unwanted {
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid,
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match api.delete(NAME, &params).await {
            Ok(_) => {
                tracing::info!(%namespace, "removed ConfigMap {NAME}: no pod here has a proxy");
                actual.remove(&namespace);
            }
            Err(kube::Error::Api(status)) if status.code == 404 => {
                actual.remove(&namespace);
            }
            Err(error) => {
                tracing::warn!(%namespace, %error, "cannot remove ConfigMap {NAME}");
                done = false;
            }
        }
    }
    done
}

/// A user's own ConfigMap of that name is none of our business where nobody needs ours.
fn is_ours(map: &ConfigMap) -> bool {
    let labels = map.metadata.labels.as_ref();
    labels.is_some_and(|labels| labels.contains_key(LABEL))
}

/// Whether it goes with the owner that there is now.
fn is_owned(map: &ConfigMap, owner: Option<&OwnerReference>) -> bool {
    owner.is_none_or(|owner| {
        let owners = map.metadata.owner_references.as_deref();
        owners
            .unwrap_or_default()
            .iter()
            .any(|other| other.uid == owner.uid)
    })
}

fn config_map(
    namespace: &str,
    files: &BTreeMap<String, String>,
    owner: Option<&OwnerReference>,
) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(BTreeMap::from([
                (LABEL.to_owned(), "true".to_owned()),
                (
                    "app.kubernetes.io/managed-by".to_owned(),
                    MANAGER.to_owned(),
                ),
            ])),
            owner_references: owner.map(|owner| vec![owner.clone()]),
            ..ObjectMeta::default()
        },
        data: Some(files.clone()),
        ..ConfigMap::default()
    }
}
