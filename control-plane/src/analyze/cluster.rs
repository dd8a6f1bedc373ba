//! The objects of a running cluster, listed once with the rights of whoever asks.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use kube::config::{KubeConfigOptions, KubeconfigError};
use serde_json::Value;
use tokio::time::timeout;
use tulle_crds::{Kind, Object, ObjectKey};
use tulle_model::settings::Settings;
use tulle_source::{Change, Problem, read_object};

use super::{Analysis, Statement, findings, of_finding, of_problem};
use crate::engine::Engine;
use crate::translate::translate;

/// For one page of a list.
const PATIENCE: Duration = Duration::from_secs(30);
/// Objects in one page.
const PAGE: u32 = 500;

/// A cluster's API server, asked with the rights of whoever runs this.
pub struct Cluster {
    client: kube::Client,
    server: String,
}

/// What a cluster holds of some kinds.
#[derive(Debug, Default)]
pub struct Listed {
    /// As the API server has them, by `apiVersion` and `kind`.
    pub objects: Vec<Value>,
    /// What could not be listed, and why.
    pub refused: Vec<(String, String)>,
    /// App Mesh's kinds that the cluster does not have, by their plurals.
    pub absent: Vec<&'static str>,
}

/// Why objects were not listed.
#[derive(Debug)]
pub enum ListError {
    /// The user has no right to it, in the API server's words.
    Forbidden(String),
    /// The API server answers something else, or not at all.
    Failed(String),
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Forbidden(text) | Self::Failed(text)) = self;
        f.write_str(text)
    }
}

impl Error for ListError {}

impl Cluster {
    /// The cluster that kubectl would ask; `context` is one of the kubeconfig's.
    ///
    /// # Errors
    /// There is no kubeconfig and this is no pod, or it cannot be used.
    pub async fn connect(context: Option<&str>) -> anyhow::Result<Self> {
        let config = match context {
            None => kube::Config::infer().await.map_err(|error| {
                // The kubeconfig's error tells its own causes.
                let reason = error.source().map(ToString::to_string);
                anyhow!(
                    "no cluster: {}, and this is no pod",
                    reason.unwrap_or_default()
                )
            })?,
            Some(context) => Self::of_context(context).await?,
        };
        let server = config.cluster_url.to_string();
        let helper = config.auth_info.exec.as_ref();
        let helper = helper.and_then(|helper| helper.command.clone());
        let client = kube::Client::try_from(config).map_err(|error| {
            let why = causes(&error);
            match helper {
                Some(program) => anyhow!(
                    "the kubeconfig cannot be used: {why}; it gets credentials from the program {program}"
                ),
                None => anyhow!("the kubeconfig cannot be used: {why}"),
            }
        })?;
        Ok(Self {
            client,
            server: server.trim_end_matches('/').to_owned(),
        })
    }

    async fn of_context(context: &str) -> anyhow::Result<kube::Config> {
        let options = KubeConfigOptions {
            context: Some(context.to_owned()),
            ..KubeConfigOptions::default()
        };
        let config = kube::Config::from_kubeconfig(&options).await;
        config.map_err(|error| match error {
            KubeconfigError::LoadContext(_) => anyhow!(
                "the kubeconfig has no context {context}; `kubectl config get-contexts` lists those it has"
            ),
            other => anyhow!("context {context} of the kubeconfig: {other}"),
        })
    }

    /// Lists all objects of a kind in all namespaces; `None` where the API server does not have the kind.
    ///
    /// # Errors
    /// The API server refuses or does not answer.
    pub async fn list(
        &self,
        api_version: &str,
        kind: &str,
        plural: &str,
    ) -> Result<Option<Vec<Value>>, ListError> {
        let root = match api_version.contains('/') {
            true => "apis",
            false => "api",
        };
        let mut objects = Vec::new();
        let mut next = String::new();
        loop {
            let path = format!("/{root}/{api_version}/{plural}?limit={PAGE}&continue={next}");
            let Some(mut page) = self.page(&path).await? else {
                return Ok(None);
            };
            if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
                for mut item in items {
                    // Items of a list do not name their kind.
                    item["apiVersion"] = api_version.into();
                    item["kind"] = kind.into();
                    objects.push(item);
                }
            }
            match page["metadata"]["continue"].as_str() {
                // A token of the API server's is URL-safe base64.
                Some(token) if !token.is_empty() => token.clone_into(&mut next),
                _ => return Ok(Some(objects)),
            }
        }
    }

    /// `None`: there is no such page.
    async fn page(&self, path: &str) -> Result<Option<Value>, ListError> {
        let server = &self.server;
        let unreachable =
            |why: &str| ListError::Failed(format!("{server} cannot be reached: {why}"));
        let request = http::Request::get(path)
            .body(Vec::new())
            .map_err(|error| unreachable(&error.to_string()))?;
        let answer = timeout(PATIENCE, self.client.request::<Value>(request))
            .await
            .map_err(|_| unreachable(&format!("no answer in {} s", PATIENCE.as_secs())))?;
        match answer {
            Ok(page) => Ok(Some(page)),
            Err(kube::Error::Api(status)) => match (status.code, status.message) {
                (404, _) => Ok(None),
                (403, message) => Err(ListError::Forbidden(message)),
                (401, message) => Err(ListError::Failed(format!(
                    "{server} does not know this user ({message}): credentials are missing, wrong or expired"
                ))),
                (code, message) => Err(ListError::Failed(format!(
                    "{server} answers {code}: {message}"
                ))),
            },
            Err(kube::Error::Service(error)) => Err(unreachable(&causes(error.as_ref()))),
            Err(error) => Err(unreachable(&causes(&error))),
        }
    }
}

/// An error with its causes, each of them once: many libraries tell them in their own words already.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

/// Lists every kind that the mesh is made of. Namespaces and App Mesh's kinds are needed; what else is refused is told.
///
/// # Errors
/// One of those that are needed cannot be listed.
pub async fn listed(cluster: &Cluster) -> anyhow::Result<Listed> {
    let mut all = Listed::default();
    let mut rights = Vec::new();
    let mut said = None;
    for kind in Kind::ALL {
        let plural = kind.plural();
        let found = cluster
            .list(kind.api_version(), kind.as_str(), plural)
            .await;
        match found {
            Ok(Some(objects)) => all.objects.extend(objects),
            Ok(None) if is_needed(kind) => all.absent.push(plural),
            Ok(None) => {}
            Err(ListError::Forbidden(message)) if is_needed(kind) => {
                rights.push(resource(kind));
                said.get_or_insert(message);
            }
            Err(error) if is_needed(kind) => {
                return Err(anyhow!(error).context(format!("listing {plural}")));
            }
            Err(error) => all.refused.push((plural.to_owned(), error.to_string())),
        }
    }
    match said {
        None => Ok(all),
        Some(message) => Err(missing_rights(&rights, &message)),
    }
}

fn is_needed(kind: Kind) -> bool {
    kind == Kind::Namespace || kind.group() == tulle_crds::appmesh::GROUP
}

/// As a rule of a role names it with kubectl.
fn resource(kind: Kind) -> String {
    match kind.group() {
        "" => kind.plural().to_owned(),
        group => format!("{}.{group}", kind.plural()),
    }
}

fn missing_rights(resources: &[String], message: &str) -> anyhow::Error {
    let resources = resources.join(",");
    anyhow!(
        "rights to list objects of all namespaces are missing: {message}; an administrator gives them with: kubectl \
         create clusterrole tulle-analyze --verb=list --resource={resources} && kubectl create clusterrolebinding \
         tulle-analyze --clusterrole=tulle-analyze --user=USER"
    )
}

/// A mesh made of a cluster's objects.
#[derive(Debug)]
pub struct Linked {
    /// The mesh.
    pub engine: Engine,
    /// Its objects.
    pub objects: BTreeMap<ObjectKey, Object>,
    /// What is wrong with single objects.
    pub problems: Vec<Problem>,
}

/// Reads and links objects as the control plane does; those of kinds that it does not read are passed over.
pub fn link(objects: &[Value], settings: Settings) -> Linked {
    let mut engine = Engine::new(settings);
    let mut kept = BTreeMap::new();
    let mut problems = Vec::new();
    let mut batch = Vec::new();
    for value in objects {
        let text = |key: &str| value[key].as_str().unwrap_or_default();
        let Some(kind) = Kind::from_manifest(text("apiVersion"), text("kind")) else {
            continue;
        };
        match read_object(kind, value.clone()) {
            Ok(observed) => {
                let key = observed.object.key();
                kept.insert(key.clone(), observed.object.clone());
                let object = Some(Arc::new(observed));
                batch.push(translate(&Change { key, object }));
            }
            Err(wrong) => problems.extend(wrong),
        }
    }
    engine.apply(batch);
    Linked {
        engine,
        objects: kept,
        problems,
    }
}

/// What there is to say of a cluster's objects.
pub fn analysis(listed: &Listed, settings: Settings) -> Analysis {
    let linked = link(&listed.objects, settings);
    let problems = linked.problems.iter().map(of_problem);
    let findings = findings(&linked.engine, linked.objects.values());
    let told = findings.into_iter();
    let statements: BTreeSet<Statement> = problems
        .chain(told.map(|finding| of_finding(finding, None)))
        .collect();
    Analysis {
        statements: statements.into_iter().collect(),
        objects: linked.objects.len(),
        ..Analysis::default()
    }
}

#[cfg(test)]
mod tests;
