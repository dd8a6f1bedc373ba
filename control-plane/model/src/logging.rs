//! What is written of requests and connections.

pub mod format;

use serde::{Deserialize, Serialize};

use crate::id::Str;

/// A line for each request or connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccessLog {
    /// The file, in the proxy's container; often `/dev/stdout`.
    pub path: Str,
    /// What a line says.
    pub format: LogFormat,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LogFormat {
    /// As Envoy writes it where nothing is said.
    Default,
    /// A text with Envoy's command operators.
    Text(Str),
    /// An object; values are texts with Envoy's command operators. Sorted by key, each once.
    Json(Vec<(Str, Str)>),
}
