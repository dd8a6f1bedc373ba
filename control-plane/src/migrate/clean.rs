//! App Mesh objects as a person would write them: without what only a cluster knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Map, Value};
use tulle_model::Name;
use tulle_model::fragment::{Fragment, Translated};
use tulle_model::settings::Settings;

use super::{Input, Seen};
use crate::analyze::cluster::{Linked, link};

/// Annotations that tools and the old controller wrote.
const WRITTEN: [&str; 4] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "cloudMapServiceARN",
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
];

/// Files to be written: App Mesh's objects, one file for what is of the whole cluster and one for each namespace, by path.
///
/// An object's `meshRef` and `virtualGatewayRef`, which App Mesh wrote and nobody might write, are left out where labels and
/// selectors lead to the same Mesh and VirtualGateway, and else kept without their uid.
///
/// # Errors
/// An object has no YAML form, which none has.
pub fn files(input: &Input) -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let is_ours = |seen: &&Seen| seen.api_version == tulle_crds::appmesh::API_VERSION;
    let mut bare = Vec::new();
    for seen in &input.objects {
        bare.push(match is_ours(&seen) {
            true => cleaned(seen, false),
            false => seen.value.clone(),
        });
    }
    let before = owners(&link(&input.values(), Settings::default()));
    let after = owners(&link(&bare, Settings::default()));

    let mut by_file: BTreeMap<PathBuf, BTreeMap<(usize, String), Value>> = BTreeMap::new();
    for (seen, bare) in input.objects.iter().zip(bare) {
        if !is_ours(&seen) {
            continue;
        }
        let key = seen.title();
        let same = before.get(&key) == after.get(&key);
        let value = if same { bare } else { cleaned(seen, true) };
        let file = match seen.namespace.as_str() {
            "" => PathBuf::from("cluster.yaml"),
            namespace => PathBuf::from(format!("namespace-{namespace}.yaml")),
        };
        let order = ORDER.iter().position(|kind| *kind == seen.kind);
        let key = (order.unwrap_or(ORDER.len()), key);
        by_file.entry(file).or_default().entry(key).or_insert(value);
    }
    by_file
        .into_iter()
        .map(|(file, objects)| {
            let mut text = String::new();
            for value in objects.values() {
                if !text.is_empty() {
                    text.push_str("---\n");
                }
                text.push_str(&tulle_proto::to_yaml(value)?);
            }
            Ok((file, text))
        })
        .collect()
}

/// In which order kinds stand in a file.
const ORDER: [&str; 7] = [
    "Mesh",
    "VirtualGateway",
    "GatewayRoute",
    "VirtualService",
    "VirtualRouter",
    "VirtualNode",
    "BackendGroup",
];

/// The mesh and the gateway of every object.
fn owners(linked: &Linked) -> BTreeMap<String, (Option<Name>, Option<Name>)> {
    let mut owners = BTreeMap::new();
    for object in linked.objects.values() {
        let translated: Translated = tulle_appmesh::translate(object, &[]).unwrap_or_default();
        for fragment in &translated.fragments {
            let gateway = match fragment {
                Fragment::GatewayRoute(route) => linked.engine.gateway_of(&route.name).cloned(),
                _ => None,
            };
            let mesh = linked.engine.mesh_of(fragment).cloned();
            owners.insert(object.key().to_string(), (mesh, gateway));
        }
    }
    owners
}

fn cleaned(seen: &Seen, keep_refs: bool) -> Value {
    let mut object = Map::new();
    object.insert("apiVersion".to_owned(), seen.api_version.clone().into());
    object.insert("kind".to_owned(), seen.kind.clone().into());
    let given = &seen.value["metadata"];
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), given["name"].clone());
    if !seen.namespace.is_empty() {
        metadata.insert("namespace".to_owned(), seen.namespace.clone().into());
    }
    for (field, written) in [("labels", &[][..]), ("annotations", &WRITTEN[..])] {
        let mut kept = given[field].as_object().cloned().unwrap_or_default();
        kept.retain(|key, _| !written.contains(&key.as_str()));
        if !kept.is_empty() {
            metadata.insert(field.to_owned(), Value::Object(kept));
        }
    }
    object.insert("metadata".to_owned(), Value::Object(metadata));
    if let Some(spec) = seen.value["spec"].as_object() {
        let mut spec = spec.clone();
        for field in ["meshRef", "virtualGatewayRef"] {
            match spec.get_mut(field).and_then(Value::as_object_mut) {
                Some(reference) if keep_refs => {
                    reference.remove("uid");
                }
                _ => {
                    spec.remove(field);
                }
            }
        }
        object.insert("spec".to_owned(), Value::Object(spec));
    }
    Value::Object(object)
}

/// Writes files into a folder, which is made if it is not there. Nothing is written if one of them is there already.
///
/// # Errors
/// A file is there, or cannot be written.
pub fn write(folder: &Path, files: &BTreeMap<PathBuf, String>) -> anyhow::Result<()> {
    let there: BTreeSet<String> = files
        .keys()
        .map(|file| folder.join(file))
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| path.display().to_string())
        .collect();
    if !there.is_empty() {
        let there: Vec<String> = there.into_iter().collect();
        bail!(
            "{} is there already, and nothing is overwritten; name another folder",
            there.join(", ")
        );
    }
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for (file, text) in files {
        let path = folder.join(file);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
