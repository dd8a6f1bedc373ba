//! An analysis as SARIF 2.1.0, which code hosts and editors show beside the lines.

use std::path::{Component, Path};

use serde_json::{Map, Value, json};
use tulle_model::codes::{self, Code};
use tulle_model::{ObjectId, Severity};
use tulle_source::Place;

use super::{Analysis, Statement};

/// The document: one run, a rule for every code, a result for every statement.
pub fn sarif(analysis: &Analysis) -> Value {
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "tulle",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes::ALL.iter().map(|code| rule(*code)).collect::<Vec<Value>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": analysis.statements.iter().map(result).collect::<Vec<Value>>(),
        }],
    })
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.word(),
        "shortDescription": { "text": code.meaning() },
        "help": { "text": code.way_out() },
        "defaultConfiguration": { "level": level(code.usual_severity()) },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn result(statement: &Statement) -> Value {
    let mut location = Map::new();
    if let Some(place) = &statement.place {
        location.insert("physicalLocation".to_owned(), physical(place));
    }
    if let Some(object) = &statement.object {
        let field = &statement.field;
        location.insert(
            "logicalLocations".to_owned(),
            json!([logical(object, field)]),
        );
    }
    let mut message = statement.message.clone();
    if !statement.help.is_empty() {
        message.push_str("; ");
        message.push_str(&statement.help);
    }
    let mut result = json!({
        "ruleId": statement.code.word(),
        "ruleIndex": codes::ALL.iter().position(|code| *code == statement.code),
        "level": level(statement.severity),
        "message": { "text": message },
        // What it is about stays the same when lines move.
        "partialFingerprints": { "tulleFinding/v1": fingerprint(statement) },
    });
    if !location.is_empty() {
        result["locations"] = json!([location]);
    }
    result
}

fn physical(place: &Place) -> Value {
    let mut physical = json!({ "artifactLocation": { "uri": uri(&place.file) } });
    // A region begins at line 1; the whole file has none.
    if place.line > 0 {
        let mut region = json!({ "startLine": place.line });
        if place.column > 0 {
            region["startColumn"] = place.column.into();
        }
        physical["region"] = region;
    }
    physical
}

fn logical(object: &ObjectId, field: &str) -> Value {
    let mut whole = object.to_string();
    if !field.is_empty() {
        whole.push_str(": ");
        whole.push_str(field);
    }
    json!({
        "name": object.name,
        "fullyQualifiedName": whole,
        "kind": if field.is_empty() { "object" } else { "property" },
    })
}

/// A path as a URI reference: relative ones are relative to wherever the run was.
fn uri(path: &Path) -> String {
    let mut uri = String::new();
    for component in path.components() {
        match component {
            Component::RootDir => uri.push_str("file:///"),
            Component::CurDir => {}
            Component::Prefix(prefix) => escape(&prefix.as_os_str().to_string_lossy(), &mut uri),
            Component::ParentDir | Component::Normal(_) => {
                if !uri.is_empty() && !uri.ends_with('/') {
                    uri.push('/');
                }
                escape(&component.as_os_str().to_string_lossy(), &mut uri);
            }
        }
    }
    uri
}

/// What RFC 3986 allows in a segment of a path stays; the rest is percent-encoded. A colon too: the first segment of a
/// relative reference may hold none.
fn escape(segment: &str, uri: &mut String) {
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => uri.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b'@' | b'+' | b',' | b'=' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
}

fn fingerprint(statement: &Statement) -> String {
    let object = statement.object.as_ref().map(ToString::to_string);
    let parts = (
        statement.code.word(),
        object.unwrap_or_default(),
        &statement.field,
        &statement.message,
    );
    tulle_model::hash::fingerprint_of(&parts)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::uri;

    #[test]
    fn paths_become_uri_references() {
        for (path, expected) in [
            ("shop/front.yaml", "shop/front.yaml"),
            ("./shop//a b.yaml", "shop/a%20b.yaml"),
            ("../c:d.yaml", "../c%3Ad.yaml"),
            ("/etc/größe.json", "file:///etc/gr%C3%B6%C3%9Fe.json"),
        ] {
            assert_eq!(uri(Path::new(path)), expected);
        }
    }
}
