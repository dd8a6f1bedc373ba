//! Reading and changing a pod that is JSON.

use serde_json::{Map, Value};

use super::Rejection;

/// An object inside of another, made if it is not there.
pub(super) fn object<'a>(
    parent: &'a mut Value,
    key: &str,
) -> Result<&'a mut Map<String, Value>, Rejection> {
    let value = member(parent, key)?;
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value
        .as_object_mut()
        .ok_or_else(|| Rejection::Malformed(format!("{key} is no object")))
}

/// A list inside of an object, made if it is not there.
pub(super) fn list<'a>(parent: &'a mut Value, key: &str) -> Result<&'a mut Vec<Value>, Rejection> {
    let value = member(parent, key)?;
    if value.is_null() {
        *value = Value::Array(Vec::new());
    }
    value
        .as_array_mut()
        .ok_or_else(|| Rejection::Malformed(format!("{key} is no list")))
}

fn member<'a>(parent: &'a mut Value, key: &str) -> Result<&'a mut Value, Rejection> {
    let parent = parent
        .as_object_mut()
        .ok_or_else(|| Rejection::Malformed(format!("what holds {key} is no object")))?;
    Ok(parent.entry(key).or_insert(Value::Null))
}

/// The pod's `spec`.
pub(super) fn spec(pod: &mut Value) -> Result<&mut Value, Rejection> {
    pod.get_mut("spec")
        .filter(|spec| spec.is_object())
        .ok_or_else(|| Rejection::Malformed("it has no spec".to_owned()))
}

/// Sets an annotation.
pub(super) fn annotate(pod: &mut Value, key: &str, value: String) -> Result<(), Rejection> {
    object(pod, "metadata")?;
    let annotations = object(&mut pod["metadata"], "annotations")?;
    annotations.insert(key.to_owned(), Value::String(value));
    Ok(())
}

/// Takes annotations away that Tulle alone writes: what stands there was copied from another pod, or made up.
pub(super) fn forget(pod: &mut Value, keys: &[&str]) {
    let annotations = pod
        .get_mut("metadata")
        .and_then(|metadata| metadata.get_mut("annotations"))
        .and_then(Value::as_object_mut);
    if let Some(annotations) = annotations {
        annotations.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

/// A label or annotation; `of` is `labels` or `annotations`.
pub(super) fn meta<'a>(pod: &'a Value, of: &str, key: &str) -> Option<&'a str> {
    pod.get("metadata")?.get(of)?.get(key)?.as_str()
}

/// An annotation.
pub(super) fn annotation<'a>(pod: &'a Value, key: &str) -> Option<&'a str> {
    meta(pod, "annotations", key)
}

/// The items of a list under `spec`; none if there is no such list.
pub(super) fn items<'a>(pod: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    pod.get("spec")
        .and_then(|spec| spec.get(key))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// `name` of a container, volume or port.
pub(super) fn name(item: &Value) -> &str {
    item.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// Adds an item to a list of named things, unless one of the name is there that `same` accepts.
pub(super) fn add(
    items: &mut Vec<Value>,
    item: Value,
    what: &str,
    same: impl Fn(&Value) -> bool,
) -> Result<(), Rejection> {
    match items.iter().find(|known| name(known) == name(&item)) {
        None => items.push(item),
        Some(known) if same(known) => {}
        Some(_) => {
            return Err(Rejection::Taken {
                what: format!("{what} {}", name(&item)),
            });
        }
    }
    Ok(())
}
