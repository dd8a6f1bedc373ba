//! Holds a value against a structural schema as the API server does: what the schema forbids is a
//! violation, fields that it does not know are taken out and named, nulls count as absent, and
//! whole numbers written as `5.0` become integers.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::{Map, Number, Value};

use crate::decode::Violation;
use crate::field_path::FieldPath;

/// What a check found, in the order of the schema's properties.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What the schema forbids.
    pub(crate) violations: Vec<Violation>,
    /// What the schema does not know; it has been taken out of the value.
    pub(crate) unknown_fields: Vec<FieldPath>,
}

/// Checks `value`, which stands at `path`, and prunes it.
pub(crate) fn check(schema: &JSONSchemaProps, value: &mut Value, path: &FieldPath) -> Report {
    let mut report = Report::default();
    check_value(schema, value, path, &mut report);
    report
}

/// The integer that a number is, however it was written. `None` outside `i64`.
pub(crate) fn as_whole_number(number: &Number) -> Option<i64> {
    // 2^63 as a float is exact; every float strictly below it fits.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|_| number.is_f64())?;
        (float.fract() == 0.0 && (-LIMIT..LIMIT).contains(&float)).then_some(float as i64)
    })
}

fn check_value(schema: &JSONSchemaProps, value: &mut Value, path: &FieldPath, report: &mut Report) {
    let mut violate = |message: String, help: Option<String>| {
        report.violations.push(Violation {
            path: path.clone(),
            message,
            help,
        });
    };
    match (schema.type_.as_deref(), &mut *value) {
        (Some("object"), Value::Object(members)) => check_object(schema, members, path, report),
        (Some("array"), Value::Array(items)) => check_list(schema, items, path, report),
        (Some("string"), Value::String(text)) => {
            if let Some((message, help)) = string_violation(schema, text) {
                violate(message, help);
            }
        }
        (Some("integer"), Value::Number(number)) => match as_whole_number(number) {
            Some(integer) => match bounds_violation(schema, integer) {
                Some(message) => violate(message, None),
                None => *value = integer.into(),
            },
            None => violate(format!("expected a whole number, found {number}"), None),
        },
        (Some("boolean"), Value::Bool(_)) | (None, _) => {}
        (Some(expected), found) => violate(
            format!(
                "expected {}, found {}",
                type_name(expected),
                describe(found)
            ),
            type_help(expected, found),
        ),
    }
}

fn check_object(
    schema: &JSONSchemaProps,
    members: &mut Map<String, Value>,
    path: &FieldPath,
    report: &mut Report,
) {
    members.retain(|_, value| !value.is_null());
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
        for (key, value) in members.iter_mut() {
            check_value(values, value, &path.key(key), report);
        }
        return;
    }

    let empty = std::collections::BTreeMap::new();
    let properties = schema.properties.as_ref().unwrap_or(&empty);
    let mut unknown: Vec<String> = members
        .keys()
        .filter(|key| !properties.contains_key(*key))
        .cloned()
        .collect();
    unknown.sort();

    for name in schema
        .required
        .iter()
        .flatten()
        .filter(|name| !members.contains_key(*name))
    {
        report.violations.push(Violation {
            path: path.key(name),
            message: "required, but missing".to_owned(),
            help: (!unknown.is_empty()).then(|| format!("not known here: {}", unknown.join(", "))),
        });
    }
    for (name, property) in properties {
        if let Some(value) = members.get_mut(name) {
            check_value(property, value, &path.key(name), report);
        }
    }
    for name in unknown {
        members.remove(&name);
        report.unknown_fields.push(path.key(name));
    }
}

fn check_list(
    schema: &JSONSchemaProps,
    items: &mut [Value],
    path: &FieldPath,
    report: &mut Report,
) {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let message = match (schema.min_items, schema.max_items) {
        (Some(min), _) if length < min => Some(format!("expected at least {}", entries(min))),
        (_, Some(max)) if length > max => Some(format!("expected at most {}", entries(max))),
        _ => None,
    };
    if let Some(message) = message {
        report.violations.push(Violation {
            path: path.clone(),
            message: format!("{message}, found {length}"),
            help: None,
        });
    }
    if let Some(JSONSchemaPropsOrArray::Schema(element)) = &schema.items {
        for (index, item) in items.iter_mut().enumerate() {
            check_value(element, item, &path.index(index), report);
        }
    }
}

fn entries(count: i64) -> String {
    if count == 1 {
        "1 entry".to_owned()
    } else {
        format!("{count} entries")
    }
}

fn string_violation(schema: &JSONSchemaProps, text: &str) -> Option<(String, Option<String>)> {
    if let Some(allowed) = &schema.enum_ {
        let allowed: Vec<&str> = allowed
            .iter()
            .filter_map(|value| value.0.as_str())
            .collect();
        if !allowed.contains(&text) {
            let help = allowed
                .iter()
                .find(|value| value.eq_ignore_ascii_case(text))
                .map(|value| format!("write {value}"));
            let message = format!(
                "expected one of {}, found {}",
                allowed.join(", "),
                quoted(text)
            );
            return Some((message, help));
        }
    }
    // Kubernetes counts code points, not bytes.
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    match (schema.min_length, schema.max_length) {
        (Some(min), _) if length < min => Some((
            format!("expected at least {}, found {length}", characters(min)),
            None,
        )),
        (_, Some(max)) if length > max => Some((
            format!("expected at most {}, found {length}", characters(max)),
            None,
        )),
        _ => None,
    }
}

fn characters(count: i64) -> String {
    if count == 1 {
        "1 character".to_owned()
    } else {
        format!("{count} characters")
    }
}

fn bounds_violation(schema: &JSONSchemaProps, integer: i64) -> Option<String> {
    let float = integer as f64;
    let too_small = schema.minimum.is_some_and(|minimum| float < minimum);
    let too_large = schema.maximum.is_some_and(|maximum| float > maximum);
    (too_small || too_large).then(|| match (schema.minimum, schema.maximum) {
        (Some(minimum), Some(maximum)) => {
            format!("expected a number from {minimum} to {maximum}, found {integer}")
        }
        (Some(minimum), None) => format!("expected a number from {minimum} on, found {integer}"),
        (None, maximum) => {
            format!(
                "expected a number up to {}, found {integer}",
                maximum.unwrap_or_default()
            )
        }
    })
}

fn type_name(schema_type: &str) -> &str {
    match schema_type {
        "object" => "an object",
        "array" => "a list",
        "string" => "a string",
        "integer" => "a whole number",
        "boolean" => "true or false",
        other => other,
    }
}

/// A value in a few words.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(value) => quoted(value),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn type_help(expected: &str, found: &Value) -> Option<String> {
    match (expected, found) {
        ("string", Value::Number(number)) => Some(format!("put it in quotes: \"{number}\"")),
        ("string", Value::Bool(_)) => Some("put it in quotes".to_owned()),
        ("integer", Value::String(text)) if text.trim().parse::<i64>().is_ok() => {
            Some("leave out the quotes".to_owned())
        }
        ("boolean", Value::String(text)) if matches!(text.as_str(), "true" | "false") => {
            Some("leave out the quotes".to_owned())
        }
        ("array", Value::Object(_)) => Some("begin each entry with \"- \"".to_owned()),
        ("object", Value::Array(_)) => Some("leave out the \"- \"".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
