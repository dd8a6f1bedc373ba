//! What is said about the object being translated.

use tulle_model::{Finding, ObjectId, Severity};

/// The codes of these findings. They are part of what users may filter by.
pub(crate) mod code {
    /// A value that means nothing.
    pub(crate) const INVALID: &str = "invalid-value";
    /// The second of two entries of which there may be one.
    pub(crate) const DUPLICATE: &str = "duplicate";
    /// Something that Kubernetes knows and the mesh cannot use.
    pub(crate) const UNUSABLE: &str = "unusable";
}

/// The findings about one object.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) object: ObjectId,
    findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(object: ObjectId) -> Self {
        Self {
            object,
            findings: Vec::new(),
        }
    }

    pub(crate) fn add(
        &mut self,
        severity: Severity,
        code: &str,
        field: &str,
        message: impl AsRef<str>,
        help: &str,
    ) {
        self.findings
            .push(Finding::new(severity, code, &self.object, field, message).help(help));
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}
