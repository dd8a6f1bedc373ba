//! Where the pods are in a manifest.

use serde_json::Value;

/// A pod, or what pods are made from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// The object that holds it, such as `Deployment shop/front`.
    pub(super) object: String,
    /// The namespace of its pods.
    pub(super) namespace: String,
    /// A JSON pointer into the document.
    pub(super) path: String,
}

/// Every pod of a document; `default` is the namespace of objects that name none.
pub(super) fn templates(document: &Value, default: &str) -> Vec<Template> {
    let mut found = Vec::new();
    collect(document, default, String::new(), &mut found);
    found
}

fn collect(value: &Value, default: &str, at: String, found: &mut Vec<Template>) {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let kind = text("kind");
    let pod = match (text("apiVersion"), kind) {
        ("v1", "List") => {
            let items = value.get("items").and_then(Value::as_array);
            for (index, item) in items.into_iter().flatten().enumerate() {
                collect(item, default, format!("{at}/items/{index}"), found);
            }
            return;
        }
        ("v1", "Pod") => "",
        ("apps/v1", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet")
        | ("batch/v1", "Job")
        | ("v1", "ReplicationController") => "/spec/template",
        ("batch/v1", "CronJob") => "/spec/jobTemplate/spec/template",
        _ => return,
    };
    let metadata = |key: &str| {
        value
            .get("metadata")
            .and_then(|metadata| metadata.get(key))
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let namespace = metadata("namespace").unwrap_or(default).to_owned();
    let name = metadata("name").or_else(|| metadata("generateName"));
    found.push(Template {
        object: format!("{kind} {namespace}/{}", name.unwrap_or_default()),
        namespace,
        path: format!("{at}{pod}"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_found_wherever_they_are_made_from() {
        let document: Value = serde_json::json!({
            "apiVersion": "v1", "kind": "List", "items": [
                { "apiVersion": "v1", "kind": "Pod", "metadata": { "generateName": "a-" } },
                { "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "b", "namespace": "shop" } },
                { "apiVersion": "v1", "kind": "Service", "metadata": { "name": "c" } },
                { "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "d" } },
                7,
            ],
        });
        let found: Vec<(String, String)> = templates(&document, "default")
            .into_iter()
            .map(|template| (template.object, template.path))
            .collect();
        assert_eq!(
            found,
            [
                ("Pod default/a-".to_owned(), "/items/0".to_owned()),
                (
                    "CronJob shop/b".to_owned(),
                    "/items/1/spec/jobTemplate/spec/template".to_owned()
                ),
                (
                    "DaemonSet default/d".to_owned(),
                    "/items/3/spec/template".to_owned()
                ),
            ]
        );
    }
}
