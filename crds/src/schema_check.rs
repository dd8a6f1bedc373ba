//! Holds a value against a structural schema as the API server does: what the schema forbids is a
//! violation, fields that it does not know are taken out and named, nulls count as absent, and
//! whole numbers written as `5.0` become integers.

mod schema;

use serde_json::{Map, Number, Value};

pub(crate) use self::schema::Schema;
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
pub(crate) fn check(schema: &Schema, value: &mut Value, path: &FieldPath) -> Report {
    let mut report = Report::default();
    check_value(schema, value, Trail::Start(path), &mut report);
    report
}

/// Where a check stands. Made into a path only where there is something to say: most objects are as they should be.
#[derive(Clone, Copy)]
enum Trail<'a> {
    Start(&'a FieldPath),
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

impl Trail<'_> {
    fn path(&self) -> FieldPath {
        match self {
            Self::Start(path) => (*path).clone(),
            Self::Key(before, key) => before.path().key(*key),
            Self::Index(before, index) => before.path().index(*index),
        }
    }
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

fn check_value(schema: &Schema, value: &mut Value, at: Trail<'_>, report: &mut Report) {
    let mut violate = |message: String, help: Option<String>| {
        report.violations.push(Violation {
            path: at.path(),
            message,
            help,
        });
    };
    match (schema, &mut *value) {
        (
            Schema::Object {
                properties,
                required,
            },
            Value::Object(members),
        ) => check_object(properties, required, members, at, report),
        (Schema::Map(values), Value::Object(members)) => {
            members.retain(|_, value| !value.is_null());
            for (key, value) in members.iter_mut() {
                check_value(values, value, Trail::Key(&at, key), report);
            }
        }
        (Schema::List { items, least, most }, Value::Array(list)) => {
            if let Some(message) = length_violation(*least, *most, list.len()) {
                violate(message, None);
            }
            for (index, item) in list.iter_mut().enumerate() {
                check_value(items, item, Trail::Index(&at, index), report);
            }
        }
        (
            Schema::Text {
                allowed,
                least,
                most,
            },
            Value::String(text),
        ) => {
            let violation = allowed
                .as_ref()
                .and_then(|allowed| choice_violation(allowed, text))
                .or_else(|| Some((characters_violation(*least, *most, text)?, None)));
            if let Some((message, help)) = violation {
                violate(message, help);
            }
        }
        (Schema::Integer { least, most }, Value::Number(number)) => match as_whole_number(number) {
            Some(integer) => match bounds_violation(*least, *most, integer) {
                Some(message) => violate(message, None),
                None => *value = integer.into(),
            },
            None => violate(format!("expected a whole number, found {number}"), None),
        },
        (Schema::Boolean, Value::Bool(_)) | (Schema::Any, _) => {}
        (expected, found) => violate(
            format!("expected {}, found {}", name(expected), describe(found)),
            type_help(expected, found),
        ),
    }
}

fn check_object(
    properties: &[(Box<str>, Schema)],
    required: &[Box<str>],
    members: &mut Map<String, Value>,
    at: Trail<'_>,
    report: &mut Report,
) {
    members.retain(|_, value| !value.is_null());
    let mut unknown: Vec<String> = members
        .keys()
        .filter(|key| Schema::property(properties, key).is_none())
        .cloned()
        .collect();
    unknown.sort();

    for name in required {
        if !members.contains_key(&**name) {
            report.violations.push(Violation {
                path: at.path().key(&**name),
                message: "required, but missing".to_owned(),
                help: (!unknown.is_empty())
                    .then(|| format!("not known here: {}", unknown.join(", "))),
            });
        }
    }
    for (name, property) in properties {
        if let Some(value) = members.get_mut(&**name) {
            check_value(property, value, Trail::Key(&at, name), report);
        }
    }
    for name in unknown {
        members.remove(&name);
        report.unknown_fields.push(at.path().key(name));
    }
}

fn length_violation(least: Option<i64>, most: Option<i64>, length: usize) -> Option<String> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let message = match (least, most) {
        (Some(least), _) if length < least => format!("expected at least {}", entries(least)),
        (_, Some(most)) if length > most => format!("expected at most {}", entries(most)),
        _ => return None,
    };
    Some(format!("{message}, found {length}"))
}

fn entries(count: i64) -> String {
    if count == 1 {
        "1 entry".to_owned()
    } else {
        format!("{count} entries")
    }
}

fn choice_violation(allowed: &[Box<str>], text: &str) -> Option<(String, Option<String>)> {
    if allowed.iter().any(|value| **value == *text) {
        return None;
    }
    let help = allowed
        .iter()
        .find(|value| value.eq_ignore_ascii_case(text))
        .map(|value| format!("write {value}"));
    let message = format!(
        "expected one of {}, found {}",
        allowed.join(", "),
        quoted(text)
    );
    Some((message, help))
}

fn characters_violation(least: Option<i64>, most: Option<i64>, text: &str) -> Option<String> {
    // Kubernetes counts code points, not bytes.
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let message = match (least, most) {
        (Some(least), _) if length < least => format!("expected at least {}", characters(least)),
        (_, Some(most)) if length > most => format!("expected at most {}", characters(most)),
        _ => return None,
    };
    Some(format!("{message}, found {length}"))
}

fn characters(count: i64) -> String {
    if count == 1 {
        "1 character".to_owned()
    } else {
        format!("{count} characters")
    }
}

fn bounds_violation(least: Option<f64>, most: Option<f64>, integer: i64) -> Option<String> {
    let float = integer as f64;
    let too_small = least.is_some_and(|least| float < least);
    let too_large = most.is_some_and(|most| float > most);
    (too_small || too_large).then(|| match (least, most) {
        (Some(least), Some(most)) => {
            format!("expected a number from {least} to {most}, found {integer}")
        }
        (Some(least), None) => format!("expected a number from {least} on, found {integer}"),
        (None, most) => {
            format!(
                "expected a number up to {}, found {integer}",
                most.unwrap_or_default()
            )
        }
    })
}

fn name(schema: &Schema) -> &'static str {
    match schema {
        Schema::Object { .. } | Schema::Map(_) => "an object",
        Schema::List { .. } => "a list",
        Schema::Text { .. } => "a string",
        Schema::Integer { .. } => "a whole number",
        Schema::Boolean => "true or false",
        Schema::Any => "anything",
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

fn type_help(expected: &Schema, found: &Value) -> Option<String> {
    match (expected, found) {
        (Schema::Text { .. }, Value::Number(number)) => {
            Some(format!("put it in quotes: \"{number}\""))
        }
        (Schema::Text { .. }, Value::Bool(_)) => Some("put it in quotes".to_owned()),
        (Schema::Integer { .. }, Value::String(text)) if text.trim().parse::<i64>().is_ok() => {
            Some("leave out the quotes".to_owned())
        }
        (Schema::Boolean, Value::String(text)) if matches!(text.as_str(), "true" | "false") => {
            Some("leave out the quotes".to_owned())
        }
        (Schema::List { .. }, Value::Object(_)) => Some("begin each entry with \"- \"".to_owned()),
        (Schema::Object { .. } | Schema::Map(_), Value::Array(_)) => {
            Some("leave out the \"- \"".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
