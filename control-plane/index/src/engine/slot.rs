//! The place of a fact or node in the graph.

use std::collections::BTreeSet;

use tulle_model::Finding;

use crate::key::{Fact, Node};
use crate::value::Value;

pub(crate) type SlotId = usize;

/// What a slot stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Fact(Fact),
    Node(Node),
}

/// What is known of a fact or node.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) key: Key,
    /// Wanted for its own sake.
    pub(crate) root: bool,
    /// The nodes that read it.
    pub(crate) dependents: BTreeSet<SlotId>,
    /// What it read, sorted.
    pub(crate) deps: Vec<SlotId>,
    /// A node's outcome, once it was computed.
    pub(crate) memo: Option<Memo>,
}

/// The outcome of a node.
#[derive(Debug)]
pub(crate) struct Memo {
    pub(crate) value: Value,
    /// Sorted, each once.
    pub(crate) findings: Vec<Finding>,
}

impl Slot {
    pub(crate) fn new(key: Key) -> Self {
        Self {
            key,
            root: false,
            dependents: BTreeSet::new(),
            deps: vec![],
            memo: None,
        }
    }

    /// A slot that stands for nothing until it is used again.
    pub(crate) fn vacant() -> Self {
        Self::new(Key::Fact(Fact::MeshSelectors))
    }
}
