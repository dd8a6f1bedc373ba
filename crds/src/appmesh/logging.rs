//! Access logs of nodes and gateways.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a node or gateway logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// Where and how requests are logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log: Option<AccessLog>,
}

/// A destination of access logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessLog {
    /// A file inside the Envoy container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileAccessLog>,
}

/// An access log written to a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileAccessLog {
    /// Format of an entry; Envoy's default text format where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<LoggingFormat>,
    /// Path of the file, usually `/dev/stdout`.
    #[schemars(length(min = 1, max = 255))]
    pub path: String,
}

/// Format of an access log entry: `json` or `text`, not both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoggingFormat {
    /// Fields of a JSON entry, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonFormatField>,
    /// An Envoy format string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// One field of a JSON log entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JsonFormatField {
    /// Name of the field.
    #[schemars(length(min = 1))]
    pub key: String,
    /// An Envoy format string.
    #[schemars(length(min = 1))]
    pub value: String,
}
