//! Why an object is refused, in words.

use std::fmt;

use super::Subject;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// On what it rests.
    pub kind: DenialKind,
    /// The object, the field, what is wrong and the way out. Contains App Mesh's own message.
    pub message: String,
}

/// On what a refusal rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenialKind {
    /// On what the [`super::Directory`] holds. A Mesh or namespace made a moment ago may be missing there: whoever reads from a
    /// cache has to look again before refusing.
    Membership,
    /// On the object alone.
    Rule,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// One thing that is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Path of the field.
    pub(super) field: String,
    /// App Mesh's message.
    pub(super) message: String,
    /// The way out.
    pub(super) help: String,
}

impl Fault {
    pub(super) fn new(
        field: impl fmt::Display,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            field: field.to_string(),
            message: message.into(),
            help: help.into(),
        }
    }
}

/// Faults told at once; an object with more has to be looked at as a whole.
const MOST_FAULTS: usize = 8;

/// The refusal for what is wrong with the object itself, if anything is.
pub(super) fn of_faults(subject: &Subject<'_>, faults: Vec<Fault>) -> Option<Denial> {
    if faults.is_empty() {
        return None;
    }
    let more = faults.len().saturating_sub(MOST_FAULTS);
    let mut texts: Vec<String> = faults.iter().take(MOST_FAULTS).map(text).collect();
    if more > 0 {
        texts.push(format!("and {more} more"));
    }
    Some(Denial {
        kind: DenialKind::Rule,
        message: format!("{}: {}", subject.title(), texts.join(" | ")),
    })
}

/// The refusal for where the object would belong.
pub(super) fn of_membership(subject: &Subject<'_>, message: &str, help: &str) -> Denial {
    Denial {
        kind: DenialKind::Membership,
        message: format!("{}: {message} ({help})", subject.title()),
    }
}

fn text(fault: &Fault) -> String {
    let Fault {
        field,
        message,
        help,
    } = fault;
    format!("{field}: {message} ({help})")
}
