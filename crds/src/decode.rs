//! From an untyped object to a typed one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::crd;
use crate::field_path::{FieldPath, Segment};
use crate::kind::Kind;
use crate::object::{Object, ObjectKey};
use crate::schema_check::{self, Schema, describe};

/// An object that was decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The object.
    pub object: Object,
    /// Paths of the fields that the kind's schema does not know, such as
    /// `spec.backendDefaults.clientPolicy.tls.mode`. They were passed over, as Kubernetes prunes
    /// them. Only App Mesh kinds are looked through.
    pub unknown_fields: Vec<String>,
}

/// A field that an object's kind does not allow as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Where in the object.
    pub path: FieldPath,
    /// What was expected and what was found.
    pub message: String,
    /// A way out, where one is plain.
    pub help: Option<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_root() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

/// An object that its kind's definition rejects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The object's kind.
    pub kind: Kind,
    /// The object, where its name and namespace could be read.
    pub object: Option<ObjectKey>,
    /// Everything that is wrong with it; at least one entry.
    pub violations: Vec<Violation>,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.object {
            Some(object) => write!(f, "{object}")?,
            None => write!(f, "{}", self.kind)?,
        }
        for (index, violation) in self.violations.iter().enumerate() {
            write!(f, "{}{violation}", if index == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for DecodeError {}

/// Turns an object of any kind into a typed one. Namespaced objects without a namespace get
/// `default`; for kinds of the whole cluster a namespace is dropped, as Kubernetes does both.
///
/// `None` for a kind that Tulle does not know.
///
/// # Errors
/// An App Mesh object that its CustomResourceDefinition rejects, one of Kubernetes' own kinds with
/// a field of the wrong type, or a name that Kubernetes does not allow.
pub fn decode(
    api_version: &str,
    kind: &str,
    mut value: Value,
) -> Result<Option<Decoded>, DecodeError> {
    let Some(kind) = Kind::from_manifest(api_version, kind) else {
        return Ok(None);
    };
    let (object, mut violations) = match &mut value {
        Value::Object(root) => read_name(kind, root),
        other => {
            let message = format!("expected an object, found {}", describe(other));
            (
                None,
                vec![Violation {
                    path: FieldPath::root(),
                    message,
                    help: None,
                }],
            )
        }
    };

    let mut unknown_fields = Vec::new();
    if let (Some(schema), Value::Object(root)) = (SCHEMAS.get(&kind), &mut value) {
        // The schema does not speak of the fields that every object has.
        let common: Vec<_> = ["apiVersion", "kind", "metadata"]
            .into_iter()
            .filter_map(|key| root.remove_entry(key))
            .collect();
        let report = schema_check::check(schema, &mut value, &FieldPath::root());
        violations.extend(report.violations);
        unknown_fields = report
            .unknown_fields
            .iter()
            .map(ToString::to_string)
            .collect();
        if let Value::Object(root) = &mut value {
            root.extend(common);
        }
    } else if kind == Kind::Pod {
        numbers_as_quantities(&mut value);
    }

    if violations.is_empty() {
        match typed(kind, value) {
            Ok(object) => {
                return Ok(Some(Decoded {
                    object,
                    unknown_fields,
                }));
            }
            Err(violation) => violations.push(violation),
        }
    }
    Err(DecodeError {
        kind,
        object,
        violations,
    })
}

static SCHEMAS: LazyLock<BTreeMap<Kind, Schema>> = LazyLock::new(|| {
    Kind::ALL
        .into_iter()
        .filter_map(|kind| Some((kind, crd::root_schema(kind)?.into())))
        .collect()
});

fn typed(kind: Kind, value: Value) -> Result<Object, Violation> {
    fn of<T: DeserializeOwned + Into<Object>>(value: Value) -> Result<Object, Violation> {
        match serde_path_to_error::deserialize::<_, T>(value) {
            Ok(object) => Ok(object.into()),
            Err(error) => Err(Violation {
                path: field_path(error.path()),
                message: error.inner().to_string(),
                help: None,
            }),
        }
    }
    use crate::{appmesh, core};
    match kind {
        Kind::Namespace => of::<core::Namespace>(value),
        Kind::Service => of::<core::Service>(value),
        Kind::EndpointSlice => of::<core::EndpointSlice>(value),
        Kind::Pod => of::<core::Pod>(value),
        Kind::Node => of::<core::Node>(value),
        Kind::Mesh => of::<appmesh::Mesh>(value),
        Kind::VirtualNode => of::<appmesh::VirtualNode>(value),
        Kind::VirtualService => of::<appmesh::VirtualService>(value),
        Kind::VirtualRouter => of::<appmesh::VirtualRouter>(value),
        Kind::VirtualGateway => of::<appmesh::VirtualGateway>(value),
        Kind::GatewayRoute => of::<appmesh::GatewayRoute>(value),
        Kind::BackendGroup => of::<appmesh::BackendGroup>(value),
    }
}

fn field_path(path: &serde_path_to_error::Path) -> FieldPath {
    path.iter()
        .filter_map(|segment| match segment {
            serde_path_to_error::Segment::Seq { index } => Some(Segment::Index(*index)),
            serde_path_to_error::Segment::Map { key } => Some(Segment::Key(key.clone())),
            serde_path_to_error::Segment::Enum { variant } => Some(Segment::Key(variant.clone())),
            serde_path_to_error::Segment::Unknown => None,
        })
        .collect()
}

/// Reads who the object is and sets the namespace that it lives in.
fn read_name(kind: Kind, root: &mut Map<String, Value>) -> (Option<ObjectKey>, Vec<Violation>) {
    let mut violations = Vec::new();
    let path = FieldPath::root().key("metadata");
    let mut violate = |path: FieldPath, message: String, help: Option<String>| {
        violations.push(Violation {
            path,
            message,
            help,
        });
    };

    let metadata = match root.get_mut("metadata") {
        Some(Value::Object(metadata)) => metadata,
        Some(other) if !other.is_null() => {
            violate(
                path,
                format!("expected an object, found {}", describe(other)),
                None,
            );
            return (None, violations);
        }
        _ => {
            violate(path.key("name"), "required, but missing".to_owned(), None);
            return (None, violations);
        }
    };

    let mut text = |key: &str| match metadata.get(key) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if key == "namespace" && text.is_empty() => None,
        Some(Value::String(text)) => {
            if let Some((message, help)) = name_violation(text) {
                violate(path.key(key), message, help);
            }
            Some(text.clone())
        }
        Some(other) => {
            let message = format!("expected a string, found {}", describe(other));
            let scalar = matches!(other, Value::Bool(_) | Value::Number(_));
            violate(
                path.key(key),
                message,
                scalar.then(|| "put it in quotes".to_owned()),
            );
            None
        }
    };
    let name = text("name");
    let namespace = kind.is_namespaced().then(|| text("namespace"));
    let missing = matches!(metadata.get("name"), None | Some(Value::Null));
    if missing {
        violate(path.key("name"), "required, but missing".to_owned(), None);
    }

    let namespace = namespace.map(|given| given.unwrap_or_else(|| "default".to_owned()));
    match &namespace {
        Some(namespace) => {
            metadata.insert("namespace".to_owned(), Value::String(namespace.clone()));
        }
        None => {
            metadata.remove("namespace");
        }
    }
    let key = name.filter(|name| !name.is_empty()).map(|name| ObjectKey {
        kind,
        namespace,
        name,
    });
    (key, violations)
}

/// What is wrong with a name by Kubernetes' rule for the names of objects (RFC 1123 subdomain).
fn name_violation(name: &str) -> Option<(String, Option<String>)> {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = name.len() <= 253
        && name.split('.').all(|label| {
            label.starts_with(alphanumeric)
                && label.ends_with(alphanumeric)
                && label.chars().all(|c| alphanumeric(c) || c == '-')
        });
    if good {
        return None;
    }
    let help = if name.contains("${") || name.contains("{{") {
        "a template variable: fill in the template first".to_owned()
    } else {
        "lower-case letters, digits, '-' and '.', at most 253, beginning and ending with a letter or digit".to_owned()
    };
    Some((
        format!("{name:?} is not a name that Kubernetes allows"),
        Some(help),
    ))
}

/// Kubernetes takes numbers for resource quantities, the typed Pod only strings.
fn numbers_as_quantities(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(numbers_as_quantities),
        Value::Object(members) => {
            for (key, member) in members {
                match (key.as_str(), member) {
                    ("limits" | "requests" | "overhead", Value::Object(quantities)) => {
                        quantities.values_mut().for_each(number_as_string);
                    }
                    ("sizeLimit" | "divisor", quantity) => number_as_string(quantity),
                    (_, member) => numbers_as_quantities(member),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn number_as_string(value: &mut Value) {
    if let Value::Number(number) = value {
        *value = Value::String(number.to_string());
    }
}

#[cfg(test)]
mod tests;
