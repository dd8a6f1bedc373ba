//! What is wrong with files and objects.

use std::fmt;

use tulle_crds::ObjectKey;

use crate::change::Place;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something that was declared has no effect.
    Error,
    /// Everything has its effect, but perhaps not the one that was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    /// A file or folder that cannot be read: no permission, too large, no text.
    Unreadable,
    /// Files that cannot be watched, so that they are looked at now and then.
    Unwatched,
    /// A document that is neither YAML nor JSON, or unfolds to too much.
    Syntax,
    /// A document that is no Kubernetes object.
    NotAnObject,
    /// An object of another version, or of a kind that its API group does not have: it is passed over.
    PassedOver,
    /// An object that its kind's definition rejects.
    Rejected,
    /// A key that a map holds more than once.
    DuplicateKey,
    /// An object that is declared more than once.
    DeclaredTwice,
    /// A variable of a template that nobody has filled in.
    Placeholder,
}

/// Something wrong with a file, a document or an object. It stands until that is mended or gone.
/// Problems sort by place, those of a cluster's objects by object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem {
    /// Where in the files; `None` for an object of a cluster.
    pub place: Option<Place>,
    /// How bad.
    pub severity: Severity,
    /// What kind of thing.
    pub kind: ProblemKind,
    /// Which object, as far as it could be made out.
    pub object: Option<ObjectKey>,
    /// Which field of the object, such as `spec.routes[0].name`.
    pub field: Option<String>,
    /// What and why.
    pub message: String,
    /// A way out, where one is plain.
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    /// `front.yaml:12:7: VirtualRouter shop/color: spec.routes[0].name: expected a string, found 5`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}
