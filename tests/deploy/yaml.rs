//! YAML files of several documents.

use serde_json::Value;

/// Every document of a text that holds more than comments.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    text.split("\n---")
        .map(|part| part.strip_prefix("---").unwrap_or(part))
        .filter(|part| {
            part.lines()
                .any(|line| !line.trim().is_empty() && !line.starts_with('#'))
        })
        .map(one)
        .collect()
}

/// A text of one document.
pub(crate) fn one(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("no YAML: {error}\n{text}"))
}
