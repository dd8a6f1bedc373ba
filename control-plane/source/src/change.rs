//! What goes out of this room: objects, where they were read, and how they change.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tulle_crds::{Object, ObjectKey};

use crate::problem::Problem;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, as it was named or found under a named folder.
    pub file: Arc<Path>,
    /// The line, from 1; 0 where the whole file is meant.
    pub line: u32,
    /// The column, from 1; 0 where the whole line or file is meant.
    pub column: u32,
}

impl Place {
    /// A whole file.
    pub fn file(file: Arc<Path>) -> Self {
        Self {
            file,
            line: 0,
            column: 0,
        }
    }
}

impl fmt::Display for Place {
    /// `front.yaml:12:7`, without what is 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        for number in [self.line, self.column] {
            if number == 0 {
                break;
            }
            write!(f, ":{number}")?;
        }
        Ok(())
    }
}

/// An object and where it was read.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The object, with what some room reads of it and nothing else: of App Mesh kinds the whole
    /// spec, of Kubernetes' own a few fields; of metadata the names, the labels and annotations
    /// that mean something, of a Pod the uid.
    pub object: Object,
    /// Paths of the fields that the kind's schema does not know and that were passed over.
    pub unknown_fields: Vec<String>,
    /// Where the object was read: the line of its `kind` in a file; `None` for one of a cluster.
    pub place: Option<Place>,
    /// The generation in which it was read; `None` for one of a file and for kinds that have none. That it alone is another
    /// is no change: [`crate::Record::in_force`] tells it.
    pub generation: Option<i64>,
}

impl Observed {
    /// Whether the other says the same, wherever and in whatever generation it was read.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.object == other.object && self.unknown_fields == other.unknown_fields
    }
}

/// What has become of one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// The object's name.
    pub key: ObjectKey,
    /// The object as it is now; `None` where it is gone.
    pub object: Option<Arc<Observed>>,
}

/// What changed at one time.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The objects that came, changed or went, in the order of their keys, each once.
    pub changes: Vec<Change>,
    /// Everything that is wrong now, sorted; it replaces what the batch before said.
    pub problems: Arc<[Problem]>,
    /// How many documents of which `apiVersion` and `kind` are passed over now.
    pub passed_over: Arc<BTreeMap<(String, String), usize>>,
    /// When the oldest of the events behind this batch was seen; for the first batch, when
    /// reading began.
    pub seen: Instant,
}

impl Batch {
    /// This batch followed by a newer one, as one.
    pub(crate) fn then(self, newer: Self) -> Self {
        let mut changes: BTreeMap<ObjectKey, Change> = BTreeMap::new();
        for change in self.changes.into_iter().chain(newer.changes) {
            changes.insert(change.key.clone(), change);
        }
        Self {
            changes: changes.into_values().collect(),
            seen: self.seen.min(newer.seen),
            ..newer
        }
    }
}
