//! The settings of a cluster: a document in a ConfigMap, followed while the control plane runs.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use tokio::sync::watch;

use crate::config::MeshConfig;

/// The document's key in the ConfigMap.
const KEY: &str = "config.yaml";

/// Publishes each new document that is good. What is wrong with one is logged, and the last good one stays.
pub(super) async fn follow(
    started_with: MeshConfig,
    mut map: watch::Receiver<Option<Arc<ConfigMap>>>,
    config: watch::Sender<Arc<MeshConfig>>,
) {
    let mut said: Option<String> = None;
    while map.changed().await.is_ok() {
        let Some(map) = map.borrow_and_update().clone() else {
            continue;
        };
        let data = map.data.as_ref();
        let Some(text) = data.and_then(|data| data.get(KEY)) else {
            continue;
        };
        match MeshConfig::parse(text) {
            Ok(newer) => {
                let fields = started_with.needs_restart(&newer);
                if !fields.is_empty() {
                    tracing::warn!(
                        fields = fields.join(", "),
                        "settings that take effect only when the control plane is started again: \
                         kubectl rollout restart deployment"
                    );
                }
                said = None;
                config.send_if_modified(|held| {
                    let news = **held != newer;
                    if news {
                        *held = Arc::new(newer);
                    }
                    news
                });
            }
            Err(error) if said.as_ref() != Some(&error) => {
                tracing::error!("ConfigMap {KEY}: {error}; the settings stay as they were");
                said = Some(error);
            }
            Err(_) => {}
        }
    }
}
