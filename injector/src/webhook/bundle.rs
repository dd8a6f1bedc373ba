//! The CA bundle that webhook configurations carry, so that the API server trusts this server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, ReplaceOperation, TestOperation};
use serde_json::Value;

/// The configuration cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {name}: webhooks[{index}]: {what}")]
pub struct BundleError {
    /// The configuration's kind.
    pub kind: String,
    /// The configuration's name.
    pub name: String,
    /// Which of its webhooks.
    pub index: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

/// The patch that gives every webhook of a MutatingWebhookConfiguration or ValidatingWebhookConfiguration exactly these CA
/// certificates (PEM); `None` where that is so already.
///
/// Each change is tied to the webhook's name, so a patch made of an old reading fails where their order has changed.
///
/// # Errors
/// A webhook without a name or clientConfig, which no API server stores.
pub fn ca_bundle_patch(configuration: &Value, ca_pem: &str) -> Result<Option<Patch>, BundleError> {
    let bundle = STANDARD.encode(ca_pem);
    let webhooks = configuration.get("webhooks").and_then(Value::as_array);
    let mut operations = Vec::new();
    for (index, webhook) in webhooks.into_iter().flatten().enumerate() {
        let error = |what| BundleError {
            kind: text(configuration, "/kind"),
            name: text(configuration, "/metadata/name"),
            index,
            what,
        };
        let name = webhook.get("name").and_then(Value::as_str);
        let name = name.ok_or_else(|| error("it has no name"))?;
        let client = webhook.get("clientConfig").and_then(Value::as_object);
        let client = client.ok_or_else(|| error("it has no clientConfig"))?;
        let found = client.get("caBundle");
        if found.and_then(Value::as_str) == Some(&bundle) {
            continue;
        }
        let index = index.to_string();
        operations.push(PatchOperation::Test(TestOperation {
            path: PointerBuf::from_tokens(["webhooks", &index, "name"]),
            value: name.into(),
        }));
        let path = PointerBuf::from_tokens(["webhooks", &index, "clientConfig", "caBundle"]);
        let value = Value::from(bundle.as_str());
        operations.push(match found {
            Some(_) => PatchOperation::Replace(ReplaceOperation { path, value }),
            None => PatchOperation::Add(AddOperation { path, value }),
        });
    }
    Ok((!operations.is_empty()).then_some(Patch(operations)))
}

fn text(value: &Value, pointer: &str) -> String {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CA: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";

    fn configuration(bundles: [Option<&str>; 3]) -> Value {
        let webhooks: Vec<Value> = bundles
            .iter()
            .enumerate()
            .map(|(index, bundle)| {
                let mut client = json!({"service": {"name": "tulle", "namespace": "tulle-system"}});
                if let Some(bundle) = bundle {
                    client["caBundle"] = (*bundle).into();
                }
                json!({"name": format!("{index}.tulle.dev"), "clientConfig": client})
            })
            .collect();
        json!({"kind": "MutatingWebhookConfiguration", "metadata": {"name": "tulle"}, "webhooks": webhooks})
    }

    #[test]
    fn only_what_differs_is_changed_and_then_nothing() {
        let good = STANDARD.encode(CA);
        let mut configuration = configuration([None, Some("b2xk"), Some(&good)]);
        let patch = ca_bundle_patch(&configuration, CA).unwrap().unwrap();
        assert_eq!(
            serde_json::to_value(&patch).unwrap(),
            json!([
                {"op": "test", "path": "/webhooks/0/name", "value": "0.tulle.dev"},
                {"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": good},
                {"op": "test", "path": "/webhooks/1/name", "value": "1.tulle.dev"},
                {"op": "replace", "path": "/webhooks/1/clientConfig/caBundle", "value": good},
            ])
        );
        json_patch::patch(&mut configuration, &patch).unwrap();
        assert_eq!(ca_bundle_patch(&configuration, CA), Ok(None));
    }

    #[test]
    fn another_order_is_noticed() {
        let patch = ca_bundle_patch(&configuration([None, None, None]), CA)
            .unwrap()
            .unwrap();
        let mut reordered = configuration([None, None, None]);
        reordered["webhooks"].as_array_mut().unwrap().reverse();
        assert!(json_patch::patch(&mut reordered, &patch).is_err());
    }

    #[test]
    fn what_is_no_configuration() {
        assert_eq!(ca_bundle_patch(&json!({}), CA), Ok(None));
        assert_eq!(ca_bundle_patch(&json!(null), CA), Ok(None));
        let error = ca_bundle_patch(
            &json!({"kind": "K", "metadata": {"name": "n"}, "webhooks": [{"name": "a"}]}),
            CA,
        );
        assert_eq!(
            error.unwrap_err().to_string(),
            "K n: webhooks[0]: it has no clientConfig"
        );
    }
}
