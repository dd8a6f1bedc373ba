//! The JSON view of Envoy's messages: proto3 JSON with the proto's own field names (`typed_config`, `@type`), the form of Envoy's
//! documentation, of its admin port and of its bootstrap.
//!
//! Fields that hold their default are left out; object keys come sorted; the same bytes always give the same text.

use std::sync::LazyLock;

use envoy_types::pb::google::protobuf::Any;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions,
};
use serde_json::{Number, Value};

const TYPE_URL_PREFIX: &str = "type.googleapis.com/";
const TYPE_KEY: &str = "@type";

/// The messages that Tulle sends, and what they hold (`PACKAGES` in `build.rs`). Decoding the set takes milliseconds and some
/// megabytes: only those who look at JSON pay, once.
static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(include_bytes!(concat!(env!("OUT_DIR"), "/envoy-types.bin")).as_slice())
        .expect("the descriptor set of envoy-types is whole")
});

/// Why a message has no JSON form, or JSON no message.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The type is none of those that Tulle knows Envoy to have.
    #[error("unknown message type {type_url:?}: none of the types of Envoy's API that Tulle knows")]
    UnknownType {
        /// As it was given.
        type_url: String,
    },
    /// The bytes are not a message of that type.
    #[error("not a valid {type_url}: {source}")]
    Decode {
        /// The type the bytes were said to have.
        type_url: String,
        /// What is wrong with them.
        source: prost::DecodeError,
    },
    /// The message holds something that has no JSON form: an extension of unknown type, a duration out of range.
    #[error("{type_url} has no JSON form: {source}")]
    Encode {
        /// The type of the outermost message.
        type_url: String,
        /// What has no form.
        source: serde_json::Error,
    },
    /// The JSON does not fit the type: unknown field, wrong kind of value, unknown `@type` inside.
    #[error("not a valid {type_url}: {source}")]
    Parse {
        /// The type of the outermost message.
        type_url: String,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// The JSON says of itself that it is something else.
    #[error("expected {expected}, but \"@type\" says {found:?}")]
    TypeMismatch {
        /// The type asked for.
        expected: String,
        /// What `@type` holds.
        found: String,
    },
    /// The value cannot be written as YAML.
    #[error("cannot be written as YAML: {0}")]
    Yaml(#[from] serde_saphyr::ser_error::Error),
    /// The text is not YAML.
    #[error("not YAML: {0}")]
    YamlSyntax(Box<serde_saphyr::Error>),
}

/// The JSON form of an encoded message.
///
/// `type_url` may come with or without its `type.googleapis.com/`. The result carries no `@type` of its own.
pub fn to_json(type_url: &str, bytes: &[u8]) -> Result<Value, JsonError> {
    let message = DynamicMessage::decode(descriptor(type_url)?, bytes).map_err(|source| {
        JsonError::Decode {
            type_url: type_url.to_owned(),
            source,
        }
    })?;
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(true);
    let value = message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|source| JsonError::Encode {
            type_url: type_url.to_owned(),
            source,
        })?;
    Ok(normal(value))
}

/// The JSON form of a typed message, without `@type`.
pub fn message_to_json<M: prost::Name>(message: &M) -> Result<Value, JsonError> {
    to_json(&M::type_url(), &message.encode_to_vec())
}

/// The JSON form of a packed message: its fields and `@type`, as it stands under a `typed_config`.
pub fn any_to_json(any: &Any) -> Result<Value, JsonError> {
    let value = to_json(&any.type_url, &any.value)?;
    let mut fields = match value {
        Value::Object(fields) => fields,
        // A well-known type whose JSON form is not an object stands under `value`.
        other => serde_json::Map::from_iter([("value".to_owned(), other)]),
    };
    fields.insert(TYPE_KEY.to_owned(), Value::String(any.type_url.clone()));
    Ok(normal(Value::Object(fields)))
}

/// The encoded message of a JSON form; unknown fields are errors. A `@type` beside the fields is allowed and must then agree.
pub fn from_json(type_url: &str, mut value: Value) -> Result<Vec<u8>, JsonError> {
    let descriptor = descriptor(type_url)?;
    if descriptor.full_name() != "google.protobuf.Any"
        && let Some(found) = value
            .as_object_mut()
            .and_then(|fields| fields.remove(TYPE_KEY))
    {
        let found = found
            .as_str()
            .map_or_else(|| found.to_string(), str::to_owned);
        if message_name(&found) != message_name(type_url) {
            return Err(JsonError::TypeMismatch {
                expected: type_url.to_owned(),
                found,
            });
        }
    }
    let message =
        DynamicMessage::deserialize_with_options(descriptor, value, &DeserializeOptions::new())
            .map_err(|source| JsonError::Parse {
                type_url: type_url.to_owned(),
                source,
            })?;
    Ok(message.encode_to_vec())
}

/// YAML text of a JSON value that Envoy's YAML reader takes as the same value: strings that could be read as a number, a boolean
/// or nothing are quoted.
pub fn to_yaml(value: &Value) -> Result<String, JsonError> {
    let mut options = serde_saphyr::SerializerOptions::default();
    options.prefer_block_scalars = false;
    Ok(serde_saphyr::to_string_with_options(value, options)?)
}

/// The value that YAML text holds, as [`to_yaml`] writes it.
pub fn from_yaml(text: &str) -> Result<Value, JsonError> {
    serde_saphyr::from_str(text).map_err(|e| JsonError::YamlSyntax(Box::new(e)))
}

fn message_name(type_url: &str) -> &str {
    type_url.strip_prefix(TYPE_URL_PREFIX).unwrap_or(type_url)
}

fn descriptor(type_url: &str) -> Result<MessageDescriptor, JsonError> {
    POOL.get_message_by_name(message_name(type_url))
        .ok_or_else(|| JsonError::UnknownType {
            type_url: type_url.to_owned(),
        })
}

/// One form for one message: map fields have no order of their own, so keys are sorted whatever `serde_json` was built to keep.
fn normal(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(
                fields
                    .into_iter()
                    .map(|(key, value)| (key, normal(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(normal).collect()),
        // The numbers of a Struct are all doubles; a whole one is written as people write it.
        Value::Number(number) if !number.is_i64() && !number.is_u64() => whole(number),
        scalar => scalar,
    }
}

fn whole(number: Number) -> Value {
    // Up to here a double holds every whole number.
    const EXACT: f64 = (1_u64 << 53) as f64;
    match number.as_f64() {
        Some(n) if n.fract() == 0.0 && n.abs() <= EXACT => Value::from(n as i64),
        _ => Value::Number(number),
    }
}

#[cfg(test)]
mod tests;
