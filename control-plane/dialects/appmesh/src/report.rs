//! What is said about the object being translated, collected as the parts are read.

use tulle_model::{Finding, ObjectId, Severity};

use crate::field::Field;

/// The codes of this dialect's findings. They are part of what users may filter by.
pub(crate) mod code {
    /// A field that the part cannot do without is absent or empty.
    pub(crate) const MISSING: &str = "missing-field";
    /// Fields that exclude each other are set together.
    pub(crate) const CONFLICT: &str = "conflicting-fields";
    /// A value that means nothing.
    pub(crate) const INVALID: &str = "invalid-value";
    /// A reference or an ARN that names nothing.
    pub(crate) const REFERENCE: &str = "invalid-reference";
    /// A regular expression that RE2 refuses.
    pub(crate) const REGEX: &str = "invalid-regex";
    /// A label selector that cannot be evaluated.
    pub(crate) const SELECTOR: &str = "invalid-selector";
    /// The second of two entries of which there may be one.
    pub(crate) const DUPLICATE: &str = "duplicate";
    /// A path that belongs to App Mesh itself.
    pub(crate) const RESERVED: &str = "reserved-prefix";
    /// A field that is understood and changes nothing here.
    pub(crate) const NO_EFFECT: &str = "no-effect";
    /// A condition that no request can satisfy.
    pub(crate) const NEVER_MATCHES: &str = "never-matches";
    /// A route that names no port where there are several.
    pub(crate) const AMBIGUOUS: &str = "ambiguous-port";
    /// A prefix that may end inside a segment of the path.
    pub(crate) const AMBIGUOUS_PREFIX: &str = "ambiguous-prefix";
    /// A field that the schema does not know.
    pub(crate) const UNKNOWN: &str = "unknown-field";
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
        code: &str,
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
        code: &str,
        field: &Field,
        message: impl AsRef<str>,
        help: impl AsRef<str>,
    ) {
        self.push(Severity::Warning, code, field, message, help);
    }

    /// A field is set that nothing is made of yet.
    pub(crate) fn not_honoured_yet(&mut self, field: &Field) {
        self.findings
            .push(Finding::not_honoured_yet(&self.object, field.as_str()));
    }

    /// The same where a part of the field is honoured; `help` says what is done and what is not.
    pub(crate) fn half_honoured_yet(&mut self, field: &Field, help: &str) {
        self.findings
            .push(Finding::not_honoured_yet(&self.object, field.as_str()).help(help));
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
        code: &str,
        field: &Field,
        message: impl AsRef<str>,
        help: impl AsRef<str>,
    ) {
        self.findings
            .push(Finding::new(severity, code, &self.object, field.as_str(), message).help(help));
    }
}
