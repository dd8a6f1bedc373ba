//! App Mesh durations and the timeouts built from them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::string_enum::string_enum;

string_enum! {
    /// The unit of a [`Duration`].
    pub enum DurationUnit {
        /// Seconds.
        Seconds = "s",
        /// Milliseconds.
        Milliseconds = "ms",
    }
}

/// A length of time as a unit and a whole number of it. It is not a Go duration string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Duration {
    /// What `value` counts.
    pub unit: DurationUnit,
    /// How many units; 0 turns off the timeout that it sets.
    #[schemars(range(min = 0))]
    pub value: i64,
}

impl Duration {
    /// The same length as the standard library's type. A negative value, which the schema
    /// forbids, counts as zero.
    pub fn to_std(self) -> std::time::Duration {
        let value = u64::try_from(self.value).unwrap_or(0);
        match self.unit {
            DurationUnit::Seconds => std::time::Duration::from_secs(value),
            DurationUnit::Milliseconds => std::time::Duration::from_millis(value),
        }
    }
}

/// Timeouts of an HTTP, HTTP/2 or gRPC route or listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpTimeout {
    /// How long a connection or stream may be idle; 300 s where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<Duration>,
    /// How long a whole request may take; 15 s where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_request: Option<Duration>,
}

/// Timeouts of a TCP route or listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TcpTimeout {
    /// How long a connection may be idle; 300 s where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<Duration>,
}
