//! An analysis as one JSON document, whose form is a promise (`docs/analyze.md`).

use serde_json::{Value, json};
use tulle_model::Severity;

use super::{Analysis, Statement};

/// The document.
pub fn json(analysis: &Analysis) -> Value {
    let passed_over: Vec<Value> = analysis
        .passed_over
        .iter()
        .map(|((api_version, kind), count)| {
            json!({ "apiVersion": api_version, "kind": kind, "count": count })
        })
        .collect();
    json!({
        "apiVersion": crate::config::API_VERSION,
        "kind": "Analysis",
        "summary": {
            "objects": analysis.objects,
            "errors": analysis.count(Severity::Error),
            "warnings": analysis.count(Severity::Warning),
            "infos": analysis.count(Severity::Info),
        },
        "findings": analysis.statements.iter().map(finding).collect::<Vec<Value>>(),
        "passedOver": passed_over,
    })
}

/// Every field is always there; null where there is nothing to put in it.
fn finding(statement: &Statement) -> Value {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let number = |number: u32| (number > 0).then_some(number);
    let place = statement.place.as_ref();
    json!({
        "severity": statement.severity,
        "code": statement.code,
        "object": statement.object,
        "field": text(&statement.field),
        "file": place.map(|place| place.file.display().to_string()),
        "line": place.and_then(|place| number(place.line)),
        "column": place.and_then(|place| number(place.column)),
        "message": statement.message,
        "help": text(&statement.help),
    })
}
