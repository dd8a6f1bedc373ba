//! The mesh of a folder, without serving it: what `tulle compile` prints and the golden tests hold.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use serde_json::Value;
use tulle_envoy::Compiled;
use tulle_model::settings::Settings;
use tulle_model::{Finding, ObjectId};
use tulle_source::{FileSource, Observed, Place, Problem};
use tulle_xds::{Resource, TypeUrl};

use crate::engine::{Engine, Group};
use crate::translate::translate;

/// A mesh read once from files.
#[derive(Debug)]
pub struct Loaded {
    /// The mesh.
    pub engine: Engine,
    /// Its objects.
    pub objects: Vec<Arc<Observed>>,
    /// What is wrong with the files themselves.
    pub problems: Arc<[Problem]>,
    /// Where each object stands.
    pub places: BTreeMap<ObjectId, Place>,
    /// How many documents of which `apiVersion` and `kind` are passed over.
    pub passed_over: Arc<BTreeMap<(String, String), usize>>,
}

/// Reads manifests and links them.
pub fn load(paths: &[PathBuf], settings: Settings) -> anyhow::Result<Loaded> {
    let initial = FileSource::read_once(paths)?;
    let mut engine = Engine::new(settings);
    let mut places = BTreeMap::new();
    let mut batch = Vec::new();
    let mut objects = Vec::new();
    for change in initial.changes {
        let (id, translated) = translate(&change);
        if let Some(observed) = change.object {
            if let Some(place) = &observed.place {
                places.insert(id.clone(), place.clone());
            }
            objects.push(observed);
        }
        batch.push((id, translated));
    }
    engine.apply(batch);
    Ok(Loaded {
        engine,
        objects,
        problems: initial.problems,
        places,
        passed_over: initial.passed_over,
    })
}

/// All resources of a group, by type in the order in which they are sent, then by name.
pub fn resources(engine: &mut Engine, group: &Group) -> Vec<Arc<Resource>> {
    const ORDER: [TypeUrl; 4] = [TypeUrl::CDS, TypeUrl::EDS, TypeUrl::LDS, TypeUrl::RDS];
    let mut resources = engine.peek(group);
    resources.sort_by_key(|resource| {
        let rank = ORDER.iter().position(|known| *known == resource.type_url());
        (rank.unwrap_or(ORDER.len()), resource.name().clone())
    });
    resources
}

/// One section per type, as Envoy's JSON.
pub fn sections(resources: &[Arc<Resource>]) -> anyhow::Result<Value> {
    let mut sections: Vec<(&str, Vec<Value>)> = Vec::new();
    for resource in resources {
        let type_url = resource.type_url();
        let json = tulle_proto::to_json(type_url.as_str(), &resource.message())
            .with_context(|| format!("{} {}", type_url.short(), resource.name()))?;
        let key = section(type_url);
        match sections.last_mut() {
            Some((last, list)) if *last == key => list.push(json),
            _ => sections.push((key, vec![json])),
        }
    }
    let map: serde_json::Map<String, Value> = sections
        .into_iter()
        .map(|(key, list)| (key.to_owned(), Value::Array(list)))
        .collect();
    Ok(Value::Object(map))
}

fn section(type_url: TypeUrl) -> &'static str {
    [
        (TypeUrl::CDS, "clusters"),
        (TypeUrl::EDS, "endpoints"),
        (TypeUrl::LDS, "listeners"),
        (TypeUrl::RDS, "routes"),
        (TypeUrl::SDS, "secrets"),
    ]
    .into_iter()
    .find_map(|(known, section)| (known == type_url).then_some(section))
    .unwrap_or(type_url.short())
}

/// A finding without its severity, with the place of its object where that is known.
pub fn placed(finding: &Finding, places: &BTreeMap<ObjectId, Place>) -> String {
    match places.get(&finding.object) {
        Some(place) => format!("{place}: {}", finding.statement()),
        None => finding.statement(),
    }
}

/// One bootstrap with all of a group's resources inlined, as Envoy's JSON.
pub fn static_bootstrap(engine: &mut Engine, group: &Group) -> anyhow::Result<Value> {
    let resources = resources(engine, group);
    let compiled: Vec<Compiled> = resources
        .iter()
        .map(|resource| Compiled {
            type_url: resource.type_url().as_str(),
            name: resource.name().clone(),
            version: resource.version().to_string(),
            bytes: resource.message().to_vec(),
            requires: Vec::new(),
            touches: Vec::new(),
            settle: std::time::Duration::ZERO,
            origins: Vec::new(),
        })
        .collect();
    let bootstrap = tulle_envoy::static_bootstrap(&compiled, None)?;
    Ok(tulle_proto::message_to_json(&bootstrap)?)
}

/// A JSON document as YAML.
pub fn yaml(document: &Value) -> anyhow::Result<String> {
    Ok(tulle_proto::to_yaml(document)?)
}
