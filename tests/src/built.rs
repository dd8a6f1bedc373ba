//! A mesh out of documents, through every room up to the proxies' configuration, without a file or a process.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tulle_control_plane::engine::Engine;
use tulle_control_plane::translate::translate;
use tulle_model::ObjectId;
use tulle_model::fragment::Translated;
use tulle_model::settings::Settings;
use tulle_source::{Content, FileSet, Problem};

/// A mesh, and what is wrong with the documents themselves.
#[derive(Debug)]
pub struct Built {
    /// The mesh.
    pub engine: Engine,
    /// What each object became.
    pub objects: BTreeMap<ObjectId, Arc<Translated>>,
    /// What is wrong with documents.
    pub problems: Vec<Problem>,
}

impl Built {
    /// Reads and links documents as `tulle compile` does those of a file.
    pub fn new(documents: &[Value], settings: Settings) -> Self {
        let mut files = FileSet::new();
        let text = yaml(documents);
        let changes = files.apply(Path::new("in.yaml"), Content::Bytes(text.as_bytes()));
        let batch: Vec<_> = changes.iter().map(translate).collect();
        let objects = batch
            .iter()
            .filter_map(|(id, made)| Some((id.clone(), made.clone()?)))
            .collect();
        let mut engine = Engine::new(settings);
        engine.apply(batch);
        Self {
            engine,
            objects,
            problems: files.problems(),
        }
    }

    /// Everything there is to say, of documents and objects, one line each.
    pub fn said(&self) -> Vec<String> {
        let problems = self.problems.iter().map(ToString::to_string);
        let findings = self.engine.findings();
        problems
            .chain(findings.iter().map(ToString::to_string))
            .collect()
    }
}

/// Documents as YAML; each is written as JSON, whose escapes carry any character.
pub fn yaml(documents: &[Value]) -> String {
    let mut text = String::new();
    for document in documents {
        text.push_str("---\n");
        // YAML takes fewer characters as they are than JSON does.
        for character in document.to_string().chars() {
            if character.is_control() || character == '\u{feff}' {
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            } else {
                text.push(character);
            }
        }
        text.push('\n');
    }
    text
}

/// The documents of a text.
///
/// # Panics
/// If it is not YAML.
pub fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n")
        .map(|text| tulle_proto::from_yaml(text).unwrap_or_else(|error| panic!("{error}: {text}")))
        .filter(|document: &Value| !document.is_null())
        .collect()
}
