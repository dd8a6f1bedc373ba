//! The object with which everything goes that is made in the cluster: a ClusterRole of the release.
//!
//! Whoever replaces it by force makes another one under its name, and the API server's garbage collector then takes what the
//! first one owned. It is looked at again where something of it has vanished, and now and then; those who made the rest give
//! it to the new one.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::timeout;

use super::follow::publish;

/// Between looks.
const LOOK: Duration = Duration::from_secs(30);
/// Between tries.
const PATIENCE: Duration = Duration::from_secs(1);
/// For each try.
const LIMIT: Duration = Duration::from_secs(5);

/// The present owner; none where it does not exist or may not be read, which is told. Waits for an API server that does not
/// answer.
pub(super) async fn first(client: &Client, name: &str) -> Option<OwnerReference> {
    loop {
        match look(client, name).await {
            Look::There(owner) => return Some(owner),
            Look::Unknown(why) => {
                tracing::warn!("ClusterRole {name} {why}: what is made in the cluster outlives it");
                return None;
            }
            Look::Failed(why) => {
                tracing::warn!("ClusterRole {name} cannot be read, trying again: {why}");
            }
        }
        tokio::time::sleep(PATIENCE).await;
    }
}

/// Keeps `owner` up to date. One that is gone stays: what it owned is to go with it. `secret`: something that it owns.
pub(super) async fn follow(
    client: Client,
    name: String,
    mut secret: watch::Receiver<Option<Arc<Secret>>>,
    owner: watch::Sender<Option<OwnerReference>>,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = vanished(&mut secret) => {}
        }
        if let Look::There(now) = look(&client, &name).await {
            let another = owner
                .borrow()
                .as_ref()
                .is_some_and(|before| before.uid != now.uid);
            if another {
                tracing::warn!(
                    "ClusterRole {name} has been replaced; what is made in the cluster is given to the new one"
                );
            }
            publish(&owner, Some(now));
        }
    }
}

/// Returns when the Secret goes.
async fn vanished(secret: &mut watch::Receiver<Option<Arc<Secret>>>) {
    let mut there = secret.borrow_and_update().is_some();
    loop {
        if secret.changed().await.is_err() {
            return std::future::pending().await;
        }
        let now = secret.borrow_and_update().is_some();
        if there && !now {
            return;
        }
        there = now;
    }
}

enum Look {
    There(OwnerReference),
    /// Nothing to be waited for.
    Unknown(&'static str),
    Failed(String),
}

async fn look(client: &Client, name: &str) -> Look {
    let roles: Api<ClusterRole> = Api::all(client.clone());
    match timeout(LIMIT, roles.get_metadata_opt(name)).await {
        Ok(Ok(Some(role))) => Look::There(OwnerReference {
            api_version: "rbac.authorization.k8s.io/v1".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: name.to_owned(),
            uid: role.metadata.uid.unwrap_or_default(),
            ..OwnerReference::default()
        }),
        Ok(Ok(None)) => Look::Unknown("is not there"),
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => Look::Unknown("may not be read"),
        Ok(Err(error)) => Look::Failed(error.to_string()),
        Err(_) => Look::Failed("no answer".to_owned()),
    }
}
