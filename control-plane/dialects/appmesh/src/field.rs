//! Paths of fields, as findings name them.

use std::fmt;

/// The path of a field, such as `spec.routes[0].httpRoute.match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field(String);

impl Field {
    /// The object's `spec`.
    pub(crate) fn spec() -> Self {
        Self("spec".to_owned())
    }

    /// An entry of the object's labels or annotations.
    pub(crate) fn metadata_entry(map: &str, key: &str) -> Self {
        Self(format!("metadata.{map}[{key}]"))
    }

    /// A member of this field.
    pub(crate) fn key(&self, key: &str) -> Self {
        Self(format!("{}.{key}", self.0))
    }

    /// An entry of this list.
    pub(crate) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// The path as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
