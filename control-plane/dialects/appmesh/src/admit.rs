//! Admission of App Mesh objects: what the webhooks of App Mesh's own controller wrote into an object, what they refused, and
//! of what AWS refused later a warning at once.
//!
//! Pure: a request and what the cluster holds go in, a [`Verdict`] comes out, so a dry run is the same as the real thing. What
//! admission writes, [`crate::translate`] and the index assume by themselves where it is absent: nothing depends on it
//! having run.
//!
//! - Deletion, subresources, objects that are being deleted and updates that leave `spec` as it is always pass: a finalizer
//!   can be taken from an object that today's rules would refuse.
//! - Manifests that App Mesh's webhooks let pass, gaps in their rules included, pass here. The rest of what is wrong becomes a
//!   warning, and a condition on the object.

use json_patch::Patch;
use serde_json::{Map, Value};
use tulle_crds::Kind;

mod defaults;
mod denial;
mod directory;
mod immutable;
mod limits;
mod membership;
mod rules;
mod stored;
mod warnings;

pub use denial::{Denial, DenialKind};
pub use directory::{Directory, GatewayRecord, IpFamily, Listing, MeshRecord};
pub use limits::aws_limits;

use stored::Stored;

/// Which of the two webhooks asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before the object is held against its schema: defaults are written, membership is decided.
    Mutating,
    /// After it: the rules are applied, warnings are given.
    Validating,
}

/// What is done to the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// It is new.
    Create,
    /// It changes.
    Update,
    /// It goes.
    Delete,
}

/// One question of the API server.
#[derive(Clone, Copy)]
pub struct AdmitRequest<'a> {
    /// Which webhook asks.
    pub phase: Phase,
    /// What is done.
    pub operation: Operation,
    /// The object's kind.
    pub kind: Kind,
    /// The object's namespace; empty for a Mesh.
    pub namespace: &'a str,
    /// The object's name; empty where the API server makes it up later.
    pub name: &'a str,
    /// The subresource, such as `status`; empty for the object itself.
    pub subresource: &'a str,
    /// The object as it would be stored; null where it is deleted.
    pub object: &'a Value,
    /// The object as it is stored; null where it is new.
    pub old_object: &'a Value,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    /// What is written into the object; empty in [`Phase::Validating`].
    pub patch: Patch,
    /// Why the object is refused, if it is.
    pub denied: Option<Denial>,
    /// What the user hears though the object is accepted: at most a few, each under 256 bytes, without control characters.
    pub warnings: Vec<String>,
}

impl Verdict {
    fn denied(denial: Denial) -> Self {
        Self {
            denied: Some(denial),
            ..Self::default()
        }
    }
}

/// Judges one request. Objects of kinds that are not App Mesh's pass.
pub fn admit(request: &AdmitRequest<'_>, directory: &dyn Directory) -> Verdict {
    let Some(subject) = Subject::of(request) else {
        return Verdict::default();
    };
    match request.phase {
        Phase::Mutating => defaults::mutate(&subject, directory),
        Phase::Validating => validate(&subject),
    }
}

fn validate(subject: &Subject<'_>) -> Verdict {
    let mut faults = Vec::new();
    if let Some(old) = &subject.old {
        faults.extend(immutable::check(subject, old));
    }
    // The API server has held the object against the schema it knows, which may be another edition of ours.
    let decoded = match tulle_crds::decode(
        tulle_crds::appmesh::API_VERSION,
        subject.kind.as_str(),
        subject.named_value(),
    ) {
        Ok(Some(decoded)) => decoded,
        Ok(None) => return Verdict::default(),
        Err(error) => {
            return match denial::of_faults(subject, faults) {
                Some(denial) => Verdict::denied(denial),
                None => Verdict {
                    warnings: warnings::of_violations(&error.violations),
                    ..Verdict::default()
                },
            };
        }
    };
    faults.extend(rules::check(&decoded.object));
    match denial::of_faults(subject, faults) {
        Some(denial) => Verdict::denied(denial),
        None => Verdict {
            warnings: warnings::of_object(&decoded.object, &decoded.unknown_fields),
            ..Verdict::default()
        },
    }
}

/// The object in question, where there is anything to judge.
struct Subject<'a> {
    operation: Operation,
    kind: Kind,
    namespace: &'a str,
    /// Its name, or the beginning of one that the API server makes up later.
    shown_name: &'a str,
    new: Stored<'a>,
    old: Option<Stored<'a>>,
}

impl<'a> Subject<'a> {
    fn of(request: &AdmitRequest<'a>) -> Option<Self> {
        let kind = request.kind;
        if kind.group() != tulle_crds::appmesh::GROUP || !request.subresource.is_empty() {
            return None;
        }
        let object = request.object.as_object()?;
        let old = match request.operation {
            Operation::Create => None,
            Operation::Update => Some(request.old_object.as_object()?),
            Operation::Delete => return None,
        };
        let metadata = object.get("metadata").and_then(Value::as_object);
        let text = |key: &str| metadata?.get(key)?.as_str();
        if text("deletionTimestamp").is_some() {
            return None;
        }
        if old.is_some_and(|old| stored::spec_value(old) == stored::spec_value(object)) {
            return None;
        }
        let name = match request.name {
            "" => text("name").unwrap_or_default(),
            name => name,
        };
        let stored =
            |object: &'a Map<String, Value>| Stored::new(object, kind, request.namespace, name);
        Some(Self {
            operation: request.operation,
            kind,
            namespace: request.namespace,
            shown_name: if name.is_empty() {
                text("generateName").unwrap_or_default()
            } else {
                name
            },
            new: stored(object),
            old: old.map(stored),
        })
    }

    /// `VirtualRouter shop/color`, or `Mesh color`.
    fn title(&self) -> String {
        let name = self.shown_name;
        match self.namespace {
            "" => format!("{} {name}", self.kind),
            namespace => format!("{} {namespace}/{name}", self.kind),
        }
    }

    /// A copy of the object that says its name and namespace, which the request may say alone.
    fn named_value(&self) -> Value {
        let mut object = self.new.object.clone();
        let metadata = object
            .entry("metadata")
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(metadata) = metadata {
            let name = match self.new.name {
                "" => "unnamed",
                name => name,
            };
            metadata.insert("name".to_owned(), name.into());
            if self.kind.is_namespaced() {
                metadata.insert("namespace".to_owned(), self.namespace.into());
            }
        }
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests;
