//! What the watches put into the mailbox.

use std::sync::Arc;

use tulle_crds::{Kind, ObjectKey};

use crate::change::Observed;
use crate::problem::Problem;

/// What a letter is about; a newer letter takes the place of an older one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// One object.
    Object(ObjectKey),
    /// What is wrong with the objects of a kind.
    Problems(Kind),
    /// That all objects of a kind are known.
    Known(Kind),
}

/// What a letter says.
#[derive(Clone, Debug)]
pub(super) enum Letter {
    /// The object as it is now; `None` where it is gone.
    Object(Option<Arc<Observed>>),
    /// Everything that is wrong.
    Problems(Vec<Problem>),
    /// It is so.
    Known,
}
