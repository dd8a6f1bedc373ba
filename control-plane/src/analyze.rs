//! Everything there is to say about manifests, or about the objects of a cluster, without serving them.

pub mod cluster;
mod json;
mod place;
mod sarif;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use tulle_crds::Object;
use tulle_model::settings::Settings;
use tulle_model::{Code, Finding, ObjectId, Severity, codes};
use tulle_source::{Place, Problem, ProblemKind};

use crate::engine::Engine;
use crate::offline;
use crate::translate::object_id;

pub use json::json;
pub use place::Places;
pub use sarif::sarif;
pub use text::text;
pub(crate) use text::{BOLD, PLAIN, counted};

/// What was looked at, and what there is to say of it.
#[derive(Debug, Default)]
pub struct Analysis {
    /// Sorted by place, then by object.
    pub statements: Vec<Statement>,
    /// How many objects were read.
    pub objects: usize,
    /// How many documents of which `apiVersion` and `kind` are of no meaning to a mesh.
    pub passed_over: BTreeMap<(String, String), usize>,
    /// A file could not be read at all.
    pub unreadable: bool,
}

/// A finding, or what is wrong with a file, with its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// Where it stands; `None` for an object of a cluster.
    pub place: Option<Place>,
    /// The object, as far as it could be made out.
    pub object: Option<ObjectId>,
    /// How much it matters.
    pub severity: Severity,
    /// What kind of thing it is.
    pub code: Code,
    /// Path of the field; empty for the whole object or file.
    pub field: String,
    /// What is the matter, in one sentence.
    pub message: String,
    /// The way out; empty if the message says it all.
    pub help: String,
}

/// Looks at files and folders.
///
/// # Errors
/// A path that is not there or cannot be read.
pub fn files(paths: &[PathBuf], settings: Settings) -> anyhow::Result<Analysis> {
    let loaded = offline::load(paths, settings)?;
    let mut places = Places::new(loaded.places.clone());
    let mut statements: Vec<Statement> = loaded.problems.iter().map(of_problem).collect();
    let objects = loaded.objects.iter().map(|observed| &observed.object);
    for finding in findings(&loaded.engine, objects) {
        let place = places.of(&finding.object, &finding.field);
        statements.push(of_finding(finding, place));
    }
    statements.sort();
    statements.dedup();
    Ok(Analysis {
        unreadable: statements
            .iter()
            .any(|statement| statement.code == codes::UNREADABLE_FILE),
        statements,
        objects: loaded.places.len(),
        passed_over: loaded.passed_over.as_ref().clone(),
    })
}

impl Analysis {
    /// How many statements there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        let alike = |statement: &&Statement| statement.severity == severity;
        self.statements.iter().filter(alike).count()
    }

    /// The highest severity of all; `None` where there is nothing to say.
    pub fn worst(&self) -> Option<Severity> {
        self.statements
            .iter()
            .map(|statement| statement.severity)
            .max()
    }
}

/// What the mesh finds, and what AWS's API would refuse, which serving does not look for.
fn findings<'a>(engine: &Engine, objects: impl Iterator<Item = &'a Object>) -> Vec<Finding> {
    let mut findings = engine.findings();
    let limits: Vec<Finding> = objects
        .flat_map(tulle_appmesh::admit::aws_limits)
        // What does not work here either needs no word on AWS.
        .filter(|limit| {
            !findings
                .iter()
                .any(|finding| is_of_same_field(finding, limit))
        })
        .collect();
    findings.extend(limits);
    findings
}

fn is_of_same_field(one: &Finding, other: &Finding) -> bool {
    (&one.object, &one.field) == (&other.object, &other.field)
}

pub(crate) fn of_finding(finding: Finding, place: Option<Place>) -> Statement {
    Statement {
        place,
        object: Some(finding.object),
        severity: finding.severity,
        code: finding.code,
        field: finding.field.to_string(),
        message: finding.message.to_string(),
        help: finding.help.to_string(),
    }
}

pub(crate) fn of_problem(problem: &Problem) -> Statement {
    Statement {
        place: problem.place.clone(),
        object: problem.object.as_ref().map(object_id),
        severity: match problem.severity {
            tulle_source::Severity::Error => Severity::Error,
            tulle_source::Severity::Warning => Severity::Warning,
        },
        code: code_of(problem.kind),
        field: problem.field.clone().unwrap_or_default(),
        message: problem.message.clone(),
        help: problem.help.clone().unwrap_or_default(),
    }
}

/// The code under which a problem of files is told.
pub fn code_of(kind: ProblemKind) -> Code {
    match kind {
        ProblemKind::Unreadable => codes::UNREADABLE_FILE,
        ProblemKind::Unwatched => codes::UNWATCHED_FILES,
        ProblemKind::Syntax => codes::SYNTAX_ERROR,
        ProblemKind::NotAnObject => codes::NOT_AN_OBJECT,
        ProblemKind::PassedOver => codes::PASSED_OVER,
        ProblemKind::Rejected => codes::INVALID_OBJECT,
        ProblemKind::DuplicateKey => codes::DUPLICATE_KEY,
        ProblemKind::DeclaredTwice => codes::DUPLICATE_OBJECT,
        ProblemKind::Placeholder => codes::PLACEHOLDER,
    }
}
