//! What Tulle has to say about a user's object.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codes::{self, Code};
use crate::id::{ObjectId, Str};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know; nothing is lost.
    Info,
    /// The object works, but not as the user may expect.
    Warning,
    /// A part of the object has no effect until it is mended.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One statement about one object: what is wrong, where, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What kind of thing is said: a code of [`codes`].
    pub code: Code,
    /// The object it is about.
    pub object: ObjectId,
    /// Path of the field, such as `spec.routes[0].httpRoute.match`; empty for the whole object.
    pub field: Str,
    /// What is the matter, in one sentence.
    pub message: Str,
    /// The way out; empty if the message says it all.
    pub help: Str,
}

impl Finding {
    /// Makes a finding with no way out beyond the message.
    pub fn new(
        severity: Severity,
        code: Code,
        object: &ObjectId,
        field: &str,
        message: impl AsRef<str>,
    ) -> Self {
        Self {
            severity,
            code,
            object: object.clone(),
            field: field.into(),
            message: message.as_ref().into(),
            help: "".into(),
        }
    }

    /// Adds the way out.
    #[must_use]
    pub fn help(mut self, help: impl AsRef<str>) -> Self {
        self.help = help.as_ref().into();
        self
    }

    /// A field that is set and has no effect yet.
    pub fn not_honoured_yet(object: &ObjectId, field: &str) -> Self {
        Self::new(
            Severity::Warning,
            codes::NOT_HONOURED_YET,
            object,
            field,
            format!("not honoured yet: {field}"),
        )
    }
}

impl Finding {
    /// Object, field, message, code and way out, without the severity.
    pub fn statement(&self) -> String {
        let mut text = format!("{}: ", self.object);
        for part in [&self.field, &self.message] {
            if !part.is_empty() {
                text.push_str(part);
                text.push_str(": ");
            }
        }
        text.truncate(text.len() - 2);
        text.push_str(&format!(" [{}]", self.code));
        if !self.help.is_empty() {
            text.push_str("; ");
            text.push_str(&self.help);
        }
        text
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, self.statement())
    }
}
