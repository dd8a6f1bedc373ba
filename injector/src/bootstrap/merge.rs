//! Files of a user's put into a bootstrap, by the rules of App Mesh's agent: a tracer and the tags are replaced, sinks, listeners,
//! clusters and secrets are added, other fields are set.

use serde_json::{Map, Value};
use tulle_proto::from_yaml;

/// Fields of which one file alone may speak.
const ONCE: [&str; 2] = ["tracing", "stats_config"];
/// Without these an Envoy would be no part of the mesh.
const OURS: [&str; 3] = ["admin", "dynamic_resources", "node"];
const STATICS: &str = "static_resources";
const SINKS: &str = "stats_sinks";
/// What `static_resources` lists.
const LISTS: [&str; 3] = ["clusters", "listeners", "secrets"];

/// Files that cannot be put in.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// Not one YAML or JSON document.
    #[error("{file}: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// Two files say it, or one in both spellings.
    #[error("{file}: {field} is set already; set it once")]
    Twice {
        /// The second file.
        file: String,
        /// The field.
        field: String,
    },
    /// What no user can set.
    #[error("{file}: {field} is Tulle's; leave it out")]
    Ours {
        /// The file.
        file: String,
        /// The field.
        field: String,
    },
    /// Not of the type that Envoy wants.
    #[error("{file}: {field} is no {expected}")]
    Type {
        /// The file.
        file: String,
        /// The field.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// Puts files, by name and text, into a bootstrap. The result is JSON, which Envoy reads in files whose names end in `.json`.
///
/// # Errors
/// The first file that is not understood.
pub fn merge(base: &str, files: &[(String, String)]) -> Result<String, MergeError> {
    let mut bootstrap = fields("the bootstrap", base)?;
    let mut said: Vec<String> = Vec::new();
    for (file, text) in files {
        for (key, value) in fields(file, text)? {
            let field = snake_case(&key);
            if OURS.contains(&field.as_str()) {
                let file = file.clone();
                return Err(MergeError::Ours { file, field: key });
            }
            if field == STATICS {
                statics(&mut bootstrap, file, value)?;
            } else if field == SINKS {
                append(&mut bootstrap, file, SINKS, value)?;
            } else {
                if ONCE.contains(&field.as_str()) && said.contains(&field) {
                    let file = file.clone();
                    return Err(MergeError::Twice { file, field });
                }
                said.push(field.clone());
                bootstrap.insert(field, value);
            }
        }
    }
    Ok(Value::Object(bootstrap).to_string())
}

fn fields(file: &str, text: &str) -> Result<Map<String, Value>, MergeError> {
    let unreadable = |reason: String| MergeError::Unreadable {
        file: file.to_owned(),
        reason,
    };
    let fields = match from_yaml(text).map_err(|error| unreadable(error.to_string()))? {
        Value::Object(fields) => fields,
        _ => return Err(unreadable("it holds no fields of a bootstrap".to_owned())),
    };
    let mut seen: Vec<String> = Vec::new();
    for key in fields.keys() {
        let field = snake_case(key);
        if seen.contains(&field) {
            let file = file.to_owned();
            return Err(MergeError::Twice { file, field });
        }
        seen.push(field);
    }
    Ok(fields)
}

fn statics(bootstrap: &mut Map<String, Value>, file: &str, value: Value) -> Result<(), MergeError> {
    let wrong = |field: &str| MergeError::Type {
        file: file.to_owned(),
        field: field.to_owned(),
        expected: "object of clusters, listeners and secrets",
    };
    let Value::Object(more) = value else {
        return Err(wrong(STATICS));
    };
    let ours = bootstrap
        .entry(STATICS)
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
        .ok_or_else(|| wrong(STATICS))?;
    for (list, value) in more {
        if !LISTS.contains(&list.as_str()) {
            return Err(wrong(&format!("{STATICS}.{list}")));
        }
        append(ours, file, &list, value)?;
    }
    Ok(())
}

fn append(
    into: &mut Map<String, Value>,
    file: &str,
    field: &str,
    value: Value,
) -> Result<(), MergeError> {
    let wrong = || MergeError::Type {
        file: file.to_owned(),
        field: field.to_owned(),
        expected: "list",
    };
    let mut more = match value {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        _ => return Err(wrong()),
    };
    into.entry(field)
        .or_insert_with(|| Value::Array(Vec::new()))
        .as_array_mut()
        .ok_or_else(wrong)?
        .append(&mut more);
    Ok(())
}

/// Envoy takes fields in both spellings.
fn snake_case(key: &str) -> String {
    let mut snake = String::with_capacity(key.len());
    for c in key.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "static_resources: {clusters: [{name: xds}]}\nstats_config: {stats_tags: [{tag_name: a}]}\n";

    fn merged(files: &[&str]) -> Result<Value, String> {
        let files: Vec<(String, String)> = files
            .iter()
            .enumerate()
            .map(|(n, text)| (format!("file {n}"), (*text).to_owned()))
            .collect();
        merge(BASE, &files)
            .map(|text| serde_json::from_str(&text).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn lists_grow_and_the_rest_is_replaced() {
        let merged = merged(&[
            "tracing: {http: {name: t}}\nstaticResources: {clusters: [{name: c}], listeners: [{name: l}]}",
            "{\"statsConfig\": {\"stats_tags\": []}, \"stats_sinks\": [{\"name\": \"s\"}]}",
            "statsSinks: [{name: z}]\nstats_flush_interval: 3s",
        ])
        .unwrap();
        assert_eq!(
            merged,
            serde_json::json!({
                "static_resources": { "clusters": [{ "name": "xds" }, { "name": "c" }], "listeners": [{ "name": "l" }] },
                "tracing": { "http": { "name": "t" } },
                "stats_config": { "stats_tags": [] },
                "stats_sinks": [{ "name": "s" }, { "name": "z" }],
                "stats_flush_interval": "3s",
            })
        );
    }

    #[test]
    fn what_is_wrong_is_said_of_the_file() {
        for (files, word) in [
            (
                &["tracing: {}", "tracing: {}"][..],
                "file 1: tracing is set",
            ),
            (&["stats_sinks: []\nstatsSinks: []"], "stats_sinks is set"),
            (&["dynamicResources: {}"], "dynamicResources is Tulle's"),
            (&["node: {id: x}"], "node is Tulle's"),
            (&["static_resources: []"], "static_resources is no object"),
            (
                &["static_resources: {runtime: []}"],
                "static_resources.runtime",
            ),
            (&["stats_sinks: {}"], "stats_sinks is no list"),
            (&["- a"], "file 0: it holds no fields"),
            (&["a: [}"], "file 0: "),
        ] {
            let error = merged(files).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
