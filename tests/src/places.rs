//! Where in manifests a field is set.

use serde_json::Value;

use crate::schema::Node;

/// A field of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which document.
    pub document: usize,
    /// Keys and indices from the document's root to the field.
    pub steps: Vec<String>,
}

impl Place {
    /// A JSON pointer, that many steps above the field.
    pub fn pointer(&self, up: usize) -> String {
        let steps = &self.steps[..self.steps.len() - up];
        steps.iter().map(|step| format!("/{step}")).collect()
    }
}

/// Every place where a field is set.
pub fn places(documents: &[Value], node: &Node) -> Vec<Place> {
    let mut places = Vec::new();
    let of_kind = documents.iter().enumerate();
    for (document, value) in of_kind.filter(|(_, value)| value["kind"] == *node.kind) {
        let mut found = vec![(vec!["spec".to_owned()], &value["spec"])];
        for segment in node.path.split('.') {
            let (key, is_list) = match segment.strip_suffix("[]") {
                Some(key) => (key, true),
                None => (segment, false),
            };
            let mut next = Vec::new();
            for (steps, value) in found {
                let Some(value) = value.get(key) else {
                    continue;
                };
                let mut steps = steps;
                steps.push(key.to_owned());
                if !is_list {
                    next.push((steps, value));
                    continue;
                }
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    let mut steps = steps.clone();
                    steps.push(index.to_string());
                    next.push((steps, value));
                }
            }
            found = next;
        }
        places.extend(
            found
                .into_iter()
                .map(|(steps, _)| Place { document, steps }),
        );
    }
    places
}

/// Manifests with another value `up` steps above a place; `None` if it is the value already.
pub fn changed(documents: &[Value], place: &Place, up: usize, to: &Value) -> Option<Vec<Value>> {
    let mut documents = documents.to_vec();
    let document = &mut documents[place.document];
    if to.is_null() {
        let parent = document.pointer_mut(&place.pointer(up + 1))?;
        parent
            .as_object_mut()?
            .remove(&place.steps[place.steps.len() - up - 1])?;
        return Some(documents);
    }
    let value = document.pointer_mut(&place.pointer(up))?;
    let to = match (to.get("not"), &value) {
        (Some(_), Value::Bool(before)) => Value::Bool(!*before),
        _ => to.clone(),
    };
    if *value == to {
        return None;
    }
    *value = to;
    Some(documents)
}

/// Whether a text is as a pattern says, in which `*` stands for any text.
pub fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| fits(rest, &text[at..]))
        }),
    }
}
