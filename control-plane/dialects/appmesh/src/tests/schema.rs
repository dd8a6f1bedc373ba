//! The schemas of the seven kinds, walked.

use serde_json::{Map, Value};

/// A step down a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a member.
    Key(String),
    /// Into the first entry of a list.
    First,
    /// Into the entry of a map under [`ENTRY`].
    Entry,
}

/// The key by which maps are filled.
pub(super) const ENTRY: &str = "alpha";

/// Each kind with the schema of its spec.
pub(super) fn specs() -> Vec<(String, Value)> {
    tulle_crds::crd::appmesh_crds()
        .iter()
        .map(|crd| {
            let crd = serde_json::to_value(crd).unwrap();
            let kind = crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
            let root = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
            (kind, root["properties"]["spec"].clone())
        })
        .collect()
}

/// The paths of all scalars below a schema.
pub(super) fn leaves(schema: &Value) -> Vec<Vec<Step>> {
    fn walk(schema: &Value, at: &mut Vec<Step>, leaves: &mut Vec<Vec<Step>>) {
        for (step, below) in children(schema) {
            at.push(step);
            walk(below, at, leaves);
            at.pop();
        }
        if !matches!(schema["type"].as_str(), Some("object" | "array")) {
            leaves.push(at.clone());
        }
    }
    let mut leaves = Vec::new();
    walk(schema, &mut Vec::new(), &mut leaves);
    leaves
}

fn children(schema: &Value) -> Vec<(Step, &Value)> {
    if let Some(properties) = schema["properties"].as_object() {
        return properties
            .iter()
            .map(|(key, below)| (Step::Key(key.clone()), below))
            .collect();
    }
    if schema["additionalProperties"].is_object() {
        return vec![(Step::Entry, &schema["additionalProperties"])];
    }
    if schema["items"].is_object() {
        return vec![(Step::First, &schema["items"])];
    }
    Vec::new()
}

/// The schema at the end of a path.
pub(super) fn below<'a>(schema: &'a Value, path: &[Step]) -> &'a Value {
    path.iter().fold(schema, |schema, step| {
        children(schema)
            .into_iter()
            .find(|(known, _)| known == step)
            .unwrap()
            .1
    })
}

/// A path as findings write it.
pub(super) fn text(path: &[Step]) -> String {
    path.iter()
        .fold("spec".to_owned(), |text, step| match step {
            Step::Key(key) => format!("{text}.{key}"),
            Step::First => format!("{text}[0]"),
            Step::Entry => format!("{text}.{ENTRY}"),
        })
}

/// Puts a value at the end of a path; what is missing on the way is made as small as the schema
/// allows. `None` takes it away instead.
pub(super) fn put(target: &mut Value, schema: &Value, path: &[Step], leaf: Option<Value>) {
    let Some((step, rest)) = path.split_first() else {
        *target = leaf.unwrap_or(Value::Null);
        return;
    };
    let next = below(schema, std::slice::from_ref(step));
    let key = match step {
        Step::First => {
            if !target.is_array() {
                *target = Value::Array(Vec::new());
            }
            let entries = target.as_array_mut().unwrap();
            if rest.is_empty() && leaf.is_none() {
                entries.clear();
                return;
            }
            if entries.is_empty() {
                entries.push(minimal(next));
            }
            return put(&mut entries[0], next, rest, leaf);
        }
        Step::Key(key) => key.as_str(),
        Step::Entry => ENTRY,
    };
    if !target.is_object() {
        *target = minimal(schema);
    }
    let members = target.as_object_mut().unwrap();
    if rest.is_empty() && leaf.is_none() {
        members.remove(key);
        return;
    }
    let member = members.entry(key).or_insert_with(|| minimal(next));
    put(member, next, rest, leaf);
}

/// The smallest value that a schema allows.
fn minimal(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten();
            let members = required.map(|key| {
                let key = key.as_str().unwrap();
                (key.to_owned(), minimal(&schema["properties"][key]))
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        Some("array") => match schema["minItems"].as_u64() {
            Some(1..) => vec![minimal(&schema["items"])].into(),
            _ => Value::Array(Vec::new()),
        },
        _ => values(schema).remove(0),
    }
}

/// Values worth trying for a scalar; the first is harmless.
pub(super) fn values(schema: &Value) -> Vec<Value> {
    const TEXTS: &[&str] = &[
        "alpha",
        "beta",
        "/alpha/",
        "/beta/",
        "In",
        "NotIn",
        "arn:aws:appmesh:r:1:mesh/m/virtualNode/alpha",
        "arn:aws:appmesh:r:1:mesh/m/virtualService/alpha",
        "arn:aws:appmesh:r:1:mesh/m/virtualRouter/alpha",
        "arn:aws:appmesh:r:1:mesh/m/virtualNode/beta",
        "arn:aws:appmesh:r:1:mesh/m/virtualService/beta",
        "arn:aws:appmesh:r:1:mesh/m/virtualRouter/beta",
    ];
    if let Some(values) = schema["enum"].as_array() {
        return values.clone();
    }
    match schema["type"].as_str() {
        Some("boolean") => vec![true.into(), false.into()],
        Some("integer") => {
            let bound = |key: &str| schema[key].as_f64().map(|bound| bound as i64);
            let (min, max) = (
                bound("minimum").unwrap_or(0),
                bound("maximum").unwrap_or(i64::MAX),
            );
            let inside = [1, 2, 80, 81, min, max];
            inside
                .into_iter()
                .filter(|n| (min..=max).contains(n))
                .map(Value::from)
                .collect()
        }
        _ => TEXTS.iter().map(|text| (*text).into()).collect(),
    }
}
