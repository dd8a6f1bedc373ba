//! What the watches put into the mailbox.

use std::sync::Arc;

use serde_json::Value;
use tulle_crds::{Kind, ObjectKey};
use xxhash_rust::xxh3::xxh3_64;

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
    /// What has become of the object.
    Object(Turn),
    /// Everything that is wrong.
    Problems(Vec<Problem>),
    /// It is so.
    Known,
}

impl Letter {
    /// This one in place of an earlier one that was not read.
    pub(super) fn after(self, earlier: Self) -> Self {
        match (self, earlier) {
            (Self::Object(turn), Self::Object(earlier)) => Self::Object(turn.after(earlier)),
            (letter, _) => letter,
        }
    }
}

/// What an object says, as a hash of all that some room reads of its text: all that has to be held of it to tell whether it says
/// something else later, without decoding it. Whoever makes two of one hash keeps the second from being seen, and both are theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Content(u64);

impl Content {
    /// Of an object that was pruned.
    pub(super) fn of(pruned: &Value) -> Self {
        let text = serde_json::to_vec(pruned);
        Self(xxh3_64(
            &text.expect("what was read from JSON can be written as JSON"),
        ))
    }
}

/// From what an object said to what it says. `None` where it is not there.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    /// What it said.
    pub(super) before: Option<Content>,
    /// The object as it is now.
    pub(super) now: Option<(Arc<Observed>, Content)>,
}

impl Turn {
    /// This one after an earlier one, as one.
    pub(super) fn after(self, earlier: Self) -> Self {
        Self {
            before: earlier.before,
            now: self.now,
        }
    }

    /// Whether the object says something else, or came, or went.
    pub(super) fn is_news(&self) -> bool {
        self.before != self.now.as_ref().map(|(_, content)| *content)
    }
}
