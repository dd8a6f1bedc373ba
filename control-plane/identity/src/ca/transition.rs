//! What a rotation listens to, and what it answers.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use super::{CaSlot, CaState};
use crate::issuer::Generation;

/// What the proxies that are connected to any replica hold. The default knows nothing, and nothing is concluded from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Whether every replica was heard of lately. Without it the rest counts for nothing.
    pub complete: bool,
    /// The versions ([`TrustBundle::version`](super::TrustBundle::version)) of every bundle that some connected proxy has acknowledged last.
    pub bundles: BTreeSet<Arc<str>>,
    /// The issuers ([`Svid::version`](crate::Svid::version) begins with it) of every certificate that some connected proxy
    /// has acknowledged last, or with which some replica signs.
    pub issuers: BTreeSet<Generation>,
}

/// What somebody asks for, by the annotation `tulle.dev/rotate` on the Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `now`: replace the root.
    Rotate,
    /// `advance`: take the next step without waiting for anybody. Proxies that are not ready for it lose their connections.
    Advance,
    /// `abort`: take a step back.
    Abort,
}

/// The text is no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use now, advance or abort")]
pub struct CommandError;

impl FromStr for Command {
    type Err = CommandError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "now" => Ok(Self::Rotate),
            "advance" => Ok(Self::Advance),
            "abort" => Ok(Self::Abort),
            _ => Err(CommandError),
        }
    }
}

/// The authority that the user brings, if any.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// None: ours is made here.
    Ours,
    /// There is one, but it cannot be used: what there is stays.
    Refused,
    /// This one.
    Users(&'a CaSlot),
}

/// Why a root is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It has lived the greater part of its life.
    Age,
    /// Somebody asked.
    Asked,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// For nothing but old age.
    Idle,
    /// For the user to renew the authority that was brought: it has lived the greater part of its life.
    User,
    /// For proxies that may be away: until their certificates have ended.
    Absent,
    /// For connected proxies (or replicas) to take what they were sent.
    Proxies,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The next authority's roots are published.
    Prepare,
    /// The next authority signs.
    Activate,
    /// The previous authority's roots are withdrawn.
    Retire,
    /// The previous authority's key is forgotten.
    Forget,
    /// The user's authority was replaced by another below the same root.
    Renew,
    /// The next authority is forgotten before it signed.
    Abort,
    /// The previous authority signs again.
    Rollback,
    /// The previous authority's roots are published again.
    Restore,
    /// Leaves live longer than before: noted, so that those after us wait long enough.
    Note,
}

/// What is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// Nothing, until `until` or until something else changes.
    Stay {
        /// What is waited for.
        waiting: Waiting,
        /// When to look again.
        until: SystemTime,
    },
    /// A new root is to be made and given to [`CaState::prepare`].
    NewRoot(Reason),
    /// This.
    To(Step, Box<CaState>),
}
