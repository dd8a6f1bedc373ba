//! What is said about the object being translated, collected as the parts are read.

use tulle_model::{Code, Finding, ObjectId, Severity};

use crate::field::Field;

/// The codes of this dialect's findings, by short names.
pub(crate) mod code {
    pub(crate) use tulle_model::codes::{
        ACM_WITHOUT_AWS, AMBIGUOUS_PORT as AMBIGUOUS, AMBIGUOUS_PREFIX, AWS_LIMIT,
        CONFLICTING_FIELDS as CONFLICT, DUPLICATE, INVALID_REFERENCE as REFERENCE,
        INVALID_REGEX as REGEX, INVALID_SELECTOR as SELECTOR, INVALID_VALUE as INVALID,
        MISSING_FIELD as MISSING, NEVER_MATCHES, NO_EFFECT, POOL_PER_DESTINATION, PROXY_FILE,
        REFUSED_BY_ENVOY as REFUSED, RESERVED_PREFIX as RESERVED, UNKNOWN_FIELD as UNKNOWN,
    };
}

/// A part of the object is left out; the findings say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeftOut;

/// The findings about one object.
#[derive(Debug)]
pub(crate) struct Report {
    object: ObjectId,
    findings: Vec<Finding>,
}

impl Report {
    /// A report on `object` with nothing to say yet.
    pub(crate) fn new(object: ObjectId) -> Self {
        Self {
            object,
            findings: Vec::new(),
        }
    }

    /// The object.
    pub(crate) fn object(&self) -> &ObjectId {
        &self.object
    }

    /// A part has no effect until it is mended. The returned marker makes `return Err(…)` of it.
    pub(crate) fn error(
        &mut self,
        code: Code,
        field: &Field,
        message: impl AsRef<str>,
        help: impl AsRef<str>,
    ) -> LeftOut {
        self.push(Severity::Error, code, field, message, help);
        LeftOut
    }

    /// The part works, but not as its author may expect.
    pub(crate) fn warning(
        &mut self,
        code: Code,
        field: &Field,
        message: impl AsRef<str>,
        help: impl AsRef<str>,
    ) {
        self.push(Severity::Warning, code, field, message, help);
    }

    /// The part works, and this is good to know of it.
    pub(crate) fn info(
        &mut self,
        code: Code,
        field: &Field,
        message: impl AsRef<str>,
        help: impl AsRef<str>,
    ) {
        self.push(Severity::Info, code, field, message, help);
    }

    /// A field that the schema does not know; a cluster would have pruned it in silence.
    pub(crate) fn unknown_field(&mut self, path: &str) {
        self.findings.push(
            Finding::new(
                Severity::Warning,
                code::UNKNOWN,
                &self.object,
                path,
                "unknown field: it is ignored",
            )
            .help("check its spelling and its place, or remove it"),
        );
    }

    /// The findings, in the order in which the fields were read.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    fn push(
        &mut self,
        severity: Severity,
        code: Code,
        field: &Field,
        message: impl AsRef<str>,
        help: impl AsRef<str>,
    ) {
        self.findings
            .push(Finding::new(severity, code, &self.object, field.as_str(), message).help(help));
    }
}
