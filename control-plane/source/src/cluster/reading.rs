//! From the text of an object, as the API server sends it, to an observed object.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tulle_crds::{Kind, ObjectKey, decode};
use xxhash_rust::xxh3::xxh3_128;

use super::records::Record;
use crate::change::Observed;
use crate::problem::{Problem, ProblemKind, Severity};
use crate::prune::prune;

/// An object that was read.
#[derive(Debug)]
pub(super) struct Reading {
    /// Its name.
    pub(super) key: ObjectKey,
    /// A hash of its uid.
    pub(super) uid: u128,
    /// Its record, where one is kept.
    pub(super) record: Option<Record>,
    /// The object, or everything that is wrong with it.
    pub(super) observed: Result<Observed, Vec<Problem>>,
}

/// The part of an object that names it, whatever else it holds.
#[derive(Debug, Deserialize)]
struct Named {
    metadata: NamedMetadata,
}

#[derive(Debug, Deserialize)]
struct NamedMetadata {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    uid: Option<String>,
}

/// Reads an object of a kind. `Err` says why not even its name can be read, which no API server
/// sends.
pub(super) fn read(kind: Kind, text: &RawValue) -> Result<Reading, serde_json::Error> {
    let (key, uid) = name(kind, text)?;
    let mut record = None;
    // A flaw of ours that one object brings to light must not stop the others.
    let observed = catch_unwind(AssertUnwindSafe(|| observe(kind, &key, text, &mut record)))
        .unwrap_or_else(|_| {
            let message = "reading it failed by a mistake in Tulle; please report this object";
            Err(vec![problem(&key, None, message.to_owned(), None)])
        });
    Ok(Reading {
        key,
        uid,
        record,
        observed,
    })
}

/// Reads only an object's name.
pub(super) fn name(kind: Kind, text: &RawValue) -> Result<(ObjectKey, u128), serde_json::Error> {
    let Named { metadata } = serde_json::from_str(text.get())?;
    let namespace = kind.is_namespaced().then(|| {
        let given = metadata.namespace.filter(|given| !given.is_empty());
        given.unwrap_or_else(|| "default".to_owned())
    });
    let key = ObjectKey {
        kind,
        namespace,
        name: metadata.name,
    };
    Ok((key, xxh3_128(metadata.uid.unwrap_or_default().as_bytes())))
}

fn observe(
    kind: Kind,
    key: &ObjectKey,
    text: &RawValue,
    record: &mut Option<Record>,
) -> Result<Observed, Vec<Problem>> {
    let mut value: Value = serde_json::from_str(text.get()).map_err(|error| {
        let message = format!("cannot be read: {error}");
        // What an API server sends is JSON; it may only be nested more deeply than is read.
        let help = "nest it less deeply: 128 levels are read";
        vec![problem(key, None, message, Some(help.to_owned()))]
    })?;
    *record = Record::read(kind, &mut value);
    let mut observed = decoded(kind, key, value)?;
    observed.generation = record.as_ref().and_then(|record| record.generation);
    Ok(observed)
}

/// Reads an object of a kind as an API server lists it, for use without a watch.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_object(kind: Kind, value: Value) -> Result<Observed, Vec<Problem>> {
    let text = |key: &str| value.get("metadata")?.get(key)?.as_str().map(str::to_owned);
    let key = ObjectKey {
        kind,
        namespace: kind
            .is_namespaced()
            .then(|| text("namespace").unwrap_or_else(|| "default".to_owned())),
        name: text("name").unwrap_or_default(),
    };
    decoded(kind, &key, value)
}

fn decoded(kind: Kind, key: &ObjectKey, mut value: Value) -> Result<Observed, Vec<Problem>> {
    if let Value::Object(root) = &mut value {
        // Items of a list and metadata alone do not name the kind.
        root.insert("apiVersion".to_owned(), kind.api_version().into());
        root.insert("kind".to_owned(), kind.as_str().into());
    }
    prune(kind, &mut value);
    match decode(kind.api_version(), kind.as_str(), value) {
        Ok(Some(decoded)) => Ok(Observed {
            object: decoded.object,
            unknown_fields: decoded.unknown_fields,
            place: None,
            generation: None,
        }),
        Ok(None) => {
            let message = format!("{kind} is no kind that Tulle reads");
            Err(vec![problem(key, None, message, None)])
        }
        Err(error) => {
            let violations = error.violations.into_iter();
            Err(violations
                .map(|violation| {
                    let field = (!violation.path.is_root()).then(|| violation.path.to_string());
                    problem(key, field, violation.message, violation.help)
                })
                .collect())
        }
    }
}

fn problem(
    key: &ObjectKey,
    field: Option<String>,
    message: String,
    help: Option<String>,
) -> Problem {
    Problem {
        place: None,
        severity: Severity::Error,
        kind: ProblemKind::Rejected,
        object: Some(key.clone()),
        field,
        message,
        help,
    }
}
