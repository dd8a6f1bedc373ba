//! What is asked of the API server once, at the start.

use std::time::Duration;

use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Client};
use tokio::time::timeout;

/// Between tries.
const PATIENCE: Duration = Duration::from_secs(1);
/// For each try.
const LIMIT: Duration = Duration::from_secs(5);

/// The API server's version; waits for one that does not answer.
pub(super) async fn server_version(client: &Client) -> (u32, u32) {
    loop {
        match timeout(LIMIT, client.apiserver_version()).await {
            Ok(Ok(version)) => {
                let number = |text: &str| {
                    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
                    digits.parse().unwrap_or(0)
                };
                return (number(&version.major), number(&version.minor));
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the API server does not tell its version; trying again");
            }
            Err(_) => tracing::warn!("the API server does not answer; trying again"),
        }
        tokio::time::sleep(PATIENCE).await;
    }
}

/// The object with which everything goes that is made here; none where it does not exist.
pub(super) async fn owner(client: &Client, name: &str) -> Option<OwnerReference> {
    let roles: Api<ClusterRole> = Api::all(client.clone());
    loop {
        match timeout(LIMIT, roles.get_metadata_opt(name)).await {
            Ok(Ok(Some(role))) => {
                return Some(OwnerReference {
                    api_version: "rbac.authorization.k8s.io/v1".to_owned(),
                    kind: "ClusterRole".to_owned(),
                    name: name.to_owned(),
                    uid: role.metadata.uid.unwrap_or_default(),
                    ..OwnerReference::default()
                });
            }
            Ok(Ok(None)) => {
                tracing::warn!(
                    "ClusterRole {name} is not there: what is made in the cluster outlives it"
                );
                return None;
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
                tracing::warn!(
                    "ClusterRole {name} may not be read: what is made in the cluster outlives it"
                );
                return None;
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "ClusterRole {name} cannot be read; trying again");
            }
            Err(_) => tracing::warn!("ClusterRole {name}: no answer; trying again"),
        }
        tokio::time::sleep(PATIENCE).await;
    }
}
