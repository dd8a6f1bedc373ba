//! A plan as one JSON document, whose form is a promise (`docs/migrate-from-appmesh.md`).

use serde_json::{Value, json};
use tulle_source::Place;

use super::controller::Values;
use super::{Item, Note, Plan, Verdict};

/// The document.
pub fn json(plan: &Plan, values: Option<&Values>) -> Value {
    json!({
        "apiVersion": crate::config::API_VERSION,
        "kind": "Migration",
        "summary": {
            "asIs": plan.count(Verdict::AsIs),
            "differs": plan.count(Verdict::Differs),
            "decide": plan.count(Verdict::Decide),
            "unconcerned": plan.unconcerned,
        },
        "objects": plan.items.iter().map(item).collect::<Vec<Value>>(),
        "remarks": plan.remarks,
        "chartValues": values.map(|values| json!({
            "values": values.values,
            "notes": values
                .notes
                .iter()
                .map(|(value, why)| json!({ "value": value, "why": why }))
                .collect::<Vec<Value>>(),
        })),
    })
}

fn item(item: &Item) -> Value {
    let mut value = placed(item.place.as_ref());
    value["object"] = item.title.clone().into();
    value["verdict"] = json!(item.verdict());
    value["notes"] = item.notes.iter().map(note).collect();
    value
}

fn note(note: &Note) -> Value {
    let mut value = placed(note.place.as_ref());
    value["verdict"] = json!(note.verdict);
    value["field"] = json!((!note.field.is_empty()).then_some(&note.field));
    value["what"] = note.what.clone().into();
    let key = match note.verdict {
        Verdict::Decide => "choices",
        _ => "instead",
    };
    value[key] = json!(note.instead);
    value
}

fn placed(place: Option<&Place>) -> Value {
    let number = |number: u32| (number > 0).then_some(number);
    json!({
        "file": place.map(|place| place.file.display().to_string()),
        "line": place.and_then(|place| number(place.line)),
        "column": place.and_then(|place| number(place.column)),
    })
}
