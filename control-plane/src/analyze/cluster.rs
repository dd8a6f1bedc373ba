//! The objects of a running cluster, listed once with the rights of whoever asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kube::config::KubeConfigOptions;
use serde_json::Value;
use tokio::time::timeout;
use tulle_crds::{Kind, Object, ObjectKey};
use tulle_model::settings::Settings;
use tulle_source::{Change, Problem, read_object};

use super::{Analysis, Statement, of_finding, of_problem};
use crate::engine::Engine;
use crate::translate::translate;

/// For one page of a list.
const PATIENCE: Duration = Duration::from_secs(30);
/// Objects in one page.
const PAGE: u32 = 500;

/// What a cluster holds of some kinds.
#[derive(Debug, Default)]
pub struct Listed {
    /// As the API server has them, by `apiVersion` and `kind`.
    pub objects: Vec<Value>,
    /// What could not be listed, and why.
    pub refused: Vec<(String, String)>,
}

/// A client for the cluster that kubectl would ask; `context` is one of the kubeconfig's.
///
/// # Errors
/// There is no kubeconfig and this is no pod, or it cannot be used.
pub async fn client(context: Option<&str>) -> anyhow::Result<kube::Client> {
    let config = match context {
        None => kube::Config::infer()
            .await
            .context("no cluster: neither a kubeconfig nor a pod's service account")?,
        Some(context) => kube::Config::from_kubeconfig(&KubeConfigOptions {
            context: Some(context.to_owned()),
            ..KubeConfigOptions::default()
        })
        .await
        .with_context(|| format!("context {context} of the kubeconfig"))?,
    };
    kube::Client::try_from(config).context("the kubeconfig cannot be used")
}

/// Lists all objects of a kind in all namespaces. A kind that the API server does not have has none.
///
/// # Errors
/// The API server refuses or does not answer.
pub async fn list(
    client: &kube::Client,
    api_version: &str,
    kind: &str,
    plural: &str,
) -> anyhow::Result<Vec<Value>> {
    let root = match api_version.contains('/') {
        true => "apis",
        false => "api",
    };
    let mut objects = Vec::new();
    let mut next = String::new();
    loop {
        let path = format!("/{root}/{api_version}/{plural}?limit={PAGE}&continue={next}");
        let request = http::Request::get(path).body(Vec::new())?;
        let answer = timeout(PATIENCE, client.request::<Value>(request))
            .await
            .with_context(|| format!("no answer in {} s", PATIENCE.as_secs()))?;
        let mut page = match answer {
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(objects),
            Err(kube::Error::Api(status)) => anyhow::bail!("{}", status.message),
            page => page?,
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
            _ => return Ok(objects),
        }
    }
}

/// Lists every kind that the mesh is made of. Namespaces and App Mesh's kinds are needed; what else is refused is told.
///
/// # Errors
/// One of those that are needed cannot be listed.
pub async fn listed(client: &kube::Client) -> anyhow::Result<Listed> {
    let mut all = Listed::default();
    for kind in Kind::ALL {
        match list(client, kind.api_version(), kind.as_str(), kind.plural()).await {
            Ok(objects) => all.objects.extend(objects),
            Err(error) if is_needed(kind) => {
                return Err(error.context(format!("listing {}", kind.plural())));
            }
            Err(error) => all
                .refused
                .push((kind.plural().to_owned(), format!("{error:#}"))),
        }
    }
    Ok(all)
}

fn is_needed(kind: Kind) -> bool {
    kind == Kind::Namespace || kind.group() == tulle_crds::appmesh::GROUP
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
    let findings = linked.engine.findings().into_iter();
    let statements: BTreeSet<Statement> = problems
        .chain(findings.map(|finding| of_finding(finding, None)))
        .collect();
    Analysis {
        statements: statements.into_iter().collect(),
        objects: linked.objects.len(),
        ..Analysis::default()
    }
}

#[cfg(test)]
mod tests;
