//! The objects to look at, from files or from a cluster, with nothing taken out of them.

use std::path::PathBuf;

use serde_json::Value;
use tulle_source::{FileSource, Place, RawObject};

use crate::analyze::cluster::{Cluster, Listed};

/// Everything that is looked at.
#[derive(Debug, Default)]
pub struct Input {
    /// The objects.
    pub objects: Vec<Seen>,
    /// What could not be listed, and why.
    pub refused: Vec<(String, String)>,
}

/// An object.
#[derive(Debug)]
pub struct Seen {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.namespace`; `default` for an object of a file that names none, empty for kinds of the whole cluster.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// The object.
    pub value: Value,
    /// Where it stands.
    pub place: Option<Place>,
    raw: Option<RawObject>,
}

/// Kinds of the whole cluster among those that are looked at.
const OF_THE_CLUSTER: [&str; 5] = [
    "Namespace",
    "Node",
    "Mesh",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// What has pods, or refuses objects, beside the kinds that the mesh is made of: `apiVersion`, kind, plural.
const BESIDE: [(&str, &str, &str); 6] = [
    ("apps/v1", "Deployment", "deployments"),
    ("apps/v1", "StatefulSet", "statefulsets"),
    ("apps/v1", "DaemonSet", "daemonsets"),
    ("batch/v1", "CronJob", "cronjobs"),
    (
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
    ),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    ),
];

impl Input {
    /// The objects of files and folders.
    ///
    /// # Errors
    /// A path that is not there or cannot be read.
    pub fn of_files(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let objects = FileSource::read_objects(paths)?.into_iter();
        Ok(Self {
            objects: objects.map(Seen::of_file).collect(),
            refused: Vec::new(),
        })
    }

    /// The objects of a cluster: `listed` and what has pods.
    pub async fn of_cluster(cluster: &Cluster, listed: Listed) -> Self {
        let mut values = listed.objects;
        let mut refused = listed.refused;
        for (api_version, kind, plural) in BESIDE {
            match cluster.list(api_version, kind, plural).await {
                Ok(objects) => values.extend(objects.into_iter().flatten()),
                Err(error) => refused.push((plural.to_owned(), error.to_string())),
            }
        }
        Self {
            objects: values
                .into_iter()
                .map(|value| Seen::new(value, None))
                .collect(),
            refused,
        }
    }

    /// The objects alone.
    pub fn values(&self) -> Vec<Value> {
        self.objects.iter().map(|seen| seen.value.clone()).collect()
    }
}

impl Seen {
    fn of_file(raw: RawObject) -> Self {
        Self::new(raw.value.clone(), Some(raw))
    }

    /// An object of a cluster, or of a file.
    pub fn new(value: Value, raw: Option<RawObject>) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = text(&value["kind"]);
        let metadata = &value["metadata"];
        let namespace = match text(&metadata["namespace"]) {
            _ if OF_THE_CLUSTER.contains(&kind.as_str()) => String::new(),
            none if none.is_empty() => "default".to_owned(),
            named => named,
        };
        Self {
            api_version: text(&value["apiVersion"]),
            namespace,
            name: match text(&metadata["name"]) {
                none if none.is_empty() => text(&metadata["generateName"]),
                name => name,
            },
            place: raw.as_ref().map(|raw| raw.place.clone()),
            kind,
            value,
            raw,
        }
    }

    /// The API group; empty for Kubernetes' core group.
    pub fn group(&self) -> &str {
        let (group, _) = self.api_version.rsplit_once('/').unwrap_or_default();
        group
    }

    /// `VirtualNode shop/front`.
    pub fn title(&self) -> String {
        match self.namespace.as_str() {
            "" => format!("{} {}", self.kind, self.name),
            namespace => format!("{} {namespace}/{}", self.kind, self.name),
        }
    }

    /// Where a field stands.
    pub fn locate(&self, field: &str) -> Option<Place> {
        Some(self.raw.as_ref()?.locate(field))
    }
}
