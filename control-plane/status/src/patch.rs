//! From the status on record to the one that should be there: nothing, or a merge patch.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::desired::{AppMeshStatus, Condition, REJECTED_BY_ENVOY};
use crate::kind::Kind;

/// The merge patch of `status` that makes `recorded` say what is desired; `None` if it says so already. What is not ours
/// (conditions of other types, fields that are not known) stays. A condition that keeps its status keeps its time.
pub(crate) fn patch(
    kind: &Kind,
    desired: &AppMeshStatus,
    recorded: &Value,
    now: Timestamp,
) -> Option<Value> {
    let mut patch = Map::new();
    let condition = desired.condition.as_ref()?;
    if let Some(conditions) = conditions(condition, &recorded["conditions"], now) {
        patch.insert("conditions".to_owned(), conditions);
    }
    let mut set = |field: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|value| recorded[field] != *value) {
            patch.insert(field.to_owned(), value);
        }
    };
    set("observedGeneration", desired.generation.map(Value::from));
    set(&kind.arn_field(), desired.arn.clone().map(Value::from));
    if let Some(routes) = &desired.routes {
        let mut changes = Map::new();
        let old = recorded["routeARNs"].as_object();
        for (name, arn) in routes {
            if old.and_then(|old| old.get(name)).and_then(Value::as_str) != Some(arn) {
                changes.insert(name.clone(), json!(arn));
            }
        }
        for name in old.into_iter().flat_map(Map::keys) {
            if !routes.contains_key(name) {
                changes.insert(name.clone(), Value::Null);
            }
        }
        if !changes.is_empty() {
            patch.insert("routeARNs".to_owned(), Value::Object(changes));
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Whether the status on record says that proxies refuse the generation that `desired` speaks of.
pub(crate) fn records_refusal(desired: &AppMeshStatus, recorded: &Value) -> bool {
    let on_record = desired
        .condition
        .as_ref()
        .and_then(|condition| ours(condition, &recorded["conditions"]));
    on_record.is_some_and(|on_record| {
        on_record["status"] == "False" && on_record["reason"] == REJECTED_BY_ENVOY
    }) && recorded["observedGeneration"].as_i64() == desired.generation
}

/// The message that our condition has on record; empty where there is none.
pub(crate) fn recorded_message<'a>(condition: &Condition, recorded: &'a Value) -> &'a str {
    ours(condition, &recorded["conditions"])
        .and_then(|on_record| on_record["message"].as_str())
        .unwrap_or_default()
}

fn ours<'a>(condition: &Condition, recorded: &'a Value) -> Option<&'a Value> {
    let recorded = recorded.as_array()?;
    recorded
        .iter()
        .find(|on_record| on_record["type"] == *condition.type_)
}

/// The list of conditions with ours in it; `None` if it is there as it should be.
fn conditions(condition: &Condition, recorded: &Value, now: Timestamp) -> Option<Value> {
    let on_record = ours(condition, recorded);
    let status = if condition.active { "True" } else { "False" };
    let text = |field: &str| on_record.and_then(|on_record| on_record[field].as_str());
    let same_status = text("status") == Some(status);
    if same_status
        && text("reason") == Some(&*condition.reason)
        && text("message").unwrap_or_default() == condition.message
    {
        return None;
    }
    let kept = text("lastTransitionTime").filter(|time| same_status && !time.is_empty());
    let time = kept.map_or_else(|| seconds(now), str::to_owned);
    let mut all: Vec<Value> = recorded
        .as_array()
        .into_iter()
        .flatten()
        .filter(|other| other["type"] != *condition.type_)
        .cloned()
        .collect();
    all.push(json!({
        "type": condition.type_,
        "status": status,
        "reason": condition.reason,
        "message": condition.message,
        "lastTransitionTime": time,
    }));
    Some(Value::Array(all))
}

fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

#[cfg(test)]
mod tests;
