//! What the webhook writes into new objects.

use serde_json::{Value, json};
use tulle_appmesh::admit::{AdmitRequest, Listing, Operation, Phase, admit};
use tulle_crds::{Kind, decode};
use tulle_tests::places::Place;

/// The webhook writes the field.
pub(crate) const WEBHOOK: &str = "webhook";

/// Whether a field is written by the webhook, if the object is made without what holds it: the UID of the object that it
/// refers to.
pub(crate) fn writes(documents: &[Value], place: &Place) -> bool {
    let mut object = documents[place.document].clone();
    let parent = object
        .pointer_mut(&place.pointer(2))
        .and_then(Value::as_object_mut);
    let held = parent.and_then(|parent| parent.remove(&place.steps[place.steps.len() - 2]));
    let uid = &held.expect("it is set")["uid"];
    let before = written(documents, &object);
    let mut others = documents.to_vec();
    for other in others
        .iter_mut()
        .filter(|other| other["metadata"]["uid"] == *uid)
    {
        other["metadata"]["uid"] = json!("another");
    }
    before != written(&others, &object)
}

fn written(documents: &[Value], object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut listing = Listing::default();
    for document in documents {
        let (version, kind) = (text(&document["apiVersion"]), text(&document["kind"]));
        let decoded = decode(&version, &kind, document.clone()).expect("a valid object");
        decoded
            .iter()
            .for_each(|decoded| listing.put(&decoded.object));
    }
    let kind = Kind::from_manifest(&text(&object["apiVersion"]), &text(&object["kind"]));
    let request = AdmitRequest {
        phase: Phase::Mutating,
        operation: Operation::Create,
        kind: kind.expect("a kind"),
        namespace: &text(&object["metadata"]["namespace"]),
        name: &text(&object["metadata"]["name"]),
        subresource: "",
        object,
        old_object: &Value::Null,
    };
    let verdict = admit(&request, &listing);
    format!("{:?}", verdict.patch)
}
