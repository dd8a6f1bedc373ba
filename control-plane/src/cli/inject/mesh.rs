//! What the manifests declare of the mesh, as far as it selects pods.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use tulle_crds::Object;
use tulle_injector::inject::{Candidates, candidates};
use tulle_model::Severity;
use tulle_model::fragment::Fragment;
use tulle_source::FileSource;

use super::print;

/// What has been declared.
#[derive(Default)]
pub(super) struct Declared {
    fragments: Vec<Fragment>,
    namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

impl Declared {
    /// Takes in what is of the mesh in a document.
    pub(super) fn add_document(&mut self, document: &Value, namespace: &str) {
        let text = |key: &str| {
            document
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (version, kind) = (text("apiVersion"), text("kind"));
        if version == "v1" && kind == "List" {
            for item in document["items"].as_array().into_iter().flatten() {
                self.add_document(item, namespace);
            }
            return;
        }
        // Others are not looked at: a Service that is odd is no business of this command.
        if !["Mesh", "VirtualNode", "VirtualGateway", "Namespace"].contains(&kind) {
            return;
        }
        let mut document = document.clone();
        if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata
                .entry("namespace")
                .or_insert_with(|| namespace.into());
        }
        match tulle_crds::decode(version, kind, document) {
            Ok(Some(decoded)) => self.add(&decoded.object),
            Ok(None) => {}
            Err(error) => print::complain(Severity::Warning, &error.to_string()),
        }
    }

    /// Takes in files and folders.
    pub(super) fn add_files(&mut self, paths: &[PathBuf]) -> anyhow::Result<()> {
        if paths.is_empty() {
            return Ok(());
        }
        let batch = FileSource::read_once(paths)?;
        for problem in batch.problems.iter() {
            print::complain(Severity::Warning, &problem.to_string());
        }
        for change in &batch.changes {
            if let Some(observed) = &change.object {
                self.add(&observed.object);
            }
        }
        Ok(())
    }

    fn add(&mut self, object: &Object) {
        if let Object::Namespace(namespace) = object {
            let labels = namespace.metadata.labels.clone().unwrap_or_default();
            self.namespaces.insert(object.name().to_owned(), labels);
        }
        if let Some(translated) = tulle_appmesh::translate(object, &[]) {
            self.fragments.extend(translated.fragments);
        }
    }

    /// The labels of a namespace; none for one that is not declared.
    pub(super) fn labels(&self, namespace: &str) -> BTreeMap<String, String> {
        self.namespaces.get(namespace).cloned().unwrap_or_default()
    }

    /// What may select the pods of a namespace.
    pub(super) fn candidates(&self, namespace: &str) -> Candidates {
        candidates(&self.fragments, namespace, &self.labels(namespace))
    }
}
