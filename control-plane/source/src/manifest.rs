//! What one file holds: its documents, split, parsed and decoded, each for itself.

mod document;
mod parse;
mod placeholder;
pub(crate) mod raw;
mod split;
mod tree;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use tulle_crds::ObjectKey;
use xxhash_rust::xxh3::xxh3_128;

use self::document::Document;
use self::split::Chunk;
use crate::change::{Observed, Place};
use crate::problem::Problem;

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    /// The objects of kinds that Tulle knows, in the order of the file.
    pub(crate) objects: Vec<Declared>,
    /// What is wrong.
    pub(crate) problems: Vec<Problem>,
    /// How many documents of which `apiVersion` and `kind` are passed over.
    pub(crate) passed_over: BTreeMap<(String, String), usize>,
    /// Whether there is a document of which it cannot be told what object it holds. Objects that
    /// the file no longer names may then be in that document.
    pub(crate) unreadable_documents: bool,
}

/// An object that a file names.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) key: ObjectKey,
    /// `None` where its kind's definition rejects it.
    pub(crate) observed: Option<Arc<Observed>>,
}

/// Documents of a file that were read before, by a hash of their text: those that a save leaves as
/// they were need not be read again.
#[derive(Debug, Default)]
pub(crate) struct Known(HashMap<u128, Arc<Document>>);

/// Reads the text of a file. Never fails: what is wrong becomes a problem. Gives back what can be
/// known the next time, too.
pub(crate) fn read(file: &Arc<Path>, text: &str, known: &Known) -> (Manifest, Known) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (chunks, json_error) = if file.extension().is_some_and(|name| name == "json") {
        split::json(text)
    } else {
        (split::yaml(text), None)
    };
    let chunks: Vec<_> = chunks
        .into_iter()
        .map(|chunk| (xxh3_128(chunk.text.as_bytes()), chunk))
        .collect();

    let documents = Known(documents(file, &chunks, known));
    let mut manifest = Manifest::default();
    for (hash, chunk) in &chunks {
        if let Some(document) = documents.0.get(hash) {
            manifest.add(document, chunk.lines_before);
        }
    }
    if let Some(error) = json_error {
        let rest = Document::read(file, Err(parse::explain_json(&error)));
        manifest.add(&rest, 0);
    }
    (manifest, documents)
}

fn documents(
    file: &Arc<Path>,
    chunks: &[(u128, Chunk<'_>)],
    known: &Known,
) -> HashMap<u128, Arc<Document>> {
    let mut documents = HashMap::with_capacity(chunks.len());
    let mut unknown = Vec::new();
    let mut values = 0;
    for (hash, chunk) in chunks {
        match known.0.get(hash) {
            Some(document) => {
                values += document.values;
                documents.insert(*hash, Arc::clone(document));
            }
            None => unknown.push((*hash, *chunk)),
        }
    }
    let (hashes, unknown): (Vec<_>, Vec<_>) = unknown.into_iter().unzip();
    let parsed = parse::parse(&unknown, values);
    for (hash, parsed) in hashes.into_iter().zip(parsed) {
        documents.insert(hash, Arc::new(Document::read(file, parsed)));
    }
    documents
}

impl Manifest {
    /// Adds a document that begins after this many lines of the file.
    fn add(&mut self, document: &Document, lines_before: u32) {
        let moved = |place: &Option<Place>| {
            place.clone().map(|place| Place {
                line: place.line.saturating_add(lines_before),
                ..place
            })
        };
        self.objects.extend(document.objects.iter().map(|declared| {
            let observed = declared.observed.as_ref().map(|observed| {
                Arc::new(Observed {
                    place: moved(&observed.place),
                    ..Observed::clone(observed)
                })
            });
            Declared {
                key: declared.key.clone(),
                observed,
            }
        }));
        self.problems
            .extend(document.problems.iter().map(|problem| Problem {
                place: moved(&problem.place),
                ..problem.clone()
            }));
        for (kind, count) in &document.passed_over {
            *self.passed_over.entry(kind.clone()).or_default() += count;
        }
        self.unreadable_documents |= document.is_unreadable;
    }
}

#[cfg(test)]
mod tests;
