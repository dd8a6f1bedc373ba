//! One write of one status.

use std::time::Duration;

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;
use tulle_model::{ObjectId, Str};
use tulle_runtime::lease::Leadership;

use crate::desired::Notice;
use crate::kind::Kind;

/// What is sent, for which version of the object.
#[derive(Debug)]
pub(super) struct StatusWrite {
    pub(super) kind: &'static Kind,
    pub(super) uid: Str,
    /// The version that the source knew.
    pub(super) seen: Str,
    /// The version that is written to: the same, or our own last write where the source has not seen that yet.
    pub(super) resource_version: Str,
    pub(super) patch: Value,
    /// Errors that the status on record does not tell yet.
    pub(super) news: Vec<Notice>,
}

/// How it went.
#[derive(Debug)]
pub(super) enum Outcome {
    Written {
        write: StatusWrite,
        after: After,
    },
    /// The object is another version by now, or another object.
    Conflict,
    Gone,
    /// Leadership ended before the write was sent.
    NotLeading,
    Failed(String),
}

/// What the server answered.
#[derive(Debug)]
pub(super) struct After {
    pub(super) resource_version: Str,
    pub(super) status: Value,
}

impl StatusWrite {
    pub(super) async fn send(
        self,
        client: Client,
        object: &ObjectId,
        leadership: &watch::Receiver<Leadership>,
        most: Duration,
    ) -> Outcome {
        let resource = self.kind.resource();
        let api: Api<DynamicObject> = if object.namespace.is_empty() {
            Api::all_with(client, &resource)
        } else {
            Api::namespaced_with(client, &object.namespace, &resource)
        };
        let body = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            // With these the server refuses the write if anything has happened to the object since it was looked at.
            "metadata": { "uid": self.uid, "resourceVersion": self.resource_version },
            "status": self.patch,
        });
        let Some(left) = leadership.borrow().remaining() else {
            return Outcome::NotLeading;
        };
        let parameters = PatchParams {
            field_manager: Some("tulle".to_owned()),
            ..PatchParams::default()
        };
        let body = Patch::Merge(body);
        let request = api.patch_status(&object.name, &parameters, &body);
        match timeout(most.min(left), request).await {
            Err(_) => Outcome::Failed("no answer in time".to_owned()),
            Ok(Ok(written)) => {
                let after = After {
                    resource_version: written.metadata.resource_version.unwrap_or_default().into(),
                    status: written.data["status"].clone(),
                };
                Outcome::Written { write: self, after }
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Outcome::Conflict,
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Outcome::Gone,
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
        }
    }
}
