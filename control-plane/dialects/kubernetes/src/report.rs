//! What is said about the object being translated.

use tulle_model::{Code, Finding, ObjectId, Severity};

/// The codes of this dialect's findings, by short names.
pub(crate) mod code {
    pub(crate) use tulle_model::codes::{DUPLICATE, INVALID_VALUE as INVALID, UNUSABLE};
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
        code: Code,
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
