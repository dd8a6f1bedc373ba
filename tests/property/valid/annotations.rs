//! Annotations of Tulle's own.

use serde_json::{Value, json};

use super::{Dice, Listener, Service};

/// The document with an annotation, if there is one to write.
pub(super) fn annotated(mut document: Value, key: &str, value: Option<String>) -> Value {
    if let Some(value) = value {
        document["metadata"]["annotations"][key] = value.into();
    }
    document
}

/// Limits of some of an object's listeners.
pub(super) fn rate_limit(dice: &mut Dice, listeners: &[Listener]) -> Option<String> {
    let mut limits = Vec::new();
    for listener in listeners {
        if !dice.chance(25) {
            continue;
        }
        let counted = match listener.protocol {
            "tcp" => "connections",
            _ => "requests",
        };
        let mut limit = json!({
            "port": listener.port,
            counted: dice.pick(&[1_u32, 100, u32::MAX]),
            "per": dice.pick(&["50ms", "1s", "1m30s", "24h"]),
        });
        if dice.chance(50) {
            limit["burst"] = dice.pick(&[1_u32, 7, u32::MAX]).into();
        }
        limits.push(limit);
    }
    (!limits.is_empty()).then(|| Value::from(limits).to_string())
}

/// More hosts, which no other service has.
pub(super) fn host_aliases(dice: &mut Dice, service: &Service) -> Option<String> {
    let Service {
        name, namespace, ..
    } = service;
    let all = [
        format!("{name}-of-{namespace}"),
        format!("{name}.{namespace}.Example.com"),
        format!("_{name}-{namespace}.svc"),
    ];
    let some = dice.some(&all);
    dice.chance(30)
        .then(|| some.join(", "))
        .filter(|text| !text.is_empty())
}
