//! From the text of an object, as the API server sends it, to an observed object.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tulle_crds::{Kind, ObjectKey, decode};
use xxhash_rust::xxh3::xxh3_64;

use super::letter::Content;
use super::records::Record;
use super::sieve::sift;
use super::slot::Slot;
use super::watch::version_of;
use crate::change::Observed;
use crate::problem::{Problem, ProblemKind, Severity};
use crate::prune::prune;

/// An object that was read, and not decoded yet: mostly it says what it said before, which is told by a hash.
#[derive(Debug)]
pub(super) struct Reading {
    /// Its name.
    pub(super) slot: Slot,
    /// A hash of its uid.
    pub(super) uid: u64,
    /// The version in which it is.
    pub(super) version: Option<String>,
    /// Its record, where one is kept.
    pub(super) record: Option<Record>,
    /// What some room reads of it, or why it cannot be read.
    pub(super) pruned: Result<(Value, Content), serde_json::Error>,
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
    let mut value = match sift(kind, text.get()) {
        Ok(value) => value,
        Err(error) => {
            let (slot, uid) = name(kind, text)?;
            return Ok(Reading {
                slot,
                uid,
                version: version_of(text),
                record: None,
                pruned: Err(error),
            });
        }
    };
    let metadata = value.get("metadata");
    let member = |key: &str| metadata.and_then(|metadata| metadata.get(key)?.as_str());
    let (slot, uid) = match member("name") {
        Some(name) => (
            slot(kind, member("namespace"), name),
            hash_of_uid(member("uid")),
        ),
        None => name(kind, text)?,
    };
    let version = member("resourceVersion").filter(|version| !version.is_empty());
    let version = version.map(str::to_owned);
    let record = Record::read(kind, &mut value);
    prune(kind, &mut value);
    let content = Content::of(&value);
    Ok(Reading {
        slot,
        uid,
        version,
        record,
        pruned: Ok((value, content)),
    })
}

/// Reads only an object's name.
pub(super) fn name(kind: Kind, text: &RawValue) -> Result<(Slot, u64), serde_json::Error> {
    let Named { metadata } = serde_json::from_str(text.get())?;
    let slot = slot(kind, metadata.namespace.as_deref(), &metadata.name);
    Ok((slot, hash_of_uid(metadata.uid.as_deref())))
}

fn slot(kind: Kind, namespace: Option<&str>, name: &str) -> Slot {
    match namespace {
        _ if !kind.is_namespaced() => Slot::new("", name),
        None | Some("") => Slot::new("default", name),
        Some(given) => Slot::new(given, name),
    }
}

fn hash_of_uid(uid: Option<&str>) -> u64 {
    xxh3_64(uid.unwrap_or_default().as_bytes())
}

/// The object that was read, or everything that is wrong with it.
pub(super) fn observe(
    key: &ObjectKey,
    pruned: Result<(Value, Content), serde_json::Error>,
    generation: Option<i64>,
) -> Result<(Observed, Content), Vec<Problem>> {
    let (value, content) = pruned.map_err(|error| {
        let message = format!("cannot be read: {error}");
        // What an API server sends is JSON; it may only be nested more deeply than is read.
        let help = "nest it less deeply: 128 levels are read";
        vec![problem(key, None, message, Some(help.to_owned()))]
    })?;
    // A flaw of ours that one object brings to light must not stop the others.
    let decoded =
        catch_unwind(AssertUnwindSafe(|| decoded(key.kind, key, value))).unwrap_or_else(|_| {
            let message = "reading it failed by a mistake in Tulle; please report this object";
            Err(vec![problem(key, None, message.to_owned(), None)])
        });
    let observed = Observed {
        generation,
        ..decoded?
    };
    Ok((observed, content))
}

/// Reads an object of a kind as an API server lists it, for use without a watch.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_object(kind: Kind, mut value: Value) -> Result<Observed, Vec<Problem>> {
    let text = |key: &str| value.get("metadata")?.get(key)?.as_str().map(str::to_owned);
    let key = ObjectKey {
        kind,
        namespace: kind
            .is_namespaced()
            .then(|| text("namespace").unwrap_or_else(|| "default".to_owned())),
        name: text("name").unwrap_or_default(),
    };
    prune(kind, &mut value);
    decoded(kind, &key, value)
}

/// Decodes an object that was pruned.
fn decoded(kind: Kind, key: &ObjectKey, mut value: Value) -> Result<Observed, Vec<Problem>> {
    if let Value::Object(root) = &mut value {
        // Items of a list and metadata alone do not name the kind.
        root.insert("apiVersion".to_owned(), kind.api_version().into());
        root.insert("kind".to_owned(), kind.as_str().into());
    }
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
